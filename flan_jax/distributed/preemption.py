"""Graceful stops: on preemption by a scheduler (SIGTERM), or on Ctrl-C (SIGINT)."""

import contextlib
import functools
import os
import signal
import threading
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from flan_jax.errors import UserError

_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_ON_FIRST_INTERRUPT = b'\nCtrl-C: stopping as soon as what is under way is safe; once more stops at once\n'


class Preempted(UserError):
    """The run was asked to stop; it has saved its state and resumes when started again.

    The exit status is that of a process ended by the signal: 143 after SIGTERM, on which schedulers restart a job, 130
    after Ctrl-C.
    """

    def __init__(self, message: str, received: int = signal.SIGTERM):
        super().__init__(message)
        self.exit_status = 128 + received


class Termination:
    """Call it after every step, or group of examples, to learn whether to stop."""

    def __init__(self, run_ahead: bool):
        self._run_ahead = run_ahead
        self._received: int | None = None
        self._pending: jax.Array | bool = False

    def note(self, received: int, _=None) -> None:
        """Handles a signal: the first is noted, a second Ctrl-C ends the process as if nothing had handled it."""
        if received == signal.SIGINT:
            if self._received == signal.SIGINT:
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                signal.raise_signal(signal.SIGINT)
            os.write(2, _ON_FIRST_INTERRUPT)
        self._received = received

    def __call__(self) -> bool:
        before, self._pending = self._pending, in_any_process(self.noted)
        return bool(before if self._run_ahead and jax.process_count() > 1 else self._pending)

    @property
    def noted(self) -> bool:
        """Whether this process was asked to stop."""
        return self._received is not None

    def stopped(self, message: str) -> Preempted:
        """The exception to raise after a call returned True."""
        return Preempted(f'{message}; give the same command again to go on', self._received or signal.SIGTERM)

    def send_again(self) -> None:
        """Sends the received signal again, now that the default handlers are restored."""
        signal.raise_signal(self._received or signal.SIGTERM)


@contextlib.contextmanager
def termination_noted(run_ahead: bool = False) -> Iterator[Termination]:
    """While the body runs, SIGTERM and Ctrl-C are noted instead of ending the process.

    If any of several processes gets the signal, all stop at the same call. Therefore all processes must enter, call and
    leave together. A signal that came after the last call is sent again, to all processes, when the body has ended
    without an error.

    Args:
      run_ahead: whether the host must not wait for the devices, as in training; with several processes, each call then
        returns the result of the call before.

    Yields:
      A `Termination`; when a call returns True, save and raise its `stopped`.
    """
    with _noting(Termination(run_ahead)) as termination:
        yield termination
        came_late = bool(in_any_process(termination.noted))
    if came_late:
        termination.send_again()


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[str], None]]:
    """As `termination_noted`, for work of a single process that has nothing to save.

    Yields:
      A function that raises Preempted with its message if this process was asked to stop.
    """
    with _noting(Termination(run_ahead=False)) as termination:

        def check(message: str) -> None:
            if termination.noted:
                raise termination.stopped(message)

        yield check
    if termination.noted:
        termination.send_again()


@contextlib.contextmanager
def _noting(termination: Termination) -> Iterator[Termination]:
    is_main = threading.current_thread() is threading.main_thread()  # Python allows handlers in the main thread only
    before = {each: signal.signal(each, termination.note) for each in _SIGNALS if is_main}
    try:
        yield termination
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def in_any_process(flag: bool) -> jax.Array | bool:
    """Whether a flag is set in any process; with several processes an array on device, computed asynchronously."""
    if jax.process_count() == 1:
        return flag
    mesh, is_any = _reduction()
    flags = jax.make_array_from_callback(
        (mesh.size,), NamedSharding(mesh, PartitionSpec('all')), lambda _: np.array([flag])
    )
    with jax.set_mesh(mesh):
        return is_any(flags)


@functools.cache
def _reduction() -> tuple[Mesh, Callable[[jax.Array], jax.Array]]:
    mesh = Mesh(np.array(jax.devices()), 'all')
    return mesh, jax.jit(jnp.any, out_shardings=NamedSharding(mesh, PartitionSpec()))
