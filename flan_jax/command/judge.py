"""flan-jax judge: compares the answers of two models to the same prompts, or scores the answers of one model.

A and B are files of answers to the same prompts: JSON lines with "prompt" and "answer", as `flan-jax generate --output`
writes them, or AlpacaEval's lists with "instruction" and "output". The judge is one of

  --model=CHECKPOINT   a language model, which names the better of two answers, in both orders; or a reward model
  --reward=CHECKPOINT  a reward model: the answer with the higher reward wins
  --endpoint=URL       a model behind an OpenAI-compatible endpoint; with --scores it rates both answers from 1 to 10
  --verdicts=FILE      existing verdicts

Requests to an endpoint are sent only with --confirm_cost; without it, their estimated cost is printed. Replies are
cached, so that each question is paid for once. Verdicts are written to --output, one per line; --verdicts reads such a
file. With one file of answers, --endpoint and --scores, each answer is scored by itself. --reviews summarises the
scores of existing reviews in Vicuna's format.
"""

import argparse
import dataclasses
import json
import pathlib
from collections.abc import Sequence

from flan_jax.command import endpoint_options, judge_tables
from flan_jax.command.generate import check_sizes
from flan_jax.command.tables import OUT, print_table
from flan_jax.errors import UserError
from flan_jax.files import require_writable_file, write_whole
from flan_jax.progress import CONSOLE, bar

JUDGES = ('verdicts', 'model', 'reward', 'endpoint')


def main(arguments: list[str]) -> int:
    """Prints win rates, and writes the verdicts."""
    options = _parse(arguments)
    if options.reviews:
        print_table(judge_tables.reviews(options.reviews))
        return 0
    if options.output:
        require_writable_file(options.output, '--output')
    if options.b is None:
        _rate(options)
    else:
        _compare(options)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog='flan-jax judge',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('a', metavar='A', nargs='?', help='answers of the baseline model')
    parser.add_argument('b', metavar='B', nargs='?', help='answers of another model to the same prompts')
    parser.add_argument('--verdicts', metavar='FILE', help='use the verdicts of this file')
    parser.add_argument(
        '--model', metavar='CHECKPOINT', help='judge with this model: a run, a checkpoint or a converted model'
    )
    parser.add_argument(
        '--reward',
        metavar='CHECKPOINT',
        help='judge with this reward model: a run, a checkpoint or a Hugging Face folder',
    )
    parser.add_argument('--vocabulary', help='path of the vocabulary; default: that of the judge')
    parser.add_argument('--batch_tokens', type=int, default=8192, help='tokens in a batch (default: 8192)')
    parser.add_argument(
        '--output', type=pathlib.Path, metavar='FILE', help='write the verdicts to this file, as JSON lines'
    )
    _add_statistics(parser)
    parser.add_argument(
        '--scores',
        choices=('general', 'coding', 'math'),
        help='let the endpoint give scores, with the prompt for this kind of question',
    )
    parser.add_argument('--reviews', nargs='+', metavar='FILE', help='reviews whose scores are summarised')
    endpoint_options.add_arguments(parser)
    options = parser.parse_intermixed_args(arguments)
    _check(options)
    return options


