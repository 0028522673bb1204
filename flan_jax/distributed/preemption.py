"""Stopping when asked to: schedulers send SIGTERM some seconds before they take a machine away."""

import contextlib
import signal
from collections.abc import Callable, Iterator

import jax
from jax.experimental import multihost_utils

from flan_jax.errors import UserError


class Preempted(UserError):
    """The run was asked to stop (SIGTERM); it has saved what it had and goes on when started again."""

    exit_status = 143  # as the shell reports a process ended by SIGTERM: schedulers restart the job


@contextlib.contextmanager
def termination_noted() -> Iterator[Callable[[int], bool]]:
    """While the body runs, SIGTERM is noted instead of ending the process.

    Yields:
      A function from the number of steps done to whether the run shall stop there. Of several processes any may be
      asked; JAX's preemption service, which listens then, finds the step after which all of them stop.
    """
    if jax.process_count() > 1:
        yield multihost_utils.reached_preemption_sync_point
        return
    asked = False

    def note(*_):
        nonlocal asked
        asked = True

    previous = signal.signal(signal.SIGTERM, note)
    try:
        yield lambda step: asked
    finally:
        signal.signal(signal.SIGTERM, previous)
