"""Tables for people and for pipes."""

import sys

from rich.console import Console
from rich.table import Table

OUT = Console(highlight=False, soft_wrap=True)
"""Standard output, for text that is cut nowhere."""

_WIDE = 1000
"""Columns of a console that is no terminal: no cell is wrapped, so that every row is a line for other programs."""


def counted(count: int, noun: str) -> str:
    """So many of something, such as '1 dataset' or '3 datasets'."""
    return f'{count} {noun}{"s" * (count != 1)}'


def print_table(table: Table) -> None:
    """Prints a table to standard output, fitted to a terminal's width, or at its own where it goes elsewhere."""
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=_WIDE)
    console.print(table)
