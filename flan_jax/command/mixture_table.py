"""flan-jax tasks mixture: what share of the examples each part of a run's mixture gets."""

import argparse
from collections.abc import Sequence

from rich.table import Table

from flan_jax.command.bindings import read_bindings
from flan_jax.command.tables import print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action's own arguments; --gin.NAME=value is read by `run`."""
    parser.add_argument('--gin_file', action='append', default=[], metavar='FILE', help='gin file of a run')


def run(options: argparse.Namespace, others: Sequence[str]) -> None:
    """Prints a row for every dataset, every part and the whole mixture.

    Args:
      options: parsed arguments.
      others: --gin.NAME=value.
    """
    from flan_jax.command import configuration  # imports JAX, which the other actions do not need
    from flan_jax.command.libraries import prepare_libraries
    from flan_jax.data.mixtures import tuning_mixture
    from flan_jax.data.shares import FORMS, shares_of

    configured = configuration.load(options.gin_file, read_bindings(others))
    prepare_libraries(configured.data)
    table = Table('part', 'dataset', 'share', *FORMS, box=None)
    for column in table.columns[2:]:
        column.justify = 'right'
    for shares in shares_of(tuning_mixture(configured.data, configured.prompt_format)):
        cells = [
            shares.part or 'all',
            shares.dataset or 'together',
            *map(_percent, (shares.share, *shares.forms.values())),
        ]
        table.add_row(*cells, style=None if shares.dataset else 'bold', end_section=not shares.dataset)
    print_table(table)


def _percent(share: float) -> str:
    return f'{100 * share:.2f} %' if share else '–'
