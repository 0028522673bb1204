"""The decoder's layers.

Shape letters: B batch, T queries, S keys, D model, H heads, K key and value heads, G heads per K, N head dimensions,
F feed-forward. Kernels are [in, out]. Norms and attention scores are computed in float32, all else in the dtype of the
incoming activations.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx

from flan_jax.model import positions
from flan_jax.model.config import DecoderConfig, Rotary

MASKED_SCORE = -1e30
"""Score of a key that must not be seen; finite, so that rows of padding give no NaN."""

QUERY_BLOCK = 128
"""Queries whose attention is computed at a time, at least; a row has four blocks at most, each of which is compiled."""

_ACTIVATIONS = {
    'gelu': lambda x: jax.nn.gelu(x, approximate=True),
    'gelu_exact': lambda x: jax.nn.gelu(x, approximate=False),
    'silu': jax.nn.silu,
    'relu': jax.nn.relu,
}

_fan_in_normal = jax.nn.initializers.variance_scaling(1.0, 'fan_in', 'truncated_normal')


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What every layer needs to know of the tokens' places.

    Attributes:
      positions: [B, T].
      visible: booleans [B, T, S], query by key.
      bias: added to attention scores, broadcastable to [B, H, T, S]; None for none.
      distance: query index minus key index, [B or 1, T, S]; None where no layer has a window.
    """

    positions: jax.Array
    visible: jax.Array
    bias: jax.Array | None = None
    distance: jax.Array | None = None


class Norm(nnx.Module):
    """RMS norm, or layer norm with a bias, over the last axis."""

    def __init__(self, size: int, config: DecoderConfig):
        self.config = config
        self.scale = nnx.Param(jnp.full((size,), 1.0 - config.norm_offset))
        if config.norm == 'layer':
            self.bias = nnx.Param(jnp.zeros((size,)))

    def __call__(self, x: jax.Array) -> jax.Array:
        y = x.astype(jnp.float32)
        if self.config.norm == 'layer':
            y = y - y.mean(-1, keepdims=True)
        y = y * jax.lax.rsqrt(jnp.square(y).mean(-1, keepdims=True) + self.config.norm_epsilon)
        y = y * (self.scale[...] + self.config.norm_offset)
        if self.config.norm == 'layer':
            y = y + self.bias[...]
        return y.astype(x.dtype)


class Linear(nnx.Module):
    """A kernel [in, out], perhaps a bias, and perhaps a low-rank term A [in, r] B [r, out] beside the kernel."""

    def __init__(self, size_in: int, size_out: int, *, bias: bool, rngs: nnx.Rngs):
        self.kernel = nnx.Param(_fan_in_normal(rngs.params(), (size_in, size_out)))
        self.bias = nnx.Param(jnp.zeros((size_out,))) if bias else None
        self.lora_a = self.lora_b = nnx.data(None)

    def __call__(self, x: jax.Array) -> jax.Array:
        # Rows and tokens are one axis here: XLA's CPU backend is three times slower at the gradient otherwise.
        flat = x.reshape(-1, x.shape[-1])
        y = flat @ self.kernel[...].astype(x.dtype)
        if self.lora_a is not None:
            y = y + (flat @ self.lora_a[...].astype(x.dtype)) @ self.lora_b[...].astype(x.dtype)
        y = y if self.bias is None else y + self.bias[...].astype(x.dtype)
        return y.reshape(*x.shape[:-1], -1)


@dataclasses.dataclass(frozen=True)
class LayerCache:
    """One layer's part of a cache of keys and values.

    Attributes:
      whole: the cache of all layers, 'key' and 'value', each [L, B, K, S, N].
      layer: index of the layer.
    """

    whole: dict[str, jax.Array]
    layer: jax.Array

    def written(self, key_BxTxKxN, value_BxTxKxN, positions_BxT) -> 'LayerCache':
        """The cache with a layer's keys and values put at their positions."""
        index = (self.layer, jnp.arange(key_BxTxKxN.shape[0])[:, None], slice(None), positions_BxT)
        new = {'key': key_BxTxKxN, 'value': value_BxTxKxN}
        whole = {name: old.at[index].set(new[name].astype(old.dtype)) for name, old in self.whole.items()}
        return LayerCache(whole, self.layer)

    def read(self, name: str) -> jax.Array:
        """The layer's keys or values, [B, S, K, N]."""
        return jnp.swapaxes(self.whole[name][self.layer], 1, 2)


class Attention(nnx.Module):
    """Multi-head attention with grouped key and value heads."""

    def __init__(self, config: DecoderConfig, rngs: nnx.Rngs):
        self.config = config
        query_size, kv_size = config.num_heads * config.head_dim, config.kv_heads * config.head_dim
        qkv_bias = config.attention_bias != 'none'
        self.query = Linear(config.d_model, query_size, bias=qkv_bias, rngs=rngs)
        self.key = Linear(config.d_model, kv_size, bias=qkv_bias, rngs=rngs)
        self.value = Linear(config.d_model, kv_size, bias=qkv_bias, rngs=rngs)
        self.out = Linear(query_size, config.d_model, bias=config.attention_bias == 'all', rngs=rngs)
        if config.query_key_norm != 'none':
            per_head = config.query_key_norm == 'head'
            self.query_norm = Norm(config.head_dim if per_head else query_size, config)
            self.key_norm = Norm(config.head_dim if per_head else kv_size, config)

    def __call__(self, x_BxTxD: jax.Array, around: Surroundings, cache=None, window=None):
        """Returns the output [B, T, D] and the whole cache with this layer's new keys and values."""
        query, key, value = self._project(x_BxTxD)
        if isinstance(self.config.position, Rotary):
            angles = positions.rotary_angles(around.positions, self.config.rotary_dim, self.config.position)
            query, key = positions.rotate(query, angles), positions.rotate(key, angles)
        visible = around.visible if window is None else around.visible & (around.distance < window)
        if cache is None:
            return self.out(attend_in_blocks(query, key, value, visible, around.bias, self.config)), None
        cache = cache.written(key, value, around.positions)
        key, value = (cache.read(name).astype(query.dtype) for name in ('key', 'value'))
        return self.out(attend(query, key, value, visible, around.bias, self.config)), cache.whole

    def _project(self, x_BxTxD):
        query, key, value = self.query(x_BxTxD), self.key(x_BxTxD), self.value(x_BxTxD)
        if self.config.query_key_norm == 'all':
            query, key = self.query_norm(query), self.key_norm(key)
        query, key, value = (t.reshape(*t.shape[:2], -1, self.config.head_dim) for t in (query, key, value))
        if self.config.query_key_norm == 'head':
            query, key = self.query_norm(query), self.key_norm(key)
        return query, key, value


