"""When requests may start: so many a minute, and longer and longer after failures."""

import threading
import time

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before the second attempt, which double from one to the next, and their bound."""


class Stopped(Exception):
    """Nothing is waited for any more."""


class Clock:
    """The time, and waiting for it; tests pass one that does not wait."""

    def __init__(self) -> None:
        """Lets threads wait until `stop`."""
        self._stopped = threading.Event()

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Comes back after so many seconds; raises Stopped as soon as another thread stops it."""
        if self._stopped.wait(seconds):
            raise Stopped

    def stop(self) -> None:
        """Ends all waiting, now and later."""
        self._stopped.set()


class Pace:
    """Lets requests start evenly, whichever thread they come from."""

    def __init__(self, per_minute: float, clock: Clock):
        """Lets `per_minute` start in a minute."""
        self._gap = 60 / per_minute
        self._clock = clock
        self._next = clock.now()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Comes back when the next request may start."""
        with self._lock:
            now = self._clock.now()
            start = max(now, self._next)
            self._next = start + self._gap
        if start > now:
            self._clock.sleep(start - now)


def pause(failures: int, asked: float | None = None) -> float:
    """Seconds to wait after so many failures in a row; longer where the server asked for it."""
    return max(min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE), asked or 0.0)
