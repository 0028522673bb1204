"""Real processes, a device each, learn what one learns on whatever layout, and agree on what one of them found."""

import json

import jax
import numpy as np
import pytest

from flan_jax.distributed.batches import addressable_sequences, check_batch, check_replicas, device_batch
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.distributed.processes import broadcast_from_first
from flan_jax.settings import SettingsError
from tests.distributed import jobs, together

LAYOUTS = {
    2: [{'tensor': 2, 'batch_size': 2}, {'fsdp': 2, 'batch_size': 2}],
    4: [{'fsdp': 2, 'tensor': 2, 'batch_size': 4}, {'fsdp': 2, 'tensor': 2, 'batch_size': 2}],
}


@pytest.fixture(scope='module', params=LAYOUTS)
def found(request):
    """The layouts of a job, and what each of its processes found."""
    layouts = LAYOUTS[request.param]
    job = jobs.start(request.param, 'tests.distributed.together', json.dumps(layouts))
    ends = jobs.ends_of(job)
    assert [status for status, _, _ in ends] == [0] * request.param, ends[0][2][-3000:]
    return layouts, [json.loads(output.splitlines()[-1]) for _, output, _ in ends]


def test_processes_have_the_losses_of_one_on_every_layout(found):
    layouts, processes = found
    for layout, *together_found in zip(layouts, *(process['losses'] for process in processes), strict=True):
        alone = together.losses(layout['batch_size'])
        assert alone[-1] < alone[0], 'there is something to learn'
        for losses in together_found:
            np.testing.assert_allclose(losses, alone, atol=1e-5, err_msg=str(layout))


def test_what_the_first_process_says_is_what_all_hear(found):
    assert [process['broadcast'] for process in found[1]] == [{'of': 0, 'keys': [['ä' * 500, None]]}] * len(found[1])
    assert broadcast_from_first({'keys': [('a', 1)]}) == {'keys': [['a', 1]]}, 'one process hears the same'


def test_what_fails_in_the_first_process_fails_in_all(found):
    first, *others = (process['first_fails'] for process in found[1])
    assert first == 'no data in process 0'
    assert others == ['pack: process 0 failed: no data in process 0'] * len(others)


def test_processes_that_hold_different_sequences_are_found_out(found):
    for fine, wrong in (process['replica_errors'] for process in found[1]):
        assert fine is None
        assert wrong.startswith('positions of sequences 0 to 3') and '[0] and [1]' in wrong


def test_a_signal_to_one_process_stops_all_at_the_same_call(found):
    assert [process['stops_in_training'] for process in found[1]] == [3] * len(found[1])
    assert [process['stops_in_evaluation'] for process in found[1]] == [3] * len(found[1])


def test_a_signal_after_the_last_call_is_not_lost(found):
    assert [process['sent_again'] for process in found[1]] == [[None, [True]]] * len(found[1])


def test_a_process_gives_what_its_devices_hold():
    mesh = make_mesh(Parallelism())
    size = 3 * mesh.size
    assert list(addressable_sequences(mesh, size)) == list(range(size))
    values = np.arange(2 * size).reshape(size, 2)
    batch = device_batch({'tokens': values, 'scores': values[:, 0]}, np.arange(size), mesh, size)
    np.testing.assert_array_equal(batch['tokens'], values)
    np.testing.assert_array_equal(batch['scores'], values[:, 0])
    check_replicas(batch)


def test_microbatches_that_cannot_be_cut_alike_are_refused():
    with pytest.raises(SettingsError, match='BATCH_SIZE=5 must be a multiple of Training.microbatches=2'):
        check_batch(make_mesh(Parallelism(), jax.devices()[:1]), 5, 2)
