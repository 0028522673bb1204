"""Rate limiting of requests, and exponential backoff after failures."""

import threading
import time

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before the second attempt, which are doubled for each further attempt, and their maximum."""


class Stopped(Exception):
    """Waiting was stopped by another thread."""


class Clock:
    """Time and sleeping; tests use a clock that does not wait."""

    def __init__(self) -> None:
        """Lets threads wait until `stop`."""
        self._stopped = threading.Event()

    def now(self) -> float:
        """Seconds since an arbitrary point in time."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits for this many seconds; raises Stopped as soon as another thread calls `stop`."""
        if self._stopped.wait(seconds):
            raise Stopped

    def stop(self) -> None:
        """Ends all current and future waiting."""
        self._stopped.set()


class Pace:
    """Spaces the starts of requests from all threads evenly."""

    def __init__(self, per_minute: float, clock: Clock):
        """Allows `per_minute` requests to start per minute."""
        self._gap = 60 / per_minute
        self._clock = clock
        self._next = clock.now()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Waits until the next request may start."""
        with self._lock:
            now = self._clock.now()
            start = max(now, self._next)
            self._next = start + self._gap
        if start > now:
            self._clock.sleep(start - now)


def pause(failures: int, asked: float | None = None) -> float:
    """Seconds to wait after this many failures in a row, or longer if the server asked for it."""
    return max(min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE), asked or 0.0)
