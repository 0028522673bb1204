"""Virtual devices get threads enough to wait in their collectives."""

import pytest

from flan_jax.distributed.virtual_devices import THREADS_PER_DEVICE, give_threads


@pytest.mark.parametrize(
    ('environment', 'threads'),
    [
        ({}, None),
        ({'XLA_FLAGS': '--xla_force_host_platform_device_count=1'}, None),
        ({'XLA_FLAGS': '--xla_dump_to=/a --xla_force_host_platform_device_count=4'}, 4 * THREADS_PER_DEVICE),
        ({'JAX_NUM_CPU_DEVICES': '8'}, 8 * THREADS_PER_DEVICE),
        ({'JAX_NUM_CPU_DEVICES': '8', 'NPROC': '3'}, 3),
    ],
)
def test_threads_follow_the_devices_that_are_asked_for(environment, threads):
    give_threads(environment)
    assert environment.get('NPROC') == (threads and str(threads))
