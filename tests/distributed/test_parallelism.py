"""A run is the same on every mesh, and weights kept in bfloat16 still learn."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.settings import SettingsError
from flan_jax.training.rounding import apply_updates, stochastically_rounded
from flan_jax.training.settings import Training
from tests import forked
from tests.distributed import mesh_equality

MESHES = [(8 // fsdp // tensor, fsdp, tensor) for fsdp in (1, 2, 4, 8) for tensor in (1, 2, 4, 8) if fsdp * tensor <= 8]


@pytest.fixture(scope='module')
def distances():
    """How far meshes of eight devices are from one device, a row for each."""
    done = forked.run('tests.distributed.mesh_equality', ['--json'])
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'Involuntary full rematerialization' not in done.stderr, 'an activation is laid out anew through a full copy'
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize('mesh', MESHES)
def test_every_mesh_gives_the_loss_and_update_of_one_device(distances, mesh):
    (row,) = (row for row in distances if row.get('mesh') == list(mesh))
    assert row['loss'] < 1e-5 and row['parameters'] < 1e-5
    assert row['update'] < 3e-5, 'as a share of the largest element of the update'
    assert row['optimizer'] < 1e-5 and row['factored'] == 8


def test_meshes_are_tried_with_microbatches_and_without(distances):
    tried = [row['microbatches'] for row in distances if 'mesh' in row]
    assert len(tried) == len(MESHES) and set(tried) == {1, 2}


def test_axes_that_the_mesh_does_not_divide_change_nothing(distances):
    rows = [row for row in distances if 'indivisible' in row]
    assert len(rows) == 2 and all(row['loss'] < 1e-5 and row['log_likelihood'] < 2e-5 for row in rows), rows


def test_weights_have_the_same_digest_however_they_are_laid_out(distances):
    assert [row['digests'] for row in distances if 'digests' in row] == [True]


def test_a_checkpoint_goes_on_alike_on_any_number_of_devices(distances):
    """The loss after it is that of a run which one device did from beginning to end."""
    rows = {tuple(row['resumed']): row['difference'] for row in distances if 'resumed' in row}
    assert set(rows) == {(1, 8), (8, 4), (4, 1)} and all(difference < 1e-5 for difference in rows.values()), rows


def test_rounding_at_random_keeps_the_mean():
    x = jnp.linspace(-3, 3, 7) * 1.001
    keys = jax.random.split(jax.random.key(0), 4000)
    rounded = jax.vmap(lambda key: stochastically_rounded(x, key))(keys)
    assert rounded.dtype == jnp.bfloat16
    gaps = np.abs(np.asarray(x)) * 2**-7
    np.testing.assert_array_less(abs(rounded.astype(jnp.float32) - x).max(0), gaps + 1e-9)
    assert (abs(np.asarray(rounded, np.float64).mean(0) - np.asarray(x)) <= gaps * 0.05).all()
    np.testing.assert_array_equal(stochastically_rounded(jnp.array([jnp.inf, -jnp.inf]), keys[0]), [jnp.inf, -jnp.inf])


def test_updates_far_below_the_last_digit_of_bfloat16_add_up():
    params, step = {'a': jnp.ones(4096, jnp.bfloat16)}, jax.jit(apply_updates)
    for index in range(100):
        params = step(params, {'a': jnp.full(4096, 1e-4)}, index)
    assert float(params['a'].astype(jnp.float32).mean()) == pytest.approx(1.01, abs=5e-4)


def test_weights_kept_in_bfloat16_follow_those_in_float32():
    def final(param_dtype):
        training = dataclasses.replace(mesh_equality.TRAINING, param_dtype=param_dtype, learning_rate=0.01)
        params = {name: value.astype(param_dtype) for name, value in mesh_equality.first_params().items()}
        return mesh_equality.tune(make_mesh(Parallelism()), mesh_equality.batches() * 4, training, params=params)

    (full_losses, _), (half_losses, half) = final('float32'), final('bfloat16')
    assert {leaf.dtype for leaf in jax.tree.leaves(half.params)} == {jnp.dtype('bfloat16')}
    assert {leaf.dtype for leaf in jax.tree.leaves(half.optimizer)} <= {jnp.dtype('float32'), jnp.dtype('int32')}
    np.testing.assert_allclose(half_losses, full_losses, rtol=0.02)
    assert half_losses[-1] < half_losses[0] - 0.05


def test_a_dtype_that_is_not_known_is_refused():
    with pytest.raises(SettingsError, match="Training.param_dtype='float16': must"):
        Training(param_dtype='float16')
