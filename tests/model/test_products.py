"""Products written out for a CPU's matrix units are the plain ones, forwards and backwards."""

import dataclasses
import functools
import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.model.products import product, scores_of, weighted_values
from flan_jax.objectives.next_token import NextToken
from flan_jax.objectives.objective import LOSS
from flan_jax.training.program import training_program
from flan_jax.training.settings import Training
from flan_jax.tuning.full import Full
from flan_jax.tuning.lora import Lora
from tests.objectives.test_next_token import CLUSTERS
from tests.toy import CONFIGS, batch_of, random_examples, random_params

CPUINFO = pathlib.Path('/proc/cpuinfo')
MATRIX_UNITS = CPUINFO.exists() and 'amx_bf16' in CPUINFO.read_text()


@pytest.fixture
def one_cpu():
    """The mesh under which a run on a CPU trains."""
    with jax.set_mesh(make_mesh(Parallelism())):
        yield


def random_operands(transposed, leading=(3, 8)):
    """Activations that bfloat16 holds exactly, weights that it does not, and a gradient that it holds."""
    rng = np.random.default_rng(0)
    x, gradient = (rng.normal(size=(*leading, size)).astype(jnp.bfloat16) for size in (16, 24))
    return x, rng.normal(size=(24, 16) if transposed else (16, 24)).astype(np.float32), gradient


@pytest.mark.parametrize('transposed', [False, True])
@pytest.mark.parametrize('dtype', [None, 'float32'])
def test_products_and_gradients_are_those_of_rounded_operands_in_float64(transposed, dtype, one_cpu):
    x, kernel, gradient = random_operands(transposed)

    @jax.jit
    def forwards_and_backwards(x, kernel, gradient):
        y, vjp = jax.vjp(lambda x, kernel: product(x, kernel, transposed=transposed, dtype=dtype), x, kernel)
        return y, *vjp(gradient.astype(y.dtype))

    y, of_x, of_kernel = forwards_and_backwards(x, kernel, gradient)
    assert (y.dtype, of_x.dtype, of_kernel.dtype) == (dtype or 'bfloat16', 'bfloat16', 'float32')
    x, gradient, y, of_x = (np.asarray(a, np.float64).reshape(-1, a.shape[-1]) for a in (x, gradient, y, of_x))
    rounded = kernel.astype(jnp.bfloat16).astype(np.float64)
    rounded = rounded.T if transposed else rounded
    exact = x.T @ gradient
    sums_in_float32, half_a_digit = {'rtol': 1e-5, 'atol': 1e-5}, {'rtol': 2**-8, 'atol': 1e-5}
    np.testing.assert_allclose(of_kernel, exact.T if transposed else exact, **sums_in_float32)
    np.testing.assert_allclose(of_x, gradient @ rounded.T, **half_a_digit)
    np.testing.assert_allclose(y, x @ rounded, **sums_in_float32 if dtype else half_a_digit)


def test_gradient_of_logits_needs_no_transpose(one_cpu):
    """It is what takes most memory in a step."""
    x, kernel = jnp.ones((3, 8, 16)), jnp.ones((640, 16))
    loss = jax.grad(lambda x, kernel: jnp.exp(product(x, kernel, transposed=True)).sum(), argnums=(0, 1))
    text = jax.jit(loss).lower(x, kernel).compile().as_text()
    assert 'f32[24,640]' in text
    assert 'f32[640,24]' not in text


def attention_operands():
    """Keys [M, K, S, N] and queries [M, K, G, Q, N] of which two share a key, values and weights."""
    draw = functools.partial(np.random.default_rng(0).normal)
    sizes = {'key': (2, 3, 10, 16), 'query': (2, 3, 2, 9, 16), 'weights': (2, 3, 10, 2, 9), 'value': (2, 3, 10, 16)}
    return {name: draw(size=size).astype(jnp.bfloat16) for name, size in sizes.items()}


