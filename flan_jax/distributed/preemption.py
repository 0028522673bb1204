"""Stopping when asked to: schedulers send SIGTERM some seconds before they take a machine away."""

import contextlib
import functools
import signal
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from flan_jax.errors import UserError


class Preempted(UserError):
    """The run was asked to stop (SIGTERM); it has saved what it had and goes on when started again."""

    exit_status = 143  # as the shell reports a process ended by SIGTERM: schedulers restart the job


@contextlib.contextmanager
def termination_noted(run_ahead: bool = False) -> Iterator[Callable[[], bool]]:
    """While the body runs, SIGTERM is noted instead of ending the process.

    Of several processes any may get the signal; all stop at the same call. So all must enter, call and leave together.
    A signal that came after the last call is sent again, to all processes, when the body has ended well.

    Args:
      run_ahead: whether the host must not wait for the devices, as in training: of several processes the answer is
        then that of the call before.

    Yields:
      A function that says whether to save and raise Preempted; called after every step, or group of examples.
    """
    noted, pending = False, False

    def note(*_):
        nonlocal noted
        noted = True

    def should_stop() -> bool:
        nonlocal pending
        before, pending = pending, _in_any_process(noted)
        return bool(before if run_ahead and jax.process_count() > 1 else pending)

    previous = signal.signal(signal.SIGTERM, note)
    try:
        yield should_stop
        came_late = bool(_in_any_process(noted))
    finally:
        signal.signal(signal.SIGTERM, previous)
    if came_late:
        signal.raise_signal(signal.SIGTERM)


def _in_any_process(flag: bool) -> jax.Array | bool:
    """Whether a flag is set in any process: every process may read the answer, and need not wait for it before."""
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
