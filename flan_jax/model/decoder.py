"""The decoder, and its border: pure functions over a flat dictionary of parameters.

Parameters are a dictionary from names such as 'layers/attention/query/kernel' to arrays; those under 'layers/' are
stacked, their first axis being the layer. Nothing outside this folder sees a module.

Shape letters: B batch, T tokens, M rows of a memory (a divisor of B), S slots, K key and value heads, N head
dimensions, D model, V vocabulary, L layers.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from flan_jax.model import layers, positions
from flan_jax.model.attention import AttentionMask
from flan_jax.model.config import DecoderConfig, Learned, RelativeBias
from flan_jax.model.kv_cache import DecodeCache, LayerStack, PrefixCache, append_cache, unstack
from flan_jax.model.partitioning import constrain

Params = dict[str, jax.Array]

STACKED = 'layers/'
"""Prefix of the names of parameters that are stacked over layers."""

LORA_A, LORA_B = '/lora_a', '/lora_b'
"""Endings of the names of low-rank terms, see `flan_jax.tuning.lora`; parameters need not hold any."""


@dataclasses.dataclass(frozen=True)
class Execution:
    """How a decoder is computed; what it computes does not depend on it, but for rounding.

    Attributes:
      dtype: dtype of activations.
      remat: what the backward pass computes again. 'none' keeps all activations, 'full' keeps the residual
        stream between layers only, 'dots' keeps the outputs of matrix products as well.
      unroll_decode: whether layers are not stacked where tokens are written one by one. On a CPU a scan copies the
        weights and the memory of a layer before it uses them, for every token; laid apart beforehand they are copied
        once. But they take their memory twice then, and the time to compile grows with the layers.
    """

    dtype: Literal['float32', 'bfloat16'] = 'float32'
    remat: Literal['none', 'dots', 'full'] = 'none'
    unroll_decode: bool = False


class Decoder(nnx.Module):
    """Embedding, a stack of blocks, final norm."""

    def __init__(self, config: DecoderConfig, rngs: nnx.Rngs):
        self.config = config
        embedding = jax.random.normal(rngs.params(), (config.vocab_size, config.d_model)) * config.d_model**-0.5
        self.embedding = nnx.Param(embedding)
        if isinstance(config.position, Learned):
            shape = (config.position.max_length + config.position.offset, config.d_model)
            self.position_embedding = nnx.Param(0.02 * jax.random.normal(rngs.params(), shape))
        if isinstance(config.position, RelativeBias):
            self.relative_bias = nnx.Param(jnp.zeros((config.position.num_buckets, config.num_heads)))
        self.layers = nnx.vmap(lambda rngs: layers.Block(config, rngs))(rngs.split(config.num_layers))
        self.final_norm = layers.Norm(config.d_model, config)
        if not config.tied_embedding:
            self.unembedding = layers.Linear(config.d_model, config.vocab_size, bias=False, rngs=rngs)

    def embed(self, tokens_BxT: jax.Array, positions_BxT: jax.Array, execution: Execution) -> jax.Array:
        """Token and, where learned, position embeddings, [B, T, D]."""
        # Gathered over d_model before the lookup; what is looked up would have to be laid out anew otherwise.
        embedding = constrain(self.embedding[...].astype(execution.dtype), ('vocab', None))
        x_BxTxD = embedding[tokens_BxT]
        x_BxTxD = x_BxTxD * jnp.asarray(self.config.embedding_scale, x_BxTxD.dtype)
        if isinstance(self.config.position, Learned):
            table = self.position_embedding[...].astype(execution.dtype)
            x_BxTxD += table[positions_BxT + self.config.position.offset]
        return constrain(x_BxTxD, ('batch', 'length', None))

    def every_layer(self, prefix: Sequence[PrefixCache], as_list: bool = False) -> LayerStack:
        """Weights of each layer, its window, and what is remembered: arrays [L, ...], or a list of L layers."""
        _, stacked = nnx.split(self.layers)
        layers_ = (stacked, self._windows(), [(memory.keys, memory.values) for memory in prefix])
        return unstack(layers_, self.config.num_layers) if as_list else layers_

    def run_layers(self, x_BxTxD, context: layers.AttentionContext, every_layer: LayerStack, execution: Execution):
        """The residual stream after all blocks and the final norm, [B, T, D], and every layer's keys and values."""
        graph, _ = nnx.split(self.layers)

        def block(x, layer):
            parameters, window, prefix = layer
            x, own = nnx.merge(graph, parameters)(x, context, prefix, window)
            # What is kept for the backward pass is split along the tokens (Korthikanti et al. 2022, section 4.2.2).
            return constrain(x, ('batch', 'sequence', None)), own

        if isinstance(every_layer, list):
            own = []
            for layer in every_layer:
                x_BxTxD, own_of_layer = block(x_BxTxD, layer)
                own.append(own_of_layer)
        else:
            x_BxTxD, own = jax.lax.scan(_with_remat(block, execution), x_BxTxD, every_layer)
        return self.final_norm(x_BxTxD), own

    def unembed(self, hidden: jax.Array) -> jax.Array:
        """Logits in float32: [..., D] to [..., V]."""
        if self.config.tied_embedding:
            kernel = self.embedding[...].astype(hidden.dtype).T
        else:
            kernel = self.unembedding.kernel[...].astype(hidden.dtype)
        logits = jnp.matmul(hidden, kernel, preferred_element_type=jnp.float32)
        cap = self.config.logit_softcap
        return logits if cap is None else cap * jnp.tanh(logits / cap)

    def _windows(self) -> jax.Array | None:
        config = self.config
        if config.window is None:
            return None
        everything = jnp.iinfo(jnp.int32).max
        return jnp.where(jnp.arange(config.num_layers) % config.window_every == 0, config.window, everything)


