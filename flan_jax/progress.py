"""Progress of long loops: a bar on a terminal, occasional lines elsewhere; and messages to the user."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from flan_jax.terminal import SafeConsole

Advance = Callable[..., None]
"""advance(amount=1, note=''): advances the bar by `amount` and shows the note next to it."""


class _Messages(SafeConsole):
    """Wraps messages on a terminal only; in a log file each is one line, so that paths in it can be searched for."""

    def print(self, *objects: Any, **options: Any) -> None:
        is_line = not self.is_terminal and all(isinstance(part, str) for part in objects)
        super().print(*objects, **{'soft_wrap': is_line} | options)


CONSOLE = _Messages(stderr=True, highlight=False)

_SECONDS_BETWEEN_LINES = 15.0


@functools.cache
def say_once(text: str) -> None:
    """Shows a message once per process."""
    CONSOLE.print(text, markup=False, soft_wrap=True)


@contextlib.contextmanager
def bar(title: str, total: int | None, done: int = 0, first: str = '') -> Iterator[Advance]:
    """Shows progress towards `total` while the body runs.

    Args:
      title: what is being done.
      total: amount of work; None if unknown.
      done: amount that is done already.
      first: note until the first progress, such as 'compiling'.
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
    suffix = '' if total is None else f'/{total}'

    def advance(amount: int = 1, note: str = '') -> None:
        nonlocal done, printed
        done += amount
        now = time.monotonic()
        if amount == 0 or (total is not None and done >= total) or now - printed >= _SECONDS_BETWEEN_LINES:
            printed = now
            CONSOLE.print(f'{title}: {done}{suffix} in {now - started:.0f} s  {note}')

    yield advance
