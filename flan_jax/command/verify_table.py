"""flan-jax tasks verify: renders every example with every template, and prints a table of what was verified."""

import argparse
import tempfile
from collections.abc import Iterator, Sequence

from rich.markup import escape
from rich.table import Table

from flan_jax import catalogue
from flan_jax.command.tables import print_table
from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE, bar


def run(options: argparse.Namespace) -> int:
    """Verifies the named datasets, or all, on bundled samples if they are not prepared; returns 1 if any is wrong."""
    if options.limit == 0:
        raise UserError('--limit=0: must be above 0; remove it to check all rows')
    datasets = [catalogue.dataset(name) for name in options.name or catalogue.DATASETS]
    with bar('verifying', len(datasets)) as advance:
        found = []
        for verified in _verified(datasets, options.data_dir, options.limit):
            found.append(verified)
            advance(1, verified.dataset.name)
    print_table(_table(found))
    unsound = [verified for verified in found if verified.problems]
    for verified in unsound:
        for problem, count in verified.problems.items():
            CONSOLE.print(f'[red]{verified.dataset.name}[/]: {escape(problem)} ({count} times)')
    return int(bool(unsound))


def _verified(datasets: Sequence, data_dir: str, limit: int) -> Iterator:
    from flan_jax.data.prepare import prepare_samples
    from flan_jax.data.source import MissingDataError
    from flan_jax.data.verify import verify

    with tempfile.TemporaryDirectory() as samples_dir:
        for dataset in datasets:
            try:
                yield verify(dataset, data_dir, limit)
            except MissingDataError:
                prepare_samples([dataset], samples_dir)
                yield verify(dataset, samples_dir, limit)


def _table(found: Sequence) -> Table:
    """One row per cluster, and the sum."""
    table = Table(
        'cluster', 'datasets', 'templates', 'inverted', 'real examples', 'sample examples', 'dropped', box=None
    )
    for column in table.columns[1:]:
        column.justify = 'right'
    clusters = {verified.dataset.cluster.name: verified.dataset.cluster for verified in found}
    for name, cluster in clusters.items():
        table.add_row(cluster.title, *_sums([v for v in found if v.dataset.cluster.name == name]))
    table.add_row('all', *_sums(found), style='bold')
    return table


def _sums(found: Sequence) -> tuple[str, ...]:
    templates = [template for verified in found for template in verified.dataset.templates]
    numbers = (
        len(found),
        len(templates),
        sum(template.inverted for template in templates),
        sum(verified.examples for verified in found if not verified.from_samples),
        sum(verified.examples for verified in found if verified.from_samples),
        sum(verified.dropped for verified in found),
    )
    return tuple(f'{number:,}' for number in numbers)