def _with_remat(block, execution: Execution):
    match execution.remat:
        case 'none':
            return block
        case 'full':
            return jax.checkpoint(block, prevent_cse=False)
        case 'dots':
            policy = jax.checkpoint_policies.dots_with_no_batch_dims_saveable
            return jax.checkpoint(block, prevent_cse=False, policy=policy)


def initialise(config: DecoderConfig, key: jax.Array) -> Params:
    """Fresh parameters in float32."""
    return _flat(nnx.split(Decoder(config, nnx.Rngs(params=key)), nnx.Param)[1])


def parameter_shapes(config: DecoderConfig) -> dict[str, jax.ShapeDtypeStruct]:
    """Shape and dtype of every parameter, without computing any."""
    return jax.eval_shape(functools.partial(initialise, config), jax.random.key(0))


def hidden_states(
    config: DecoderConfig,
    params: Params,
    tokens_BxT: jax.Array,
    positions_BxT: jax.Array,
    segment_ids_BxT: jax.Array,
    branch_ids_BxT: jax.Array | None = None,
    execution: Execution = Execution(),
    prefix: Sequence[PrefixCache] = (),
) -> jax.Array:
    """The last hidden states of packed rows, [B, T, D], from which `logits` follow.

    Args:
      config: the decoder.
      params: its parameters.
      tokens_BxT: token ids.
      positions_BxT: each token's place in its text, from 0, or from the end of what stands before it.
      segment_ids_BxT: examples that share a row are told apart by these; padding is a segment of its own.
      branch_ids_BxT: where given, tokens of one segment that differ in a non-zero branch do not see each other.
      execution: how to compute.
      prefix: what all tokens of the rows see besides.
    """
    return _prefill(config, params, tokens_BxT, positions_BxT, segment_ids_BxT, branch_ids_BxT, execution, prefix)[0]


