"""flan-jax select RUN: which of a run's checkpoints answers best, as LIMA chose its own.

Perplexity does not tell which checkpoint answers well (Zhou et al. 2023): the paper chose one of those after epochs 5
to 10 by hand, on 50 prompts. Here every checkpoint that the run kept answers the prompts, and all answers stand side by
side on a page, for a person to choose by. With --model=JUDGE every two checkpoints are set against each other as well,
by a reward model or by a decoder in both orders, and the one that wins most often is named. Answers that are there are
not drawn again.

Keep enough checkpoints: Training.checkpoints = 15 with Stream.epochs = 15 saves one after each epoch, of which
Training.keep_checkpoints = 15 keeps all.
"""

import argparse
import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence

from rich.table import Table

from flan_jax.command.generate import (
    add_arguments,
    check_decoding,
    check_sizes,
    decoding_of_options,
    open_model,
    read_prompts,
)
from flan_jax.command.tables import OUT, print_table
from flan_jax.errors import UserError
from flan_jax.files import read_json, require_writable, write_whole
from flan_jax.progress import bar

FOLDER = 'selection'
"""Folder of the answers in a run's, where --output does not say."""

_PAGE = pathlib.Path(__file__).parents[1] / 'reports' / 'selection.html'


def main(arguments: list[str]) -> int:
    """Lets checkpoints answer, writes the page, and prints which answers best where a judge is named."""
    options = _parse(arguments)
    from flan_jax.evaluation.judges.by_model import require_judge
    from flan_jax.reports.page import page_of, write_files

    chosen = _checkpoints(options)
    asked = {prompt.text: prompt.context for prompt in read_prompts(options.prompts)}
    prompts = list(asked)
    output = options.output or pathlib.Path(options.run) / FOLDER
    if options.model:
        require_judge(options.model)
    require_writable(output, '--output')
    _require_same_settings(output / 'settings.json', _settings(options, asked), _weights(chosen))
    answers = {f'step {folder.name}': _answers(options, folder, asked, output) for folder in chosen}
    judged, judge = _judged(options, answers) if options.model else ([], None)
    content = {
        'run': options.run,
        'names': list(answers),
        'prompts': prompts,
        'answers': answers,
        'judge': judge,
        'standings': [dataclasses.asdict(standing) for standing in judged],
    }
    page = write_files(output, content, page_of(_PAGE, content))
    if judged:
        print_table(_table(judged))
        best = max(judged, key=lambda standing: standing.win_rate)
        place = chosen[list(answers).index(best.name)]
        OUT.print(f'{best.name} answers best, as {judge} judges: {place}', markup=False, soft_wrap=True)
        if level := [line.name for line in judged if line is not best and line.interval[1] >= best.interval[0]]:
            OUT.print(f'the intervals of {", ".join(level)} overlap its own: it may be chance')
    OUT.print(f'page: {page}', markup=False, soft_wrap=True)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog='flan-jax select',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('run', metavar='RUN', help='the MODEL_DIR of a run')
    parser.add_argument('--prompts', type=pathlib.Path, required=True, help='file of validation prompts')
    parser.add_argument('--first', type=int, default=1, help='first checkpoint, counted from 1 (default: 1)')
    parser.add_argument('--last', type=int, help='last checkpoint; default: the last there is')
    parser.add_argument('--model', metavar='JUDGE', help='judge with this run, checkpoint or conversion')
    parser.add_argument('--output', type=pathlib.Path, help=f'folder of answers and page (default: RUN/{FOLDER})')
    decoding = add_arguments(parser)
    decoding.add_argument(
        '--gin_file', action='append', default=[], help='decode as this file says, such as gin/decoding/lima.gin'
    )
    options = parser.parse_args(arguments)
    options.bindings, options.beams = {}, None
    check_decoding(options)
    check_sizes(options, 'max_new_tokens', 'batch_tokens', 'fsdp', 'tensor', 'first')
    return options


