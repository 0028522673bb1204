"""libtpu is not asked where there is no chip."""

import importlib.machinery
import importlib.util

import pytest

from flan_jax.distributed.cpu_only import choose_cpu_without_chips


@pytest.fixture(params=[True, False], ids=['libtpu', 'no libtpu'])
def has_libtpu(request, monkeypatch):
    found = importlib.machinery.ModuleSpec('libtpu', None) if request.param else None
    monkeypatch.setattr(importlib.util, 'find_spec', lambda _: found)
    return request.param


def test_the_cpu_is_chosen_only_for_libtpu_without_chips(has_libtpu, tmp_path):
    environment = {}
    choose_cpu_without_chips(environment, tmp_path)
    assert environment == ({'JAX_PLATFORMS': 'cpu'} if has_libtpu else {})


@pytest.mark.parametrize('chip', ['accel0', 'vfio/0', 'nvidia0', 'kfd'])
def test_a_machine_with_a_chip_is_left_alone(has_libtpu, chip, tmp_path):
    (tmp_path / chip).parent.mkdir(exist_ok=True)
    (tmp_path / chip).touch()
    environment = {}
    choose_cpu_without_chips(environment, tmp_path)
    assert not environment


def test_what_the_user_says_stays(has_libtpu, tmp_path):
    environment = {'JAX_PLATFORMS': 'tpu'}
    choose_cpu_without_chips(environment, tmp_path)
    assert environment == {'JAX_PLATFORMS': 'tpu'}