def _add_statistics(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments for agreement, joint fits and intervals."""
    parser.add_argument(
        '--agree', nargs='+', default=[], metavar='FILE', help='verdicts of other judges, to measure the agreement with'
    )
    parser.add_argument(
        '--joint', nargs='+', default=[], metavar='FILE',
        help='verdicts on other models with the same A, to fit the difficulty of instructions jointly',
    )  # fmt: skip
    parser.add_argument(
        '--prior', nargs='+', default=[], metavar='FILE', help='with --joint: verdicts on concise and verbose baselines'
    )
    parser.add_argument(
        '--resamples', type=int, default=200, help='number of bootstrap resamples of the interval (default: 200)'
    )


def _check(options: argparse.Namespace) -> None:
    """Raises UserError for options that exclude or need each other."""
    judges = [name for name in JUDGES if getattr(options, name)]
    if options.reviews and (options.a or judges):
        raise UserError('--reviews cannot be combined with answers or judges; remove these')
    if options.reviews:
        return
    if options.a is None or (options.b is None and not options.scores):
        raise UserError('give two files of answers, or one file and --scores, or --reviews')
    if len(judges) != 1:
        raise UserError('choose one judge: --verdicts=FILE, --model, --reward or --endpoint=URL')
    if options.scores and judges != ['endpoint']:
        raise UserError('--scores only applies with --endpoint')
    if options.b is None and (options.agree or options.joint):
        raise UserError('--agree and --joint only apply with two files of answers')
    if options.prior and not options.joint:
        raise UserError('--prior only applies with --joint, which fits the difficulties that it needs')
    endpoint_options.require_endpoint(options)
    check_sizes(options, 'batch_tokens', 'resamples')


def _compare(options: argparse.Namespace) -> None:
    from flan_jax.evaluation.judges.answers import paired, read_answers
    from flan_jax.evaluation.judges.pairwise import decided, judge_agreement
    from flan_jax.evaluation.judges.verdict_file import VerdictFile, comparisons_with

    baseline = read_answers(options.a)
    pairs = paired(baseline, read_answers(options.b))
    others, prior = ([comparisons_with(baseline, path) for path in paths] for paths in (options.joint, options.prior))
    agree = [VerdictFile(path).verdicts(pairs) for path in options.agree]
    judges = {'verdicts': _from_file, 'model': _by_model, 'reward': _by_reward, 'endpoint': _by_endpoint}
    (judge,) = [judges[name] for name in JUDGES if getattr(options, name)]
    verdicts, recipe = judge(options, pairs)
    _write(options.output, [verdict.as_record(recipe) for verdict in verdicts])
    found = decided(verdicts)
    OUT.print(f'A: {options.a}\nB: {options.b}\n{len(verdicts)} prompts', markup=False)
    if undecided := len(verdicts) - len(found):
        OUT.print(f'{undecided} of them have no verdict, and do not count')
    print_table(judge_tables.win_rates(found, others, prior, options.resamples))
    if options.scores:
        print_table(judge_tables.scores_of_pairs(verdicts))
    for path, of_other in zip(options.agree, agree):
        OUT.print(f'agreement with {path}: {judge_agreement(verdicts, of_other):.1f} %', markup=False)


def _rate(options: argparse.Namespace) -> None:
    """Scores the answers of one file."""
    from flan_jax.evaluation.judges.answers import read_answers
    from flan_jax.evaluation.judges.scores import Scoring
    from flan_jax.evaluation.judges.single import Answer

    answers = [Answer(*of) for of in read_answers(options.a).items()]
    with endpoint_options.client(options) as client, bar('judging', len(answers)) as advance:
        judge = Scoring(client, options.scores, advance)
        ratings = judge.ratings(answers)
    _write(options.output, [rating.as_record(judge.recipe) for rating in ratings])
    print_table(judge_tables.ratings(ratings, options.a))


def _write(path: pathlib.Path | None, records: Sequence) -> None:
    if path:
        write_whole(path, ''.join(json.dumps(record, ensure_ascii=False) + '\n' for record in records))
        CONSOLE.print(f'written to {path}', markup=False)


def _from_file(options: argparse.Namespace, pairs: Sequence):
    from flan_jax.evaluation.judges.verdict_file import VerdictFile

    judge = VerdictFile(options.verdicts)
    return judge.verdicts(pairs), judge.recipe


def _by_model(options: argparse.Namespace, pairs: Sequence):
    from flan_jax.evaluation.judges.by_model import judge_of

    judge = judge_of(_opened(options.model, options), options.batch_tokens, options.model)
    with bar('judging', judge.orders * len(pairs)) as advance:
        return dataclasses.replace(judge, progress=advance).verdicts(pairs), judge.recipe


def _by_reward(options: argparse.Namespace, pairs: Sequence):
    from flan_jax.evaluation.judges.reward import RewardJudge

    model = _opened(options.reward, options)
    with bar('rating', len(pairs)) as advance:
        judge = RewardJudge(model, options.batch_tokens, options.reward, advance)
        return judge.verdicts(pairs), judge.recipe


def _by_endpoint(options: argparse.Namespace, pairs: Sequence):
    from flan_jax.evaluation.judges.ranking import RankingJudge
    from flan_jax.evaluation.judges.scores import ScoringPairs

    with endpoint_options.client(options) as client, bar('judging in both orders', 2 * len(pairs)) as advance:
        scoring = options.scores and ScoringPairs(client, options.scores, advance)
        judge = scoring or RankingJudge(client, advance)
        return judge.verdicts(pairs), judge.recipe


def _opened(name: str, options: argparse.Namespace):
    from flan_jax.command.compilation_cache import keep_compiled_programs
    from flan_jax.loaded_model import load

    keep_compiled_programs()
    return load(name, vocabulary=options.vocabulary)