def _checkpoints(options: argparse.Namespace) -> list:
    """The folders of the checkpoints that answer; raises UserError where there are fewer than two."""
    from flan_jax.training import checkpoints

    found = checkpoints.folders(options.run)
    if not found:
        raise UserError(f'no checkpoint in {options.run}; name the MODEL_DIR of a run that was tuned')
    chosen = found[options.first - 1 : options.last]
    if len(chosen) < 2:
        steps = ', '.join(folder.name for folder in found)
        raise UserError(
            f'{options.run}: there is no choice among {len(chosen)} checkpoints; kept are those of steps {steps}. '
            'See --first and --last; Training.checkpoints and Training.keep_checkpoints say how many a run keeps'
        )
    return chosen


def _settings(options: argparse.Namespace, asked: Mapping[str, str]) -> dict:
    """What answers depend on beside the weights; `asked` has the context of each prompt, empty for none."""
    from flan_jax.settings import as_plain

    others = {'contexts': list(asked.values())} if any(asked.values()) else {}
    if options.param_dtype != 'float32':
        others['param_dtype'] = options.param_dtype
    return others | {
        'prompts': list(asked),
        'decoding': as_plain(decoding_of_options(options)),
        'max_new_tokens': options.max_new_tokens,
        'seed': options.seed,
        'prompt_format': options.prompt_format,
        'task': options.task,
        'dtype': options.dtype,
    }


def _weights(chosen: Sequence) -> dict[str, str]:
    """What stands for the weights of each checkpoint, by step; those that another run had at that step are others."""
    from flan_jax.evaluation.model_identity import checkpoint_identity
    from flan_jax.settings import fingerprint

    return {folder.name: fingerprint(checkpoint_identity(folder)) for folder in chosen}


def _require_same_settings(path: pathlib.Path, settings: Mapping, weights: Mapping[str, str]) -> None:
    """Writes settings and weights, or raises UserError where answers of others are there."""
    settings = json.loads(json.dumps(settings))
    answered: dict[str, str] = {}
    if path.exists():
        before = read_json(path, 'remove the folder, and give the command again')
        answered = before.get('weights', {})
        changed = [name for name in settings if before.get(name) != settings[name]]
        if any(answered.get(step, found) != found for step, found in weights.items()):
            changed.append('weights')
        if changed:
            raise UserError(
                f'{path.parent} holds answers with other {" and ".join(changed)}; name another folder by --output'
            )
    write_whole(path, json.dumps({**settings, 'weights': {**answered, **weights}}, indent=2, ensure_ascii=False))


def _answers(options: argparse.Namespace, folder, asked: Mapping[str, str], output: pathlib.Path) -> dict[str, str]:
    """A checkpoint's answers, from its file or from itself."""
    from flan_jax.api import Model
    from flan_jax.evaluation.judges.answers import read_answers

    path = output / f'step_{folder.name}.jsonl'
    if not path.exists():
        options.checkpoint = str(folder)
        model = Model(open_model(options), options.batch_tokens)
        chosen = {'decoding': decoding_of_options(options), 'max_new_tokens': options.max_new_tokens}
        with bar(f'answering with step {folder.name}', len(asked), first='compiling') as advance:
            found = model.generate([*asked], contexts=[*asked.values()], progress=advance, seed=options.seed, **chosen)
        rows = ({'prompt': prompt, 'answer': answer} for prompt, answer in zip(asked, found))
        write_whole(path, ''.join(json.dumps(row, ensure_ascii=False) + '\n' for row in rows))
    return read_answers(path)


def _judged(options: argparse.Namespace, answers: Mapping[str, Mapping[str, str]]):
    """The standing of every checkpoint, and what the judge is called."""
    from flan_jax.evaluation.judges.by_model import judge_of
    from flan_jax.evaluation.judges.round_robin import all_pairs, standings
    from flan_jax.loaded_model import load

    model = load(options.model, dtype=options.dtype, param_dtype=options.param_dtype)
    judge = judge_of(model, options.batch_tokens, options.model)
    total = judge.orders * sum(map(len, all_pairs(answers).values()))
    with bar('judging every two checkpoints', total) as advance:
        return standings(answers, dataclasses.replace(judge, progress=advance)), options.model


def _table(judged: Sequence) -> Table:
    table = Table('checkpoint', 'wins over the others, %', '95 % interval', 'characters', box=None)
    for line in judged:
        low, high = line.interval
        table.add_row(line.name, f'{line.win_rate:.1f}', f'{low:.1f} to {high:.1f}', f'{line.mean_length:.0f}')
    return table
