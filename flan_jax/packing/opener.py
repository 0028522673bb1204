"""Iterators that are opened ahead: threads take their first items while other work goes on."""

import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any, TypeVar

T = TypeVar('T')

_THREADS = 4
"""More would not be quicker: pipelines are traced one at a time, and others fill their buffers meanwhile."""

_AHEAD = _THREADS + 2
"""Iterators that threads are given at a time, for Python does not end before all of those are opened."""


class Opener:
    """Opens iterators in the order in which it is asked to; `close` ends its threads."""

    def __init__(self) -> None:
        self._threads = futures.ThreadPoolExecutor(_THREADS, 'opener')
        self._waiting: dict[futures.Future, Callable[[], Iterator[Any]]] = {}
        self._begun: list[futures.Future] = []
        self._one_at_a_time, self._closed = threading.Lock(), False

    def open(self, make: Callable[[], Iterator[T]]) -> Iterator[T]:
        """The items of the iterator that `make` gives.

        A thread calls `make`, one at a time, and takes the first item. What they raise is raised where that item is
        asked for.
        """
        opened: futures.Future[Iterator[T]] = futures.Future()
        self._waiting[opened] = make
        self._begin_some()
        return self._items(opened)

    def close(self) -> None:
        """Opens no more; what a thread is opening is waited for. The others raise CancelledError."""
        self._closed = True
        if not sys.is_finalizing():  # when threads have ended
            self._threads.shutdown(cancel_futures=True)
        for opened in (*self._waiting, *self._begun):
            opened.cancel()
        self._waiting.clear()

    def _items(self, opened: futures.Future[Iterator[T]]) -> Iterator[T]:
        if opened in self._waiting:
            self._begin(opened)
        items = opened.result()
        self._begin_some()
        yield from items

    def _begin_some(self) -> None:
        self._begun = [one for one in self._begun if not one.done()]
        for opened in itertools.islice(list(self._waiting), max(0, _AHEAD - len(self._begun))):
            self._begin(opened)

    def _begin(self, opened: futures.Future) -> None:
        self._begun.append(opened)
        self._threads.submit(self._open, opened, self._waiting.pop(opened))

    def _open(self, opened: futures.Future[Iterator[T]], make: Callable[[], Iterator[T]]) -> None:
        try:
            with self._one_at_a_time:
                if self._closed:  # while it waited for those before it
                    raise futures.CancelledError
                items = make()
            opened.set_result(itertools.chain(list(itertools.islice(items, 1)), items))
        except BaseException as error:  # raised where the items are asked for
            opened.set_exception(error)
