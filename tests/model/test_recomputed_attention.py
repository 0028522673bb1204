"""Attention with a written backward pass is the plain one, forwards and backwards."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.model.attention import AttentionMask, attend_in_blocks, merge_partials, query_blocks
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, hidden_states
from flan_jax.model.inputs import Inputs, attention_mask
from flan_jax.model.recomputed_attention import attended_values
from tests.toy import CONFIGS, batch_of, random_examples, random_params

CONFIG = DecoderConfig(vocab_size=8, d_model=24, num_layers=1, num_heads=6, head_dim=4, d_ff=8, num_kv_heads=2)


def packed(length):
    """Two rows of texts of which none ends where a block of queries does."""
    segments = 1 + np.arange(length) // np.array([[77], [150]])
    return attention_mask(Inputs(segments, segments, segments))


@pytest.mark.parametrize('length, blocks', [(100, 1), (300, 3), (1000, 4)])
@pytest.mark.parametrize('dtype, digits', [('float32', 2e-6), ('bfloat16', 2e-2)])
def test_values_and_gradients_are_those_of_autodiff_in_float32(length, blocks, dtype, digits):
    shapes = (2, 2, 3, length, 4), (2, 2, length, 4), (2, 2, length, 4), (2, 2, 3, length, 4)
    rng = np.random.default_rng(0)
    *operands, gradient = (jnp.asarray(rng.normal(size=shape), dtype) for shape in shapes)
    visible = packed(length)

    def plain(query, key, value):
        partial = attend_in_blocks(query, key, value, AttentionMask(visible), CONFIG)
        return jnp.moveaxis(merge_partials([partial]), 1, 3)

    def written(query, key, value):
        return attended_values(query * CONFIG.scale_of_queries, key, value, visible)

    @functools.partial(jax.jit, static_argnums=0)
    def forwards_and_backwards(attend, operands, gradient):
        values, vjp = jax.vjp(attend, *operands)
        return values, *vjp(gradient.astype(jnp.float32))

    found = forwards_and_backwards(written, operands, gradient)
    expected = forwards_and_backwards(plain, *jax.tree.map(lambda x: x.astype(jnp.float32), (operands, gradient)))
    assert len(list(query_blocks(length))) == blocks
    for ours, exact in zip(found, expected):
        np.testing.assert_allclose(ours, exact, rtol=0, atol=digits * float(jnp.abs(exact).max()))


@pytest.mark.parametrize('remat', ['none', 'dots', 'full'])
@pytest.mark.parametrize('name', CONFIGS)
def test_a_decoder_learns_the_same_on_one_cpu_as_without_a_mesh(name, remat):
    config = CONFIGS[name]
    params, inputs = (
        random_params(config),
        Inputs.of(batch_of([random_examples(2, responses=2), random_examples(2, seed=1)])),
    )

    def gradient():
        def loss(params):
            return jnp.square(hidden_states(config, params, inputs, Execution(remat=remat))).sum()

        return jax.jit(jax.grad(loss))(params)

    plain = gradient()
    with jax.set_mesh(make_mesh(Parallelism())):
        written = gradient()
    for of_plain, of_written in zip(jax.tree.leaves(plain), jax.tree.leaves(written)):
        np.testing.assert_allclose(of_written, of_plain, rtol=0, atol=1e-5 * float(jnp.abs(of_plain).max()) + 1e-7)
