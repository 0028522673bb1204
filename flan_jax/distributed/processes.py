"""Jobs of several processes: how they connect, what only process 0 does, and what happens when one dies.

Processes connect if JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID are set, on a TPU slice of several
hosts, and in a Slurm step of several tasks; in the latter two, JAX finds the addresses by itself (docs/pods.md).
"""

import itertools
import json
import os
from collections.abc import Callable, Mapping
from typing import TypeVar

import jax
from jax._src import distributed

from flan_jax.errors import UserError

HEARTBEAT_SECONDS = 30
"""A process without a heartbeat for this long is considered dead, and the job ends."""

_EXPLICIT = ('JAX_COORDINATOR_ADDRESS', 'JAX_NUM_PROCESSES', 'JAX_PROCESS_ID')

_LONGEST_WAIT_MS = 7 * 24 * 3600 * 1000

_broadcasts = itertools.count()

T = TypeVar('T')


class ProcessesError(UserError):
    """The processes of a job cannot find each other."""


def join(environment: Mapping[str, str] = os.environ) -> None:
    """Connects to the other processes of the job, if there are any; must be called before JAX is used.

    When a process dies, JAX's coordination service ends the others within HEARTBEAT_SECONDS, naming its task.

    Raises:
      ProcessesError: if the environment variables are incomplete or not numbers, or the coordinator does not answer.
    """
    given = {name: environment[name] for name in _EXPLICIT if environment.get(name)}
    if jax.distributed.is_initialized() or (not given and not _is_one_of_many(environment)):
        return
    if given and len(given) < len(_EXPLICIT) and not _is_one_of_many(environment):
        missing = ', '.join(name for name in _EXPLICIT if name not in given)
        raise ProcessesError(f'{", ".join(given)} is set, but not {missing}; a job of several processes needs all')
    # The service would handle SIGTERM in place of `preemption`, and background checkpoints change its step counter.
    jax.config.update('jax_enable_preemption_service', False)
    try:
        count, index = (int(given[name]) if name in given else None for name in _EXPLICIT[1:])
        jax.distributed.initialize(
            given.get('JAX_COORDINATOR_ADDRESS'), count, index, heartbeat_timeout_seconds=HEARTBEAT_SECONDS
        )
    except (ValueError, jax.errors.JaxRuntimeError) as error:
        raise ProcessesError(f'cannot join the other processes ({given or "found by JAX"}): {error}') from error


def broadcast_from_first(value: T) -> T:
    """Process 0's value on every process, after a round trip through JSON; the others' values are ignored.

    All processes must call it in the same order; they wait for process 0, if necessary for hours.
    """
    if jax.process_count() == 1:
        return json.loads(json.dumps(value))
    # Through the coordination service, which has no public interface: on CPUs, collectives time out after 30 seconds.
    client, key = distributed.global_state.client, f'flan_jax/broadcast/{next(_broadcasts)}'
    if client is None:
        raise ProcessesError('JAX runs several processes without its coordination service, by which they agree')
    if jax.process_index() == 0:
        client.key_value_set(key, json.dumps(value))
    return json.loads(client.blocking_key_value_get(key, _LONGEST_WAIT_MS))


def first_does(what: str, action: Callable[[], T]) -> T:
    """Process 0 acts while the others wait; then the others act, too, which finds the work done.

    Raises:
      UserError: in process 0, if the action raises it.
      ProcessesError: in the other processes, if process 0 failed.
    """
    if jax.process_index() == 0:
        try:
            result = action()
        except UserError as failure:
            broadcast_from_first(str(failure))
            raise
        broadcast_from_first(None)
        return result
    if (message := broadcast_from_first(None)) is not None:
        raise ProcessesError(f'{what}: process 0 failed: {message}')
    return action()


def _is_one_of_many(environment: Mapping[str, str]) -> bool:
    on_slice = environment.get('TPU_WORKER_HOSTNAMES', '').count(',') > 0
    in_step = 'SLURM_STEP_NODELIST' in environment and int(environment.get('SLURM_NTASKS', '1')) > 1
    return on_slice or in_step
