"""Progress of anything that loops for more than a few seconds: a bar on a terminal, a line now and then elsewhere."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from flan_jax.terminal import SafeConsole

Advance = Callable[..., None]
"""advance(amount=1, note=''): so much more is done; the note stands beside the bar."""


class _Messages(SafeConsole):
    """Fitted to a terminal; elsewhere, as in a log file, a message is a line, in which paths can be searched for."""

    def print(self, *objects: Any, **options: Any) -> None:
        is_line = not self.is_terminal and all(isinstance(part, str) for part in objects)
        super().print(*objects, **{'soft_wrap': is_line} | options)


CONSOLE = _Messages(stderr=True, highlight=False)

_SECONDS_BETWEEN_LINES = 15.0


@functools.cache
def say_once(text: str) -> None:
    """Shows a message the first time that a process has it."""
    CONSOLE.print(text, markup=False, soft_wrap=True)


@contextlib.contextmanager
def bar(title: str, total: int | None, done: int = 0, first: str = '') -> Iterator[Advance]:
    """Shows how much of `total`, None where it is not known, is done while the body runs, starting at `done`.

    `first` says what goes on before there is any progress, such as compiling.
    """
    with _bar(title, total, done) if CONSOLE.is_terminal else _lines(title, total, done) as advance:
        if first:
            advance(0, first)
        yield advance


@contextlib.contextmanager
def _bar(title: str, total: int | None, done: int) -> Iterator[Advance]:
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn('{task.fields[note]}', style='dim'),
    )
    with Progress(*columns, console=CONSOLE) as progress:
        task = progress.add_task(title, total=total, completed=done, note='')
        yield lambda amount=1, note='': progress.update(task, advance=amount, **({'note': note} if note else {}))


@contextlib.contextmanager
def _lines(title: str, total: int | None, done: int) -> Iterator[Advance]:
    started = printed = time.monotonic()
    of_total = '' if total is None else f'/{total}'

    def advance(amount: int = 1, note: str = '') -> None:
        nonlocal done, printed
        done += amount
        now = time.monotonic()
        if amount == 0 or (total is not None and done >= total) or now - printed >= _SECONDS_BETWEEN_LINES:
            printed = now
            CONSOLE.print(f'{title}: {done}{of_total} in {now - started:.0f} s  {note}')

    yield advance
