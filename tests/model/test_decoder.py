"""The decoder against a plain implementation of the same mathematics, and what it must not see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flan_jax.model import attention, decoder, positions
from flan_jax.model.attention import AttentionMask
from flan_jax.model.config import DecoderConfig, Learned, RelativeBias, Rotary, lamda
from flan_jax.model.decoder import Execution
from flan_jax.model.inputs import Inputs, attention_mask
from flan_jax.training.flops import parameter_count
from tests import toy

SIZE = {'vocab_size': 50, 'num_layers': 3, 'd_model': 24, 'num_heads': 4, 'head_dim': 6, 'd_ff': 40}
CONFIGS = {
    'lamda': DecoderConfig(**SIZE, position=RelativeBias(num_buckets=8, max_distance=20), embedding_scale=5.0),
    'rotary, grouped heads': DecoderConfig(**SIZE, position=Rotary(), num_kv_heads=2, activation='silu'),
    'learned, layer norm, biases': DecoderConfig(
        **SIZE, position=Learned(300), norm='layer', gated=False, attention_bias='all', feed_forward_bias=True
    ),
    'parallel, partly rotary': DecoderConfig(**SIZE, position=Rotary(fraction=2 / 3), block='parallel', norm='layer'),
    'post norm, normed queries': DecoderConfig(**SIZE, position=Rotary(), block='post', query_key_norm='all'),
    'sandwich, windows, caps': DecoderConfig(
        **SIZE,
        position=Rotary(),
        block='sandwich',
        norm_offset=1.0,
        window=7,
        window_every=2,
        attention_softcap=2.0,
        logit_softcap=3.0,
        tied_embedding=False,
        query_key_norm='head',
    ),
}

prefill = jax.jit(decoder.prefill, static_argnums=0)
unembed = jax.jit(decoder.logits, static_argnums=0)
each_config = pytest.mark.parametrize('name', CONFIGS)


def random_params(config):
    return toy.random_params(config, scale=0.3)


def run(config, params, tokens, positions=None, segments=None):
    where = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape) if positions is None else positions
    segments = np.ones_like(tokens) if segments is None else segments
    return np.asarray(toy.logits(config, params, Inputs(tokens, where, segments)))


@each_config
def test_no_token_sees_the_future(name):
    config, params = CONFIGS[name], random_params(CONFIGS[name])
    tokens = np.random.default_rng(0).integers(0, 50, (2, 150))
    changed = tokens.copy()
    changed[:, 90:] += 1
    before, after = run(config, params, tokens), run(config, params, changed % 50)
    np.testing.assert_array_equal(before[:, :90], after[:, :90])
    assert not np.allclose(before[:, 90:], after[:, 90:])


@each_config
def test_packed_examples_do_not_see_each_other(name):
    config, params = CONFIGS[name], random_params(CONFIGS[name])
    rng = np.random.default_rng(0)
    parts = [rng.integers(0, 50, length) for length in (70, 1, 79)]
    together = run(
        config,
        params,
        np.concatenate(parts)[None],
        positions=np.concatenate([np.arange(len(part)) for part in parts])[None],
        segments=np.repeat(np.arange(1, 4), [70, 1, 79])[None],
    )
    alone = np.concatenate([run(config, params, part[None]) for part in parts], axis=1)
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=2e-5)


@each_config
@pytest.mark.parametrize('unroll_decode', [False, True])
def test_written_steps_equal_one_pass(name, unroll_decode):
    """Rows of unequal length, padded at the right, then continued token by token."""
    config, params = CONFIGS[name], random_params(CONFIGS[name])
    tokens = np.random.default_rng(0).integers(0, 50, (2, 24))
    lengths = np.array([13, 5])
    expected = run(config, params, tokens)
    prompt = np.where(np.arange(13) < lengths[:, None], tokens[:, :13], 0)
    hidden, memory = prefill(config, params, prompt, lengths)
    execution = Execution(unroll_decode=unroll_decode)
    written = decoder.init_decode_cache(config, memory.end, 8, execution)
    write = jax.jit(decoder.decode_step(config, params, [memory], execution))
    ours = np.asarray(unembed(config, params, hidden))
    for row, length in enumerate(lengths):
        np.testing.assert_allclose(ours[row, :length], expected[row, :length], rtol=1e-5, atol=2e-5)
    for step in range(8):
        here = tokens[np.arange(2), lengths + step]
        hidden, written = write(here, written)
        ours = unembed(config, params, hidden)
        np.testing.assert_allclose(ours, expected[np.arange(2), lengths + step], rtol=1e-5, atol=2e-5)


@each_config
def test_what_continues_a_shared_memory_equals_one_pass(name):
    """Three memories in a chain: one row for all, one row for each pair of rows, and what was written."""
    config, params = CONFIGS[name], random_params(CONFIGS[name])
    random = np.random.default_rng(0)
    prefix, middles, ends = random.integers(0, 50, 9), random.integers(0, 50, (2, 5)), random.integers(0, 50, (4, 3))
    whole = np.concatenate([np.tile(prefix, (4, 1)), np.repeat(middles, 2, axis=0), ends], axis=1)
    expected = run(config, params, whole)
    _, first = prefill(config, params, np.pad(prefix, (0, 4))[None], np.array([9]))
    hidden, second = prefill(config, params, middles, np.array([5, 5]), prefix=[first])
    np.testing.assert_allclose(unembed(config, params, hidden), expected[::2, 9:14], rtol=1e-5, atol=2e-5)
    written = decoder.init_decode_cache(config, np.repeat(second.end, 2), 3)
    write = jax.jit(decoder.decode_step(config, params, [first, second]))
    for step in range(3):
        hidden, written = write(ends[:, step], written)
        np.testing.assert_allclose(unembed(config, params, hidden), expected[:, 14 + step], rtol=1e-5, atol=2e-5)


def test_a_layer_is_the_textbooks():
    """One pre-norm layer of the LaMDA kind, written out in NumPy."""
    config = DecoderConfig(**SIZE | {'num_layers': 1}, position=RelativeBias(num_buckets=8, max_distance=20))
    params = {name: np.asarray(value, np.float64) for name, value in random_params(config).items()}
    tokens = np.random.default_rng(0).integers(0, 50, 11)
    layer = {name.removeprefix('layers/'): value[0] for name, value in params.items() if name.startswith('layers/')}

    def norm(x, scale):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * scale

    def gelu(x):
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    x = params['embedding'][tokens]
    y = norm(x, layer['attention_norm/scale'])
    query, key, value = (
        (y @ layer[f'attention/{n}/kernel']).reshape(11, 4, 6).swapaxes(0, 1) for n in ('query', 'key', 'value')
    )
    buckets = np.asarray(positions.distance_bucket(np.subtract.outer(np.arange(11), np.arange(11)), config.position))
    scores = query @ key.swapaxes(1, 2) / np.sqrt(6) + np.moveaxis(params['relative_bias'][buckets], -1, 0)
    scores = np.where(np.tril(np.ones((11, 11), bool)), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    x = x + (weights @ value).swapaxes(0, 1).reshape(11, 24) @ layer['attention/out/kernel']
    y = norm(x, layer['feed_forward_norm/scale'])
    gated = gelu(y @ layer['feed_forward/gate/kernel']) * (y @ layer['feed_forward/up/kernel'])
    x = norm(x + gated @ layer['feed_forward/down/kernel'], params['final_norm/scale'])
    np.testing.assert_allclose(
        run(config, random_params(config), tokens[None])[0], x @ params['embedding'].T, atol=1e-4
    )


def t5_bucket(distance, num_buckets, max_distance):
    """Raffel et al. 2020's causal bucket of one distance, in plain Python."""
    exact = num_buckets // 2
    if distance <= 0:
        return 0
    if distance < exact:
        return distance
    return min(
        exact + int(np.log(distance / exact) / np.log(max_distance / exact) * (num_buckets - exact)), num_buckets - 1
    )


