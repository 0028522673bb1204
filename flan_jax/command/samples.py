"""flan-jax samples: samples several answers to each question of a file, and uses them.

`draw` writes answers to a folder; if interrupted, the same command resumes. `vote` measures majority voting. `paths`
keeps correct solutions as training data (rejection sampling fine-tuning, RFT). `best` chooses the best of n answers by
a scorer, and prints the expected reward for every n. `problems` writes generated word problems to try this out.
"""

import argparse
import json
import pathlib
from collections.abc import Mapping, Sequence

from rich.table import Table

from flan_jax.command.generate import add_arguments, check_sizes, open_model
from flan_jax.command.tables import print_table
from flan_jax.errors import UserError
from flan_jax.files import require_writable_file, write_whole
from flan_jax.progress import CONSOLE, bar

PAPER_TEMPERATURE, PAPER_MAX_NEW_TOKENS, PAPER_SAMPLES = 0.7, 256, 100
"""The sampling temperature of RFT (Yuan et al. 2023, section 3.3)."""

REWARD_BATCH_TOKENS = 8192


def main(arguments: list[str]) -> int:
    """Carries out `draw`, `vote`, `paths`, `best` or `problems`."""
    options = _parse(arguments)
    {'draw': _draw, 'vote': _vote, 'paths': _paths, 'best': _best, 'problems': _problems}[options.action](options)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='flan-jax samples', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    actions = parser.add_subparsers(dest='action', required=True, metavar='{draw,vote,paths,best,problems}')
    _add_draw(actions.add_parser('draw', help='sample answers', allow_abbrev=False))
    vote = actions.add_parser('vote', help="compute maj1@k and pass@k of the answers after '####'", allow_abbrev=False)
    vote.add_argument('folder', nargs='+', help='folder of samples; with several, all answers vote together')
    paths = actions.add_parser(
        'paths', help='keep correct solutions with distinct equations, together with the references', allow_abbrev=False
    )
    paths.add_argument(
        'folder', nargs='+', help='folder of samples; with several, their solutions are merged in this order'
    )
    paths.add_argument(
        '--output', type=pathlib.Path, required=True, help='output file, JSON lines with "prompt" and "completion"'
    )
    best = actions.add_parser(
        'best',
        help='choose the best of n answers by a scorer, and compute its expected reward for every n',
        allow_abbrev=False,
    )
    best.add_argument('folder', help='folder of samples')
    best.add_argument(
        '--scorer',
        required=True,
        help='scorer: right, fewer_words, the folder of a reward model, or FILE.jsonl with scores',
    )
    best.add_argument('--reward', help='scorer that gives the reward of the chosen answer; default: that of --scorer')
    best.add_argument('--output', type=pathlib.Path, help='write the best answers to this file, as JSON lines')
    best.add_argument(
        '--rank', type=int, default=1, help='with --output: write the answers of this rank (default: 1, the best)'
    )
    problems = actions.add_parser(
        'problems', help='write generated word problems with solutions, and their vocabulary', allow_abbrev=False
    )
    problems.add_argument(
        '--output', type=pathlib.Path, required=True, help='output folder, of train.jsonl, test.jsonl and words/'
    )
    problems.add_argument('--train', type=int, default=1000, help='number of training problems (default: 1000)')
    problems.add_argument('--test', type=int, default=200, help='number of test problems (default: 200)')
    problems.add_argument('--seed', type=int, default=0, help='seed of the problems (default: 0)')
    return parser.parse_args(arguments)