@pytest.mark.parametrize(
    ('written_out', 'names', 'sums'),
    [(scores_of, ('key', 'query'), 'MKSN,MKGQN->MKSGQ'), (weighted_values, ('weights', 'value'), 'MKSGQ,MKSN->MKGQN')],
)
def test_products_of_attention_and_gradients_are_those_in_float64(written_out, names, sums, one_cpu):
    operands = [attention_operands()[name] for name in names]
    exact = [operand.astype(np.float64) for operand in operands]
    expected = np.einsum(sums, *exact)
    gradient = np.random.default_rng(1).normal(size=expected.shape).astype(jnp.bfloat16).astype(np.float32)
    found, vjp = jax.vjp(jax.jit(written_out), *operands)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    (first, second), product = sums.split('->')[0].split(','), sums.split('->')[1]
    of_first = np.einsum(f'{product},{second}->{first}', gradient, exact[1])
    of_second = np.einsum(f'{product},{first}->{second}', gradient, exact[0])
    for of_operand, of_exact in zip(vjp(gradient), (of_first, of_second), strict=True):
        np.testing.assert_allclose(np.asarray(of_operand, np.float64), of_exact, rtol=2**-8, atol=1e-5)


WIDE = dataclasses.replace(CONFIGS['rotary'], d_model=32, num_heads=2, head_dim=16, d_ff=64, vocab_size=128)
ADAPTER = Lora(rank=32, targets=('attention/query', 'attention/out', 'feed_forward/gate', 'feed_forward/down'))


def steps(config, count=4, tuning=None, **settings):
    """The losses of some steps under the mesh of a run, and the compiled step."""
    mesh = make_mesh(Parallelism())
    training = Training(batch_size=8, learning_rate=0.01, **settings)
    program = training_program(config, NextToken(), tuning or Full(), training, mesh, CLUSTERS)
    batch = batch_of([random_examples(3, seed) for seed in range(8)])
    with jax.set_mesh(mesh):
        params, frozen = random_params(config), {}
        if tuning:
            params, frozen = tuning.init(config, jax.random.key(0), params, list), params
        state = program.start(params)
        step = program.step.lower(state, frozen, batch).compile()
        losses = []
        for _ in range(count):
            state, metrics = step(state, frozen, batch)
            total, number = metrics.objective[LOSS]
            losses.append(float(total / number))
    return losses, step


@functools.cache
def losses_in_float32(config):
    return steps(config)[0]


@pytest.mark.parametrize('remat', ['none', 'dots', 'full'])
@pytest.mark.parametrize('tied', [True, False])
def test_a_run_in_bfloat16_learns_as_one_in_float32(tied, remat):
    config = dataclasses.replace(WIDE, tied_embedding=tied)
    expected = losses_in_float32(config)
    found, _ = steps(config, dtype='bfloat16', remat=remat)
    assert expected[-1] < expected[0] - 0.05
    np.testing.assert_allclose(found, expected, rtol=3e-3)


def test_an_adapter_in_bfloat16_learns_as_one_in_float32():
    expected, _ = steps(WIDE, tuning=ADAPTER)
    found, _ = steps(WIDE, tuning=ADAPTER, dtype='bfloat16')
    assert expected[-1] < expected[0] - 0.05
    np.testing.assert_allclose(found, expected, rtol=3e-3)


@pytest.mark.skipif(not MATRIX_UNITS, reason='this processor has no AMX')
@pytest.mark.parametrize('tuning', [None, ADAPTER])
def test_xla_leaves_all_products_in_bfloat16(tuning):
    """It would convert operands first where they lie otherwise than its library takes them."""
    _, step = steps(WIDE, count=0, tuning=tuning, dtype='bfloat16')
    products = r'(\w+)\[[\d,]+\]\S* parameter\(\d\)\n.* = f32\[[\d,]+\]\S* dot\('
    assert set(re.findall(products, step.as_text())) == {'bf16'}
