"""A job of several processes: how they find each other, what only one does, and what happens when one dies.

docs/pods.md says what to set where. Processes join where JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID
are set; else on a TPU slice of several hosts and in a Slurm step of several tasks, where JAX finds the same by itself.
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
"""A process that is silent for so long is taken for dead, and the job ends."""

_EXPLICIT = ('JAX_COORDINATOR_ADDRESS', 'JAX_NUM_PROCESSES', 'JAX_PROCESS_ID')

_LONGEST_WAIT_MS = 7 * 24 * 3600 * 1000

_broadcasts = itertools.count()

T = TypeVar('T')


class ProcessesError(UserError):
    """The processes of a job cannot find each other."""


def join(environment: Mapping[str, str] = os.environ) -> None:
    """Joins the other processes of the job, where there are any; JAX must not have been used before.

    When a process dies, JAX's coordination service ends the others within HEARTBEAT_SECONDS, naming its task.

    Raises:
      ProcessesError: if what the environment says is incomplete or no number, or the coordinator does not answer.
    """
    given = {name: environment[name] for name in _EXPLICIT if environment.get(name)}
    if jax.distributed.is_initialized() or (not given and not _is_one_of_many(environment)):
        return
    if given and len(given) < len(_EXPLICIT) and not _is_one_of_many(environment):
        missing = ', '.join(name for name in _EXPLICIT if name not in given)
        raise ProcessesError(f'{", ".join(given)} is set, but not {missing}; a job of several processes needs all')
    # It would take SIGTERM from `preemption`, and its counter of steps is set by checkpoints in the background too.
    jax.config.update('jax_enable_preemption_service', False)
    try:
        count, index = (int(given[name]) if name in given else None for name in _EXPLICIT[1:])
        jax.distributed.initialize(
            given.get('JAX_COORDINATOR_ADDRESS'), count, index, heartbeat_timeout_seconds=HEARTBEAT_SECONDS
        )
    except (ValueError, jax.errors.JaxRuntimeError) as error:
        raise ProcessesError(f'cannot join the other processes ({given or "found by JAX"}): {error}') from error


def broadcast_from_first(value: T) -> T:
    """Process 0's value on every process, as JSON gives it back; what the others pass is ignored.

    All processes must call it in the same order; they wait for process 0, be it for hours.
    """
    if jax.process_count() == 1:
        return json.loads(json.dumps(value))
    # By the coordination service, which has no public interface: a collective of devices waits half a minute on CPUs.
    client, key = distributed.global_state.client, f'flan_jax/broadcast/{next(_broadcasts)}'
    if client is None:
        raise ProcessesError('JAX runs several processes without its coordination service, by which they agree')
    if jax.process_index() == 0:
        client.key_value_set(key, json.dumps(value))
    return json.loads(client.blocking_key_value_get(key, _LONGEST_WAIT_MS))


def first_does(what: str, action: Callable[[], T]) -> T:
    """Process 0 acts while the others wait; then they act too, and find it done.

    Raises:
      UserError: what the action raises in process 0.
      ProcessesError: in the other processes, where process 0 failed.
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
