"""Tables on standard output, on a terminal or in a pipe."""

import sys

from rich.table import Table

from flan_jax.terminal import SafeConsole

OUT = SafeConsole(highlight=False, soft_wrap=True)
"""A console on standard output that does not truncate text."""

_WIDE = 1000
"""Width of a console that is no terminal: large enough that no cell is wrapped, so that every row is one line."""


def counted(count: int, noun: str) -> str:
    """A number with a noun in singular or plural, such as '1 dataset' or '3 datasets'."""
    return f'{count} {noun}{"s" * (count != 1)}'


def print_table(table: Table) -> None:
    """Prints a table to standard output, wrapped to the width of a terminal; in a pipe at its natural width."""
    console = SafeConsole(highlight=False) if sys.stdout.isatty() else SafeConsole(highlight=False, width=_WIDE)
    console.print(table)