@pytest.mark.parametrize(('num_buckets', 'max_distance'), [(32, 128), (8, 20)])
def test_distance_buckets_are_t5s(num_buckets, max_distance):
    distances = np.arange(-5, 400)
    ours = positions.distance_bucket(distances, RelativeBias(num_buckets, max_distance))
    assert ours.tolist() == [t5_bucket(d, num_buckets, max_distance) for d in distances.tolist()]


@pytest.mark.parametrize('length', [1, 2, 7, 40])
def test_bias_by_diagonals_equals_bias_by_lookup(length):
    scheme = RelativeBias(num_buckets=8, max_distance=20)
    (table,) = normal((8, 3))
    where = np.arange(length)[None]
    np.testing.assert_array_equal(
        positions.relative_bias_in_order(table, length, scheme), positions.relative_bias(table, where, where, scheme)
    )


def normal(*shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def test_attention_in_blocks_equals_attention():
    config = CONFIGS['lamda']
    length = 2 * attention.QUERY_BLOCK + 17
    query, key, value, bias = normal((2, 4, 1, length, 6), *[(2, 4, length, 6)] * 2, (1, 4, length, length))
    segments = np.broadcast_to(np.arange(length) // 50, (2, length))
    arguments = (query, key, value, AttentionMask(attention_mask(Inputs(segments, segments, segments)), bias), config)
    together, in_blocks = (
        jax.jit(attend, static_argnums=4)(*arguments) for attend in (attention.attend, attention.attend_in_blocks)
    )
    np.testing.assert_allclose(attention.merge_partials([in_blocks]), attention.merge_partials([together]), atol=1e-5)


def plain_attention(query, key, value, bias, visible, config):
    """Softmax attention in one matrix: [B, T, K, G, N]."""
    scores = jnp.einsum('BKGTN,BKSN->BKGTS', query * config.scale_of_queries, key)
    if config.attention_softcap is not None:
        scores = config.attention_softcap * jnp.tanh(scores / config.attention_softcap)
    scores += jnp.swapaxes(bias, 2, 3).reshape(-1, *query.shape[1:3], *scores.shape[3:])
    scores = jnp.where(jnp.swapaxes(visible, 1, 2)[:, None, None], scores, -jnp.inf)
    return jnp.einsum('BKGTS,BKSN->BTKGN', jax.nn.softmax(scores), value)


@pytest.mark.parametrize('softcap', [None, 3.0])
@pytest.mark.parametrize('trees', [False, True])
def test_attention_and_its_gradient_equal_plain_softmax(softcap, trees):
    config = DecoderConfig(**SIZE | {'num_heads': 4}, num_kv_heads=2, attention_softcap=softcap)
    length = attention.QUERY_BLOCK + 9
    of_queries, of_keys, of_bias = (2, 2, 2, length, 6), (2, 2, length, 6), (1, 4, length, length)
    query, key, value, bias, direction = normal(of_queries, of_keys, of_keys, of_bias, of_queries)
    entry = np.broadcast_to(1 + np.arange(length) // 30, (2, length))
    exits = np.where(entry == 1, 3, entry + 1) if trees else None  # the second piece continues the first
    visible = attention_mask(Inputs(entry, entry, entry, exits))

    def ours(query, key, value, bias):
        partial = attention.attend_in_blocks(query, key, value, AttentionMask(visible, bias), config)
        return (attention.merge_partials([partial]) * jnp.moveaxis(direction, 3, 1)).sum()

    def plain(query, key, value, bias):
        return (plain_attention(query, key, value, bias, visible, config) * jnp.moveaxis(direction, 3, 1)).sum()

    found, expected = (jax.jit(jax.value_and_grad(f, (0, 1, 2, 3)))(query, key, value, bias) for f in (ours, plain))
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected)):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ('layers_', 'd_model', 'billions'), [(10, 2560, 2.10), (16, 4096, 8.59), (32, 8192, 68.7), (64, 8192, 137.4)]
)
def test_published_sizes_of_lamda(layers_, d_model, billions):
    config = lamda(num_layers=layers_, d_model=d_model, vocab_size=32000)
    without_embedding = parameter_count(config) - 32000 * d_model
    assert without_embedding / 1e9 == pytest.approx(billions, rel=0.005)
    assert config.num_heads * config.head_dim == 2 * d_model and config.d_ff == 8 * d_model


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match='num_kv_heads=3 must divide num_heads=4'):
        DecoderConfig(**SIZE, num_kv_heads=3)
    with pytest.raises(ValueError, match='d_model=0'):
        DecoderConfig(**SIZE | {'d_model': 0})
