"""Opens iterators ahead of time: threads fetch their first items in the background."""

import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any, TypeVar

T = TypeVar('T')

_THREADS = 4
"""More threads would not help: pipelines are traced one at a time, while the others fill their buffers."""

_AHEAD = _THREADS + 2
"""Maximal number of iterators submitted to threads; Python cannot exit before all of them are opened."""


class Opener:
    """Opens iterators in the order of the calls of `open`; `close` ends its threads."""

    def __init__(self) -> None:
        self._threads = futures.ThreadPoolExecutor(_THREADS, 'opener')
        self._waiting: dict[futures.Future, Callable[[], Iterator[Any]]] = {}
        self._begun: list[futures.Future] = []
        self._one_at_a_time, self._closed = threading.Lock(), False

    def open(self, make: Callable[[], Iterator[T]]) -> Iterator[T]:
        """The items of the iterator that `make` returns.

        A thread calls `make`, one call at a time, and fetches the first item. Exceptions are raised when the first item
        is requested.
        """
        opened: futures.Future[Iterator[T]] = futures.Future()
        self._waiting[opened] = make
        self._begin_some()
        return self._items(opened)

    def close(self) -> None:
        """Waits for iterators that are being opened; the remaining ones raise CancelledError."""
        self._closed = True
        if not sys.is_finalizing():  # threads have ended by then
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
                if self._closed:  # since this thread started to wait for the lock
                    raise futures.CancelledError
                items = make()
            opened.set_result(itertools.chain(list(itertools.islice(items, 1)), items))
        except BaseException as error:  # raised by `result` in `_items`
            opened.set_exception(error)
