"""flan-jax compare: where two models differ, from their records.

A and B are folders of a model's records (MODEL_DIR/evaluation/step_300, or one dataset's below it), or folders of runs,
whose newest checkpoint is meant. A run's folder for A alone compares its base with its tuned model.
"""

import argparse
import dataclasses
import json
import pathlib
from collections.abc import Iterable

from etils import epath
from rich.table import Table

from flan_jax.command.catalogue_arguments import catalogue_arguments, load_catalogue
from flan_jax.command.tables import OUT, print_table
from flan_jax.errors import UserError
from flan_jax.files import require_writable_file, write_whole


def main(arguments: list[str]) -> int:
    """Prints the table, and some examples; writes all of it as JSON with --output."""
    options = _parse(arguments)
    if options.output:
        require_writable_file(options.output, '--output')
    load_catalogue(options)
    from flan_jax.evaluation.compare import compare

    folders = _records_folders(options.run_a, options.run_b)
    options.score = options.score or score_of(filter(None, (options.run_a, options.run_b)))
    found = compare(*folders, score=options.score, split=options.split)
    OUT.print(f'A: {folders[0]}\nB: {folders[1]}\noptions are ranked by {options.score}')
    print_table(_table(found))
    for comparison in found:
        _print_examples(comparison, options.examples)
    if options.output:
        content = {'a': str(folders[0]), 'b': str(folders[1]), 'score': options.score, 'split': options.split}
        content['comparisons'] = [dataclasses.asdict(comparison) for comparison in found]
        write_whole(options.output, json.dumps(content, indent=2, ensure_ascii=False))
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog='flan-jax compare',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[catalogue_arguments()],
    )
    parser.add_argument('run_a', metavar='A', help='folder of a run or of its records')
    parser.add_argument('run_b', metavar='B', nargs='?', help='another; without it, the tuned model of A')
    parser.add_argument(
        '--score', help='which of the scores on record ranks options; default: that of the runs, or sum'
    )
    parser.add_argument('--split', default='test', choices=('validation', 'test'))
    parser.add_argument('--examples', type=int, default=0, help='how many to print per dataset')
    parser.add_argument('--output', type=pathlib.Path, metavar='FILE', help='JSON file to write everything to')
    return parser.parse_args(arguments)


def score_of(runs: Iterable[str]) -> str:
    """By which of the scores on record the runs rank options, as their own reports do; 'sum' for other folders.

    Raises:
      UserError: if they differ in it.
    """
    from flan_jax import manifest

    made = {run: manifest.read(run)['run'] for run in runs if manifest.exists(run)}
    scores = {run: of_run.get('evaluation', {}).get('score', 'sum') for run, of_run in made.items()}
    if len(set(scores.values())) > 1:
        said = ', '.join(f'{run} by {score}' for run, score in scores.items())
        raise UserError(f'the runs rank options by different scores ({said}); name one by --score')
    return next(iter(scores.values()), 'sum')


def _records_folders(run_a: str, run_b: str | None) -> tuple[epath.Path, epath.Path]:
    if run_b is None:
        return _base_folder(run_a), _tuned_folder(run_a)
    return _records_folder(run_a), _records_folder(run_b)


def _records_folder(path: str) -> epath.Path:
    """The folder of records that a path stands for; raises UserError where there are none."""
    from flan_jax import manifest
    from flan_jax.evaluation import records

    folder = epath.Path(path)
    is_run = manifest.exists(folder) or (folder / records.FOLDER).is_dir()  # other folders in it have settings, too
    is_records = (folder / records.SETTINGS_FILE).exists() or records.folders_in(folder)
    return folder if is_records and not is_run else _tuned_folder(path)


def _tuned_folder(run: str) -> epath.Path:
    """The records of a run's newest checkpoint, or of its last step where no checkpoint is left."""
    from flan_jax.evaluation import records
    from flan_jax.training import checkpoints

    evaluated = [name for name in records.models_in(run) if name != records.BASE]
    latest = checkpoints.latest_step(run)
    wanted = records.step_model(latest) if latest else evaluated[-1] if evaluated else 'step_N'
    folder = records.model_folder(run, wanted)
    if wanted not in evaluated:
        named = sorted(path.name for path in folder.parent.glob('*') if path.is_dir())
        raise UserError(
            f'no records in {run}, nor in {folder}; `flan-jax evaluate` writes them'
            + (f', or name the folder of {", ".join(named)} in {folder.parent}' if named else '')
        )
    return folder


def _base_folder(run: str) -> epath.Path:
    """The records of a run's base model, which may be in a folder that runs share."""
    from flan_jax import manifest
    from flan_jax.evaluation import records

    base_dir = manifest.read(run)['run']['evaluation']['base_dir'] if manifest.exists(run) else None
    folder = records.model_folder(base_dir or run, records.BASE)
    if not records.folders_in(folder):
        raise UserError(f'no records in {folder}; `flan-jax evaluate` writes them')
    return folder


def _table(found) -> Table:
    columns = ('dataset', 'score', 'examples', 'A', 'B', 'B - A', '95 % interval', 'only A, only B', 'p', 'test')
    table = Table(*columns, box=None)
    for c in found:
        table.add_row(
            c.name,
            c.metric,
            f'{c.num_examples} x {c.templates}',
            f'{c.score_a:.1f}',
            f'{c.score_b:.1f}',
            f'{c.score_b - c.score_a:+.1f}',
            f'{c.interval[0]:+.1f} to {c.interval[1]:+.1f}',
            '–' if c.only_a is None else f'{c.only_a}, {c.only_b}',
            f'[bold]{c.p:.3g}[/]' if c.p < 0.05 else f'{c.p:.3g}',
            c.test,
        )
    return table


def _print_examples(comparison, count: int) -> None:
    for example in comparison.examples[:count]:
        OUT.rule(f'{comparison.name}, template {example["template"]}, example {example["example"]}')
        OUT.print(example['prompt'], markup=False)
        OUT.print(f'expected: {" / ".join(example["references"])}', markup=False)
        for side in ('a', 'b'):
            verdict = 'right' if example['right'] == side else 'wrong'
            OUT.print(f'{side.upper()} {verdict}: {example[side]}', markup=False)
