"""flan-jax compare: where two models differ, from their records.

A and B are folders of records (MODEL_DIR/evaluation/tuned), or folders of runs, whose tuned model is meant. A run's
folder for A alone compares its base with its tuned model.
"""

import argparse
import dataclasses
import json
import pathlib

from etils import epath
from rich.console import Console
from rich.table import Table

from flan_jax.errors import UserError
from flan_jax.files import write_whole

OUT = Console(highlight=False)


def main(arguments: list[str]) -> int:
    """Prints the table, and some examples; writes all of it as JSON where asked to."""
    options = _parse(arguments)
    from flan_jax.command.quiet import import_tensorflow

    import_tensorflow()  # the catalogue's declarations are made of its operations
    from flan_jax import catalogue
    from flan_jax.evaluation.compare import compare

    catalogue.load(options.module)
    folders = _records_folders(options.run_a, options.run_b)
    found = compare(*folders, score=options.score, split=options.split)
    OUT.print(f'A: {folders[0]}\nB: {folders[1]}')
    OUT.print(_table(found))
    for comparison in found:
        _print_examples(comparison, options.examples)
    if options.output:
        content = {'a': str(folders[0]), 'b': str(folders[1]), 'score': options.score, 'split': options.split}
        content['comparisons'] = [dataclasses.asdict(comparison) for comparison in found]
        write_whole(options.output, json.dumps(content, indent=2, ensure_ascii=False))
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='flan-jax compare', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('run_a', metavar='A', help='folder of a run or of its records')
    parser.add_argument('run_b', metavar='B', nargs='?', help='another; without it, the tuned model of A')
    parser.add_argument('--score', default='sum', help='which of the scores on record ranks options')
    parser.add_argument('--split', default='test', choices=('validation', 'test'))
    parser.add_argument('--examples', type=int, default=0, help='how many to print per dataset')
    parser.add_argument('--output', type=pathlib.Path, metavar='FILE', help='JSON file to write everything to')
    parser.add_argument('--module', action='append', default=[], help='module of yours that adds datasets')
    return parser.parse_args(arguments)


def _records_folders(run_a: str, run_b: str | None) -> tuple[epath.Path, epath.Path]:
    from flan_jax.evaluation.records import BASE, TUNED

    if run_b is None:
        return _records_folder(run_a, BASE), _records_folder(run_a, TUNED)
    return _records_folder(run_a, TUNED), _records_folder(run_b, TUNED)


def _records_folder(run: str, model: str) -> epath.Path:
    """The folder of records that a path stands for; raises UserError where there are none."""
    from flan_jax import manifest
    from flan_jax.evaluation.records import SETTINGS_FILE, folder_of

    base_dir = manifest.read(run)['run']['evaluation']['base_dir'] if manifest.exists(run) else None
    of_run = folder_of(model, run, base_dir)
    for candidate in (epath.Path(run), of_run):
        if (candidate / SETTINGS_FILE).exists():
            return candidate
    raise UserError(f'no records in {run}, nor in {of_run}; `flan-jax evaluate` writes them')


def _table(found) -> Table:
    columns = ('dataset', 'score', 'rows', 'A', 'B', 'B - A', '95 % interval', 'only A, only B', 'p', 'test')
    table = Table(*columns, box=None)
    for c in found:
        table.add_row(
            c.name,
            c.metric,
            f'{c.rows} x {c.templates}',
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
        OUT.rule(f'{comparison.name}, template {example["template"]}, row {example["example"]}')
        OUT.print(example['prompt'], markup=False)
        OUT.print(f'expected: {" / ".join(example["references"])}', markup=False)
        for side in ('a', 'b'):
            verdict = 'right' if example['right'] == side else 'wrong'
            OUT.print(f'{side.upper()} {verdict}: {example[side]}', markup=False)
