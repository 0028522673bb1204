"""The decoder's layers.

Shape letters: B batch, T tokens, S slots, D model, H heads, K key and value heads, G query heads per key head, N head
dimensions, F feed-forward. Kernels are [in, out]. Norms and attention scores are computed in float32, all else in the
dtype of the incoming activations.
"""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from flan_jax.model import attention, positions
from flan_jax.model.attention import AttentionMask
from flan_jax.model.config import DecoderConfig, Rotary
from flan_jax.model.dropout import ATTENTION, FEED_FORWARD, Dropout
from flan_jax.model.partitioning import constrain
from flan_jax.model.products import on_one_cpu, product
from flan_jax.model.recomputed_attention import attended_values

KeysAndValues = tuple[jax.Array, jax.Array]
"""Keys and values of one layer, both [B, K, S, N]."""

_ACTIVATIONS = {
    'gelu': lambda x: jax.nn.gelu(x, approximate=True),
    'gelu_exact': lambda x: jax.nn.gelu(x, approximate=False),
    'silu': jax.nn.silu,
    'relu': jax.nn.relu,
}

_fan_in_normal = jax.nn.initializers.variance_scaling(1.0, 'fan_in', 'truncated_normal')


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class AttentionContext:
    """Positions and masks, which all layers share.

    Attributes:
      positions: [B, T].
      own: how the tokens attend to each other.
      prefix: how they attend to each cached prefix.
    """

    positions: jax.Array
    own: AttentionMask
    prefix: tuple[AttentionMask, ...] = ()


class Norm(nnx.Module):
    """RMS norm, or layer norm with a bias or without parameters, over the last axis."""

    def __init__(self, size: int, config: DecoderConfig):
        self.config = config
        if config.norm != 'nonparametric':
            self.scale = nnx.Param(jnp.full((size,), 1.0 - config.norm_offset))
        if config.norm == 'layer':
            self.bias = nnx.Param(jnp.zeros((size,)))

    def __call__(self, x: jax.Array) -> jax.Array:
        y = x.astype(jnp.float32)
        if self.config.norm != 'rms':
            y = y - y.mean(-1, keepdims=True)
        y = y * jax.lax.rsqrt(jnp.square(y).mean(-1, keepdims=True) + self.config.norm_epsilon)
        if self.config.norm != 'nonparametric':
            y = y * (self.scale[...] + self.config.norm_offset)
        if self.config.norm == 'layer':
            y = y + self.bias[...]
        return y.astype(x.dtype)