def _add_draw(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--file', type=pathlib.Path, required=True, help='file of questions: .jsonl, .json or .parquet')
    parser.add_argument(
        '--keys',
        nargs='+',
        metavar='OURS=THEIRS',
        default=[],
        help='names of keys in your file, such as prompt=question completion=answer',
    )
    parser.add_argument('--output', required=True, help='output folder')
    parser.add_argument(
        '--samples', type=int, default=PAPER_SAMPLES, help='number of answers to each question (default: 100)'
    )
    parser.add_argument('--limit', type=int, help='number of questions, from the start of the file (default: all)')
    parser.add_argument(
        '--checkpoint',
        required=True,
        metavar='MODEL',
        help='folder of a model: Hugging Face, a run, or one of its checkpoints',
    )
    add_arguments(parser)
    parser.set_defaults(temperature=PAPER_TEMPERATURE, max_new_tokens=PAPER_MAX_NEW_TOKENS)


def _draw(options: argparse.Namespace) -> None:
    from flan_jax.command.instruction_data import renamed_keys
    from flan_jax.evaluation import samples
    from flan_jax.inference.arguments import decoding_of
    from flan_jax.inference.generation import Generator

    check_sizes(options, 'samples', 'max_new_tokens', 'batch_tokens', 'fsdp', 'tensor')
    if options.limit is not None:
        check_sizes(options, 'limit')
    questions = samples.read_questions(options.file, renamed_keys(options.keys), options.limit)
    names = ('temperature', 'top_k', 'top_p', 'repetition_penalty')
    decoding = decoding_of(**{name: getattr(options, name) for name in names})
    model = open_model(options)
    samples.require_same(options.output, _drawn_by(options, model, decoding, questions))
    generator = Generator(
        model,
        max_new_tokens=options.max_new_tokens,
        batch_tokens=options.batch_tokens,
        decoding=decoding,
        seed=options.seed,
    )
    with bar('sampling', len(questions)) as advance:
        samples.draw(options.output, questions, samples.Sampler(model, generator, options.samples).answers, advance)
    CONSOLE.print(f'{options.output} holds {options.samples} answers to each of {len(questions)} questions')


def _drawn_by(options: argparse.Namespace, model, decoding, questions) -> Mapping[str, object]:
    """Everything that the answers depend on: they may be resumed only if it is unchanged."""
    from flan_jax.evaluation import samples
    from flan_jax.evaluation.model_identity import model_identity
    from flan_jax.settings import as_plain, fingerprint

    return {
        'questions': len(questions),
        'questions_fingerprint': samples.fingerprint(questions),
        'questions_per_file': samples.QUESTIONS_PER_FILE,
        'samples': options.samples,
        'weights': fingerprint(model_identity(options.checkpoint)),
        'dtype': model.execution.dtype,
        'param_dtype': options.param_dtype,
        'vocabulary': model.vocabulary.fingerprint,
        'prompt_format': model.prompt_format.recipe,
        'task': options.task,
        'decoding': as_plain(decoding),
        'seed': options.seed,
        'max_new_tokens': options.max_new_tokens,
        'batch_tokens': options.batch_tokens,
    }


def _read(folders: Sequence[str]):
    """The samples of all folders together; raises SamplesError."""
    from flan_jax.evaluation import samples

    return samples.union([samples.read(folder) for folder in folders])


def _vote(options: argparse.Namespace) -> None:
    from flan_jax.evaluation.votes import votes

    table = Table('k', 'maj1@k', '95 % interval', 'pass@k', box=None)
    for row in votes(_read(options.folder)):
        low, high = row.interval
        table.add_row(str(row.k), f'{row.majority:.1f}', f'{low:.1f} to {high:.1f}', f'{row.passed:.1f}')
    print_table(table)


def _paths(options: argparse.Namespace) -> None:
    require_writable_file(options.output, '--output')
    from flan_jax.evaluation.rejection import keep_paths

    samples = _read(options.folder)
    with bar('keeping paths', len(samples)) as advance:
        kept = keep_paths(samples, advance)
    row_of = _alpaca_row if any(question.context for question in kept.questions) else _prompt_row
    rows = [
        row_of(question, solution)
        for question, solutions in zip(kept.questions, kept.paths)
        for solution in (question.reference, *solutions)
    ]
    write_whole(options.output, ''.join(json.dumps(row, ensure_ascii=False) + '\n' for row in rows))
    CONSOLE.print(
        f'{len(samples)} questions, {kept.drawn} samples: {kept.right} correct, {kept.accepted} of them with '
        f'correct equations, {kept.distinct} distinct paths, {kept.distinct / len(samples):.2f} per question; '
        f'{options.output} holds {len(rows)} examples'
    )


def _prompt_row(question, solution: str) -> dict[str, str]:
    return {'prompt': question.prompt, 'completion': solution}


def _alpaca_row(question, solution: str) -> dict[str, str]:
    """A row with the input apart, so that tuning reads the prompt that answers were sampled with."""
    instruction = question.prompt.removesuffix(question.context).rstrip()
    return {'instruction': instruction, 'input': question.context, 'output': solution}


def _best(options: argparse.Namespace) -> None:
    import numpy as np

    from flan_jax.evaluation.samples import read
    from flan_jax.metrics.bootstrap import mean_interval
    from flan_jax.metrics.repeated import expected_best, kl_of_best

    if options.output:
        require_writable_file(options.output, '--output')

    samples = read(options.folder)
    if not 1 <= options.rank <= len(samples[0].answers):
        raise UserError(f'--rank={options.rank}: must be from 1 to the {len(samples[0].answers)} answers of a question')
    scores = np.array(_scores(options.scorer, samples))
    rewards = np.array(_scores(options.reward, samples)) if options.reward else scores
    expected_QxN = expected_best(scores, rewards)
    table = Table('n', 'expected reward', '95 % interval', 'KL at most', box=None)
    for n, values_Q in enumerate(expected_QxN.T, start=1):
        low, high = mean_interval(values_Q)
        table.add_row(str(n), f'{values_Q.mean():.4f}', f'{low:.4f} to {high:.4f}', f'{kl_of_best(n):.3f}')
    print_table(table)
    if options.output:
        ranked_QxN = np.argsort(-scores, axis=1, kind='stable')  # of equal scores the first sample ranks higher
        chosen = [
            {'prompt': found.question.prompt, 'answer': found.answers[of_rank], 'score': float(of[of_rank])}
            for found, of, of_rank in zip(samples, scores, ranked_QxN[:, options.rank - 1])
        ]
        write_whole(options.output, ''.join(json.dumps(row, ensure_ascii=False) + '\n' for row in chosen))


def _scores(name: str, samples) -> list[list[float]]:
    """The scores of all answers: by the reward model in folder `name` if it exists, else by `scores_by(name)`."""
    from flan_jax.evaluation.reward_scores import reward_scores
    from flan_jax.evaluation.scorers import scores_by
    from flan_jax.loaded_model import load

    if not pathlib.Path(name).is_dir():
        return scores_by(name, samples)
    with bar('rating', len(samples)) as advance:
        return reward_scores(load(name), samples, REWARD_BATCH_TOKENS, advance)


def _problems(options: argparse.Namespace) -> None:
    from flan_jax.tasks import word_problems

    check_sizes(options, 'train', 'test')
    word_problems.write(options.output, {'train': options.train, 'test': options.test}, options.seed)
    CONSOLE.print(
        f'{options.output} holds {options.train} training problems, {options.test} test problems, and their '
        f'vocabulary, {word_problems.VOCABULARY}'
    )