def prefill(
    config: DecoderConfig,
    params: Params,
    tokens_BxT: jax.Array,
    length_B: jax.Array,
    execution: Execution = Execution(),
    prefix: Sequence[PrefixCache] = (),
) -> tuple[jax.Array, PrefixCache]:
    """The last hidden states of texts, [B, T, D], and the memory of them, which has T slots.

    Args:
      config: the decoder.
      params: its parameters.
      tokens_BxT: texts at the left of their rows.
      length_B: tokens of each text.
      execution: how to compute.
      prefix: what the texts continue; the last memory ends where they start.
    """
    batch, length = tokens_BxT.shape
    start = jnp.repeat(prefix[-1].end, batch // len(prefix[-1].end)) if prefix else jnp.zeros(batch, jnp.int32)
    slots = jnp.arange(length)
    segment_ids = (slots < length_B[:, None]).astype(jnp.int32)
    where = start[:, None] + slots
    hidden, own = _prefill(config, params, tokens_BxT, where, segment_ids, None, execution, prefix)
    return hidden, PrefixCache(*own, start, length_B)


def init_decode_cache(
    config: DecoderConfig, start_B: jax.Array, slots: int, execution: Execution = Execution()
) -> DecodeCache:
    """Room for so many tokens of each row that are written one by one, the first at position `start_B`."""

    def empty(length: int):
        zeros = jnp.zeros((config.num_layers, len(start_B), config.kv_heads, length, config.head_dim), execution.dtype)
        return unstack((zeros, zeros), config.num_layers) if execution.unroll_decode else (zeros, zeros)

    return DecodeCache(empty(slots), empty(1), start_B, jnp.zeros((), jnp.int32))


def decode_step(
    config: DecoderConfig, params: Params, prefix: Sequence[PrefixCache], execution: Execution = Execution()
) -> Callable[[jax.Array, DecodeCache], tuple[jax.Array, DecodeCache]]:
    """A function that reads one more token of each row, after what stands before; made once, called for every token.

    It takes the tokens [B] and what was written earlier; it returns the last hidden states of the tokens, [B, D], and
    what is written now.
    """
    decoder = _decoder(config, params)
    every_layer = decoder.every_layer(prefix, execution.unroll_decode)

    def write(token_B: jax.Array, written: DecodeCache) -> tuple[jax.Array, DecodeCache]:
        positions_Bx1 = (written.start + written.length)[:, None]
        slots = written.filled_slots()
        filled_B, room = jnp.broadcast_to(written.length, token_B.shape), jax.tree.leaves(slots)[0].shape[-2]
        context = layers.AttentionContext(
            positions=positions_Bx1,
            own=_mask(decoder, positions_Bx1, positions_Bx1, jnp.ones((len(token_B), 1, 1), bool)),
            prefix=(
                *(_mask_of(decoder, positions_Bx1, memory) for memory in prefix),
                _mask_of_slots(decoder, positions_Bx1, written.start, filled_B, room),
            ),
        )
        x_Bx1xD = decoder.embed(token_B[:, None], positions_Bx1, execution)
        hidden, own = decoder.run_layers(x_Bx1xD, context, append_cache(every_layer, slots), execution)
        return hidden[:, 0], DecodeCache(slots, own, written.start, written.length + 1)

    return write


def logits(config: DecoderConfig, params: Params, hidden: jax.Array) -> jax.Array:
    """Next-token logits of hidden states: [..., D] to float32 [..., V]."""
    return _decoder(config, params).unembed(hidden)


def _prefill(config, params, tokens_BxT, positions_BxT, segment_ids_BxT, branch_ids_BxT, execution, prefix):
    """Hidden states [B, T, D], and keys and values, both [L, B, K, T, N]."""
    decoder = _decoder(config, params)
    visible = positions.visible_in_row(segment_ids_BxT, branch_ids_BxT)
    own = _mask(decoder, positions_BxT, positions_BxT, visible, in_order=branch_ids_BxT is None)
    remembered = tuple(_mask_of(decoder, positions_BxT, memory) for memory in prefix)
    context = layers.AttentionContext(positions_BxT, own, remembered)
    x_BxTxD = decoder.embed(tokens_BxT, positions_BxT, execution)
    return decoder.run_layers(x_BxTxD, context, decoder.every_layer(prefix), execution)


def _mask_of(decoder: Decoder, positions_BxT, memory: PrefixCache) -> AttentionMask:
    """What tokens see of a memory."""
    return _mask_of_slots(decoder, positions_BxT, memory.start, memory.length, memory.keys.shape[3])


def _mask_of_slots(decoder: Decoder, positions_BxT, start_M, length_M, room: int) -> AttentionMask:
    """What tokens see of slots, of which the first `length_M` are filled."""
    slots = jnp.arange(room)
    visible = (slots < length_M[:, None])[:, :, None]
    return _mask(decoder, positions_BxT.reshape(len(start_M), -1), start_M[:, None] + slots, visible)


def _mask(decoder: Decoder, positions_MxQ, key_positions_MxS, visible, in_order: bool = False) -> AttentionMask:
    """What is seen from some positions of others; `in_order` says that positions grow by one in every segment."""
    bias = distance = None
    if decoder.config.window is not None:
        distance = positions_MxQ[:, None, :] - key_positions_MxS[:, :, None]
    match decoder.config.position:
        case RelativeBias() as scheme if in_order:
            # Distances in the row are then distances in the segment.
            bias = positions.relative_bias_in_order(decoder.relative_bias[...], positions_MxQ.shape[1], scheme)
        case RelativeBias() as scheme:
            bias = positions.relative_bias(decoder.relative_bias[...], positions_MxQ, key_positions_MxS, scheme)
    return AttentionMask(visible, bias, distance)


def _decoder(config: DecoderConfig, params: Params) -> Decoder:
    state = nnx.from_flat_state([(tuple(name.split('/')), value) for name, value in params.items()])
    with_term = frozenset(name.removesuffix(LORA_A) for name in params if name.endswith(LORA_A))
    return nnx.merge(_graph(config, with_term), state)


@functools.lru_cache(maxsize=64)
def _graph(config: DecoderConfig, with_term: frozenset[str]) -> nnx.GraphDef:
    abstract = nnx.eval_shape(lambda: Decoder(config, nnx.Rngs(params=jax.random.key(0))))
    for name in with_term:
        linear = functools.reduce(getattr, name.split('/'), abstract)
        linear.lora_a = nnx.Param(jax.ShapeDtypeStruct((), 'float32'))
        linear.lora_b = nnx.Param(jax.ShapeDtypeStruct((), 'float32'))
    return nnx.split(abstract)[0]


def _flat(state: nnx.State) -> Params:
    return {'/'.join(map(str, path)): variable[...] for path, variable in nnx.to_flat_state(state)}