class Linear(nnx.Module):
    """A kernel [in, out], an optional bias, and an optional low-rank term A [in, r] B [r, out] added to the kernel."""

    def __init__(self, size_in: int, size_out: int, *, bias: bool, rngs: nnx.Rngs):
        self.kernel = nnx.Param(_fan_in_normal(rngs.params(), (size_in, size_out)))
        self.bias = nnx.Param(jnp.zeros((size_out,))) if bias else None
        self.lora_a = self.lora_b = nnx.data(None)

    def __call__(self, x: jax.Array) -> jax.Array:
        # Batch and tokens become one axis: XLA's CPU backend takes three times as long for the gradient otherwise.
        flat = x.reshape(-1, x.shape[-1])
        y = product(flat, self.kernel[...])
        if self.lora_a is not None:
            y = y + product(product(flat, self.lora_a[...]), self.lora_b[...])
        y = y if self.bias is None else y + self.bias[...].astype(x.dtype)
        return y.reshape(*x.shape[:-1], -1)


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

    def __call__(self, x_BxTxD, context: AttentionContext, prefix: Sequence[KeysAndValues], window):
        """Returns the output [B, T, D], and the tokens' own keys and values."""
        query, key, value = self._project(x_BxTxD)
        if isinstance(self.config.position, Rotary):
            angles = positions.rotary_angles(context.positions, self.config.rotary_dim, self.config.position)
            query, key = positions.rotate(query, angles), positions.rotate(key, angles)
        batch, length, kv_heads, head_dim = key.shape
        query = jnp.moveaxis(query.reshape(batch, length, kv_heads, -1, head_dim), 1, 3)
        query = constrain(query, ('batch', 'heads', None, None, None))
        key, value = (constrain(jnp.swapaxes(t, 1, 2), ('batch', 'heads', None, None)) for t in (key, value))
        attended = self._attend(query, (key, value), context, prefix, window).astype(x_BxTxD.dtype)
        attended = attended.reshape(batch, length, -1)
        return self.out(constrain(attended, ('batch', 'length', 'heads'))), (key, value)

    def _attend(self, query, own: KeysAndValues, context: AttentionContext, prefix: Sequence[KeysAndValues], window):
        """The values that queries [B, K, G, T, N] attend to, float32 [B, T, K, G, N]."""
        mask = context.own.within(window)
        # The handwritten gradient covers neither biases and caps of scores, nor several devices: autodiff does.
        if not prefix and mask.bias is None and self.config.attention_softcap is None and on_one_cpu():
            scaled = query * self.config.scale_of_queries
            return jnp.moveaxis(attended_values(scaled, *own, mask.visible), 3, 1)
        partials = [attention.attend_in_blocks(query, *own, mask, self.config)]
        for keys_and_values, seen in zip(prefix, context.prefix):
            partials.append(attention.attend(query, *keys_and_values, seen.within(window), self.config))
        return attention.merge_partials(partials)

    def _project(self, x_BxTxD):
        linears = self.query, self.key, self.value
        query, key, value = (constrain(linear(x_BxTxD), ('batch', 'length', 'heads')) for linear in linears)
        if self.config.query_key_norm == 'all':
            query, key = self.query_norm(query), self.key_norm(key)
        query, key, value = (t.reshape(*t.shape[:2], -1, self.config.head_dim) for t in (query, key, value))
        if self.config.query_key_norm == 'head':
            query, key = self.query_norm(query), self.key_norm(key)
        return query, key, value


class FeedForward(nnx.Module):
    """Two linear layers with an activation between; if `gated`, the activation gates a third (Shazeer 2020)."""

    def __init__(self, config: DecoderConfig, rngs: nnx.Rngs):
        self.activation = config.activation
        bias = config.feed_forward_bias
        self.gate = Linear(config.d_model, config.d_ff, bias=bias, rngs=rngs) if config.gated else None
        self.up = Linear(config.d_model, config.d_ff, bias=bias, rngs=rngs)
        self.down = Linear(config.d_ff, config.d_model, bias=bias, rngs=rngs)

    def __call__(self, x_BxTxD: jax.Array) -> jax.Array:
        activate = _ACTIVATIONS[self.activation]
        up = constrain(self.up(x_BxTxD), ('batch', 'length', 'mlp'))
        if self.gate is None:
            return self.down(activate(up))
        return self.down(activate(constrain(self.gate(x_BxTxD), ('batch', 'length', 'mlp'))) * up)


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

    def __call__(
        self,
        x_BxTxD,
        context: AttentionContext,
        prefix: Sequence[KeysAndValues],
        window,
        dropout: Dropout | None = None,
    ):
        """Returns the residual stream [B, T, D], and the tokens' own keys and values."""
        added, own = self.attention(self._before(x_BxTxD, 'attention'), context, prefix, window)
        added = self._after(added, 'attention')
        after_attention = x_BxTxD + (added if dropout is None else dropout(added, ATTENTION))
        read = x_BxTxD if self.order == 'parallel' else after_attention
        added = self._after(self.feed_forward(self._before(read, 'feed_forward')), 'feed_forward')
        return after_attention + (added if dropout is None else dropout(added, FEED_FORWARD)), own

    def _before(self, x, sublayer: str):
        x = x if self.order == 'post' else getattr(self, f'{sublayer}_norm')(x)
        return constrain(x, ('batch', 'length', None))

    def _after(self, x, sublayer: str):
        x = constrain(x, ('batch', 'sequence', None))
        return getattr(self, f'{sublayer}_post_norm')(x) if self.order in ('post', 'sandwich') else x
