"""The decoder, and its border: pure functions over a flat dictionary of parameters.

Parameters are a dictionary from names such as 'layers/attention/query/kernel' to arrays; those under 'layers/' are
stacked, their first axis being the layer. Nothing outside this folder sees a module.

Shape letters: B batch, T tokens, S cache slots, D model, V vocabulary, L layers.
"""

import dataclasses
import functools
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from flan_jax.model import layers, positions
from flan_jax.model.config import DecoderConfig, Learned, RelativeBias
from flan_jax.model.partitioning import constrain

Params = dict[str, jax.Array]
Cache = dict[str, jax.Array]

STACKED = 'layers/'
"""Prefix of the names of parameters that are stacked over layers."""

LORA_A, LORA_B = '/lora_a', '/lora_b'
"""Endings of the names of low-rank terms, see `flan_jax.training.lora`; parameters need not hold any."""


@dataclasses.dataclass(frozen=True)
class Execution:
    """How a decoder is computed; what it computes does not depend on it, but for rounding.

    Attributes:
      dtype: dtype of activations.
      rematerialise: what the backward pass computes again. 'nothing' keeps all activations, 'layers' keeps the residual
        stream between layers only, 'elementwise' keeps the outputs of matrix products as well.
    """

    dtype: Literal['float32', 'bfloat16'] = 'float32'
    rematerialise: Literal['nothing', 'elementwise', 'layers'] = 'nothing'


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

    def run_layers(self, x_BxTxD, around: layers.Surroundings, cache: Cache | None, execution: Execution):
        """The residual stream after all blocks and the final norm, [B, T, D], and the cache."""
        graph, stacked = nnx.split(self.layers)

        def block(carry, layer):
            # The cache is carried whole and written in place; scanned over, it would be copied for every token.
            x, cache = carry
            parameters, window, index = layer
            x, cache = nnx.merge(graph, parameters)(x, around, cache and layers.LayerCache(cache, index), window)
            # What is kept for the backward pass is split along the tokens (Korthikanti et al. 2022, section 4.2.2).
            return (constrain(x, ('batch', 'sequence', None)), cache), None

        every_layer = (stacked, self._windows(), jnp.arange(self.config.num_layers))
        (x_BxTxD, cache), _ = jax.lax.scan(_rematerialised(block, execution), (x_BxTxD, cache), every_layer)
        return self.final_norm(x_BxTxD), cache

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


def _rematerialised(block, execution: Execution):
    match execution.rematerialise:
        case 'nothing':
            return block
        case 'layers':
            return jax.checkpoint(block, prevent_cse=False)
        case 'elementwise':
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
) -> jax.Array:
    """The last hidden states of packed rows, [B, T, D], from which `logits` follow.

    Args:
      config: the decoder.
      params: its parameters.
      tokens_BxT: token ids.
      positions_BxT: each token's place in its segment, from 0.
      segment_ids_BxT: examples that share a row are told apart by these; padding is a segment of its own.
      branch_ids_BxT: where given, tokens of one segment that differ in a non-zero branch do not see each other.
      execution: how to compute.
    """
    decoder = _decoder(config, params)
    around = layers.Surroundings(
        positions=positions_BxT,
        visible=positions.visible_in_row(segment_ids_BxT, branch_ids_BxT),
        bias=_row_bias(decoder, positions_BxT, branch_ids_BxT),
        distance=positions_BxT[:, :, None] - positions_BxT[:, None, :] if config.window is not None else None,
    )
    return decoder.run_layers(decoder.embed(tokens_BxT, positions_BxT, execution), around, None, execution)[0]


def logits(config: DecoderConfig, params: Params, hidden: jax.Array) -> jax.Array:
    """Next-token logits of hidden states: [..., D] to float32 [..., V]."""
    return _decoder(config, params).unembed(hidden)


def initialise_cache(config: DecoderConfig, batch: int, length: int, dtype='float32') -> Cache:
    """An empty cache of keys and values, each [L, B, K, S, N]."""
    shape = (config.num_layers, batch, config.kv_heads, length, config.head_dim)
    return {'key': jnp.zeros(shape, dtype), 'value': jnp.zeros(shape, dtype)}


def hidden_states_with_cache(
    config: DecoderConfig,
    params: Params,
    tokens_BxT: jax.Array,
    positions_BxT: jax.Array,
    cache: Cache,
    execution: Execution = Execution(),
) -> tuple[jax.Array, Cache]:
    """The last hidden states of tokens that follow what the cache holds, [B, T, D], and the cache with them added.

    A token's position is its cache slot. Rows may stand at different positions; slots beyond a row's own position are
    never seen, so what padding wrote there does no harm.
    """
    decoder = _decoder(config, params)
    cache_length = cache['key'].shape[3]
    slots = jnp.arange(cache_length)[None]
    around = layers.Surroundings(
        positions=positions_BxT,
        visible=positions.visible_in_cache(positions_BxT, cache_length),
        bias=_bias(decoder, positions_BxT, slots),
        distance=positions_BxT[:, :, None] - slots[:, None, :] if config.window is not None else None,
    )
    return decoder.run_layers(decoder.embed(tokens_BxT, positions_BxT, execution), around, cache, execution)


def _row_bias(decoder: Decoder, positions_BxT, branch_ids_BxT) -> jax.Array | None:
    if isinstance(decoder.config.position, RelativeBias) and branch_ids_BxT is None:
        # Within a segment positions are consecutive, so distances in the row are distances in the segment.
        table, length = decoder.relative_bias[...], positions_BxT.shape[1]
        return positions.relative_bias_in_order(table, length, decoder.config.position)
    return _bias(decoder, positions_BxT, positions_BxT)


def _bias(decoder: Decoder, positions_BxT, key_positions_BxS) -> jax.Array | None:
    if not isinstance(decoder.config.position, RelativeBias):
        return None
    table = decoder.relative_bias[...]
    return positions.relative_bias(table, positions_BxT, key_positions_BxS, decoder.config.position)


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
