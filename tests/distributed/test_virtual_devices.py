"""Meshes of CPU devices get threads enough to wait in their collectives, and run these in one order."""

import pytest

from flan_jax.distributed import virtual_devices
from flan_jax.distributed.virtual_devices import SAME_ORDER, THREADS_PER_DEVICE, prevent_deadlock

FOUR = '--xla_force_host_platform_device_count=4'
OWN = '--xla_cpu_enable_concurrency_optimized_scheduler=true'


@pytest.mark.parametrize(
    ('environment', 'threads', 'flags'),
    [
        ({}, None, None),
        ({'XLA_FLAGS': '--xla_force_host_platform_device_count=1'}, None, '--xla_force_host_platform_device_count=1'),
        ({'XLA_FLAGS': f'--xla_dump_to=/a {FOUR}'}, 4, f'--xla_dump_to=/a {FOUR} {SAME_ORDER}'),
        ({'XLA_FLAGS': f'{FOUR} {OWN}'}, 4, f'{FOUR} {OWN}'),
        ({'JAX_NUM_CPU_DEVICES': '8'}, 8, SAME_ORDER),
        ({'JAX_NUM_CPU_DEVICES': '8', 'NPROC': '3'}, 3 / THREADS_PER_DEVICE, SAME_ORDER),
    ],
)
def test_threads_and_order_follow_the_devices_that_are_asked_for(environment, threads, flags):
    prevent_deadlock(environment)
    assert environment.get('NPROC') == (threads and str(int(threads * THREADS_PER_DEVICE)))
    assert environment.get('XLA_FLAGS') == flags


@pytest.mark.parametrize(('chips', 'flags'), [(False, SAME_ORDER), (True, None)])
def test_processes_on_cpus_run_collectives_in_one_order_too(chips, flags, monkeypatch):
    monkeypatch.setattr(virtual_devices, 'has_chips', lambda: chips)
    environment = {'JAX_NUM_PROCESSES': '2'}
    prevent_deadlock(environment)
    assert environment.get('XLA_FLAGS') == flags and 'NPROC' not in environment
