"""Iterators that are opened ahead: threads take their first items while other work goes on."""

import itertools
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import TypeVar

T = TypeVar('T')

_THREADS = 4
"""More would not be quicker: pipelines are traced one at a time, and others fill their buffers meanwhile."""


class Opener:
    """Opens iterators in the order in which it is asked to; `close` ends its threads."""

    def __init__(self):
        self._threads = futures.ThreadPoolExecutor(_THREADS, 'opener')

    def open(self, make: Callable[[], Iterator[T]]) -> Iterator[T]:
        """The items of the iterator that `make` gives.

        A thread calls `make` and takes the first item. What they raise is raised where that item is asked for.
        """
        return _items(self._threads.submit(_begun, make))

    def close(self) -> None:
        """Opens no more; what a thread has begun to open is waited for."""
        self._threads.shutdown(cancel_futures=True)


def _begun(make: Callable[[], Iterator[T]]) -> Iterator[T]:
    items = make()
    return itertools.chain(list(itertools.islice(items, 1)), items)


def _items(opened: futures.Future[Iterator[T]]) -> Iterator[T]:
    yield from opened.result()