def attend(query_BxTxHxN, key_BxSxKxN, value_BxSxKxN, visible_BxTxS, bias_BxHxTxS, config: DecoderConfig) -> jax.Array:
    """Softmax attention; returns [B, T, H * N]."""
    batch, length, heads, head_dim = query_BxTxHxN.shape
    kv_heads = key_BxSxKxN.shape[2]
    grouped_query = (query_BxTxHxN * config.scale_of_queries).reshape(batch, length, kv_heads, -1, head_dim)
    scores = jnp.einsum('BTKGN,BSKN->BKGTS', grouped_query, key_BxSxKxN, preferred_element_type=jnp.float32)
    if config.attention_softcap is not None:
        scores = _softcap(scores, config.attention_softcap)
    if bias_BxHxTxS is not None:
        scores += bias_BxHxTxS.reshape(-1, kv_heads, heads // kv_heads, *bias_BxHxTxS.shape[2:]).astype(scores.dtype)
    scores = jnp.where(visible_BxTxS[:, None, None], scores, MASKED_SCORE)
    weights = jax.nn.softmax(scores, axis=-1).astype(value_BxSxKxN.dtype)
    return jnp.einsum('BKGTS,BSKN->BTKGN', weights, value_BxSxKxN).reshape(batch, length, heads * head_dim)


def attend_in_blocks(query, key, value, visible, bias, config: DecoderConfig) -> jax.Array:
    """Attention within a row, where nobody looks ahead: each block of queries reads the keys up to its own end only.

    The same as `attend` on the whole row, at five eighths of its arithmetic and a fraction of its memory.
    """
    length = query.shape[1]
    block = max(QUERY_BLOCK, -(-length // 4))
    outputs = []
    for start in range(0, length, block):
        rows, seen = slice(start, start + block), slice(0, min(start + block, length))
        block_bias = None if bias is None else bias[:, :, rows, seen]
        outputs.append(attend(query[:, rows], key[:, seen], value[:, seen], visible[:, rows, seen], block_bias, config))
    return jnp.concatenate(outputs, axis=1)


class FeedForward(nnx.Module):
    """Two linear layers with an activation between, which gates a third where `gated` (Shazeer 2020)."""

    def __init__(self, config: DecoderConfig, rngs: nnx.Rngs):
        self.activation = config.activation
        bias = config.feed_forward_bias
        self.gate = Linear(config.d_model, config.d_ff, bias=bias, rngs=rngs) if config.gated else None
        self.up = Linear(config.d_model, config.d_ff, bias=bias, rngs=rngs)
        self.down = Linear(config.d_ff, config.d_model, bias=bias, rngs=rngs)

    def __call__(self, x_BxTxD: jax.Array) -> jax.Array:
        activate = _ACTIVATIONS[self.activation]
        up = self.up(x_BxTxD)
        return self.down(activate(up) if self.gate is None else activate(self.gate(x_BxTxD)) * up)


class Block(nnx.Module):
    """Attention and feed-forward, each added to the residual stream."""

    def __init__(self, config: DecoderConfig, rngs: nnx.Rngs):
        self.order = config.block
        self.attention = Attention(config, rngs)
        self.feed_forward = FeedForward(config, rngs)
        if config.block != 'post':
            self.attention_norm = Norm(config.d_model, config)
            self.feed_forward_norm = Norm(config.d_model, config)
        if config.block in ('post', 'sandwich'):
            self.attention_post_norm = Norm(config.d_model, config)
            self.feed_forward_post_norm = Norm(config.d_model, config)

    def __call__(self, x_BxTxD: jax.Array, around: Surroundings, cache=None, window=None):
        """Returns the residual stream [B, T, D] and the cache."""
        attended, cache = self.attention(self._before(x_BxTxD, 'attention'), around, cache, window)
        if self.order == 'parallel':
            return x_BxTxD + attended + self.feed_forward(self.feed_forward_norm(x_BxTxD)), cache
        x_BxTxD = x_BxTxD + self._after(attended, 'attention')
        return x_BxTxD + self._after(self.feed_forward(self._before(x_BxTxD, 'feed_forward')), 'feed_forward'), cache

    def _before(self, x, sublayer: str):
        return x if self.order == 'post' else getattr(self, f'{sublayer}_norm')(x)

    def _after(self, x, sublayer: str):
        return getattr(self, f'{sublayer}_post_norm')(x) if self.order in ('post', 'sandwich') else x


def _softcap(x: jax.Array, cap: float) -> jax.Array:
    return cap * jnp.tanh(x / cap)
