"""What the processes of a job, a device each, compute and agree on together; each prints what it found as JSON.

The tests start the processes, as their number is fixed when JAX starts:

  python -m tests.distributed.together '[{"fsdp": 2, "tensor": 2, "batch_size": 4}]'
"""

import dataclasses
import functools
import json
import os
import signal
import sys

import jax
import numpy as np

from flan_jax.distributed import processes
from flan_jax.distributed.batches import ReplicaError, addressable_sequences, check_replicas, device_batch
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.distributed.preemption import Preempted, termination_noted
from flan_jax.errors import UserError
from flan_jax.model.config import lamda
from flan_jax.model.decoder import parameter_shapes
from tests.distributed import mesh_equality

STEPS = 10
CONFIG = lamda(num_layers=1, d_model=32, vocab_size=64, head_dim=16)


def losses(batch_size, **parallelism):
    """The losses of ten steps on one layout."""
    training = dataclasses.replace(mesh_equality.TRAINING, batch_size=batch_size, remat='none')
    data = mesh_equality.batches(STEPS, batch_size, CONFIG)
    return mesh_equality.tune(make_mesh(Parallelism(**parallelism)), data, training, CONFIG, first_params())[0]


def first_params():
    """Parameters drawn by NumPy, which compiles nothing."""
    rng, shapes = np.random.default_rng(0), parameter_shapes(CONFIG)
    return {name: rng.normal(0.0, 0.2, shapes[name].shape).astype(np.float32) for name in sorted(shapes)}


def replica_errors():
    """What is found of a batch that is the same everywhere, and of one whose processes hold different sequences."""
    mesh = make_mesh(Parallelism(tensor=jax.device_count()))
    indices = addressable_sequences(mesh, 4)
    whole = np.arange(12).reshape(4, 3)
    batches = [{'tokens': whole, 'positions': whole + shift} for shift in (0, jax.process_index())]
    batches = [device_batch(batch, indices, mesh, 4) for batch in batches]
    return [_error_of(functools.partial(check_replicas, batch), ReplicaError) for batch in batches]


def first_fails():
    """What each process learns when the first one's work fails."""

    def fail():
        raise UserError(f'no data in process {jax.process_index()}')

    return _error_of(lambda: processes.first_does('pack', fail), UserError)


def stopped_at(run_ahead, signal_before):
    """The call at which this process stops, if the last process gets SIGTERM before one; None if at none of five."""
    call = 0

    def work():
        nonlocal call
        with termination_noted(run_ahead) as should_stop:
            for call in range(5):
                if call == signal_before and jax.process_index() == jax.process_count() - 1:
                    os.kill(os.getpid(), signal.SIGTERM)
                if should_stop():
                    raise Preempted('stopped')

    return call if _error_of(work, Preempted) else None


def sent_again():
    """Whether this process gets the SIGTERM that the last one got at the last call, when the host runs ahead."""
    got = []
    signal.signal(signal.SIGTERM, lambda *_: got.append(True))
    return [stopped_at(run_ahead=True, signal_before=4), got]


def _error_of(action, kind):
    try:
        action()
    except kind as error:
        return str(error)


if __name__ == '__main__':
    processes.join()
    found = {
        'losses': [losses(**layout) for layout in json.loads(sys.argv[1])],
        'broadcast': processes.broadcast_from_first({'of': jax.process_index(), 'keys': [('ä' * 500, None)]}),
        'replica_errors': replica_errors(),
        'first_fails': first_fails(),
        'stops_in_training': stopped_at(run_ahead=True, signal_before=2),
        'stops_in_evaluation': stopped_at(run_ahead=False, signal_before=3),
        'sent_again': sent_again(),
    }
    print(json.dumps(found))
