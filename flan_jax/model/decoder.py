"""The decoder's public interface: pure functions over a flat dictionary of parameters.

Parameters are a dictionary from names such as 'layers/attention/query/kernel' to arrays. Those under 'layers/' are
stacked: their first axis is the layer. No code outside this folder sees an NNX module.

The parameters may include a value head, which the functions here ignore (`flan_jax.model.value_head`).

The parameters may include a soft prompt. It precedes every text, at positions -R to -1, so that texts, packed or not,
start at position 0 with and without it. It attends only to itself: its keys and values are the same for every text and
are computed once (the prompt of Lester et al. 2021, computed like a prefix of Li & Liang 2021). Several soft prompts
are concatenated, and each token names the one that it attends to (`Inputs.prompt_ids`).

Shape letters: B batch, T tokens, P predicted tokens, M rows of a prefix cache (a divisor of B), S slots, R rows of
soft prompts, K key and value heads, N head dimensions, D model, V vocabulary, L layers.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from flan_jax.model import layers, positions, soft_prompts
from flan_jax.model.attention import AttentionMask
from flan_jax.model.config import DecoderConfig, RelativeBias
from flan_jax.model.dropout import Dropout
from flan_jax.model.inputs import Inputs, attention_mask
from flan_jax.model.kv_cache import DecodeCache, PrefixCache, append_cache, unstack
from flan_jax.model.module import Decoder, Execution
from flan_jax.model.value_head import VALUE_HEAD

Params = dict[str, jax.Array]

Layout = dict[str, jax.ShapeDtypeStruct]
"""Shape and dtype of each parameter by name, with its sharding where it has one."""

STACKED = 'layers/'
"""Prefix of the names of parameters that are stacked over layers."""

LORA_A, LORA_B = '/lora_a', '/lora_b'
"""Suffixes of the names of optional low-rank parameters, see `flan_jax.tuning.lora`."""

PROMPT = 'prompt'
"""Name of the optional soft prompt [R, D], see `flan_jax.tuning.prompt`."""

PROMPT_IDS = 'prompt_ids'
"""Name of the prompt index of every row of `PROMPT`, if it holds several prompts: int32 [R], ascending."""


@functools.partial(jax.jit, static_argnums=0)
def initialise(config: DecoderConfig, key: jax.Array) -> Params:
    """Fresh parameters in float32."""
    return _flat(nnx.split(Decoder(config, nnx.Rngs(params=key)), nnx.Param)[1])


def parameter_shapes(config: DecoderConfig) -> Layout:
    """Shape and dtype of every parameter, without computing any."""
    return dict(_parameter_shapes(config))


@functools.lru_cache(maxsize=64)
def _parameter_shapes(config: DecoderConfig) -> Layout:
    return jax.eval_shape(functools.partial(initialise, config), jax.random.key(0))


def max_length(config: DecoderConfig, params: Params) -> float:
    """The longest text that has a position for every token after the soft prompt; infinite unless they are learned."""
    return config.max_length - prompt_length(params)


def prompt_length(params: Params) -> int:
    """Number of positions that the soft prompt takes before every text."""
    return len(params[PROMPT]) if PROMPT in params else 0


def hidden_states(
    config: DecoderConfig,
    params: Params,
    inputs: Inputs,
    execution: Execution = Execution(),
    prefix: Sequence[PrefixCache] = (),
    dropout: Dropout | None = None,
) -> jax.Array:
    """The final hidden states of packed sequences, [B, T, D]; the argument of `logits`.

    Args:
      config: the decoder.
      params: its parameters.
      inputs: the sequences; their positions continue from the end of the prefix, if there is one.
      execution: how to compute.
      prefix: caches that every token also attends to.
      dropout: residual dropout of every layer, for training; None for none. It is not applied to soft prompts, because
        all texts share them.
    """
    return _forward(config, params, inputs, execution, prefix, dropout)[0]


def logits(config: DecoderConfig, params: Params, hidden: jax.Array) -> jax.Array:
    """Next-token logits of hidden states: [..., D] to float32 [..., V]."""
    return _decoder(config, params).unembed(hidden)


def label_log_probs(
    config: DecoderConfig,
    params: Params,
    batch: Mapping[str, jax.Array],
    execution: Execution = Execution(),
    prefix: Sequence[PrefixCache] = (),
) -> jax.Array:
    """Log-probabilities, float32 [B, P], of `batch['labels']` [B, P] as predicted at `batch['predict_at']` [B, P].

    Only these positions are projected onto the vocabulary. `batch` also holds the columns that `Inputs.of` reads.
    """
    return log_probs_after(config, params, hidden_states(config, params, Inputs.of(batch), execution, prefix), batch)


def log_probs_after(
    config: DecoderConfig,
    params: Params,
    hidden: jax.Array,
    batch: Mapping[str, jax.Array],
    temperature: float = 1.0,
) -> jax.Array:
    """As `label_log_probs`, but from the final hidden states [B, T, D], with logits divided by `temperature`."""
    hidden_BxPxD = jnp.take_along_axis(hidden, batch['predict_at'][..., None], axis=1)
    return _decoder(config, params).label_log_probs(hidden_BxPxD, batch['labels'], temperature)


def prefill(
    config: DecoderConfig,
    params: Params,
    tokens_BxT: jax.Array,
    length_B: jax.Array,
    execution: Execution = Execution(),
    prefix: Sequence[PrefixCache] = (),
) -> tuple[jax.Array, PrefixCache]:
    """The final hidden states of texts, [B, T, D], and their keys and values in a cache of T slots.

    Args:
      config: the decoder.
      params: its parameters.
      tokens_BxT: token ids, padded on the right.
      length_B: number of tokens of each text.
      execution: how to compute.
      prefix: caches of the tokens before these texts, which start where the last cache ends.
    """
    batch, length = tokens_BxT.shape
    start = jnp.repeat(prefix[-1].end, batch // len(prefix[-1].end)) if prefix else jnp.zeros(batch, jnp.int32)
    slots = jnp.arange(length)
    segment_ids = (slots < length_B[:, None]).astype(jnp.int32)
    inputs = Inputs(tokens_BxT, start[:, None] + slots, segment_ids)
    hidden, own = _forward(config, params, inputs, execution, prefix)
    keys, values = own
    return hidden, PrefixCache(keys, values, start, length_B)


def init_decode_cache(
    config: DecoderConfig, start_B: jax.Array, slots: int, execution: Execution = Execution()
) -> DecodeCache:
    """An empty cache with room for `slots` generated tokens per row, the first at position `start_B`."""

    def empty(length: int):
        zeros = jnp.zeros((config.num_layers, len(start_B), config.kv_heads, length, config.head_dim), execution.dtype)
        return unstack((zeros, zeros), config.num_layers) if execution.unroll_decode else (zeros, zeros)

    return DecodeCache(empty(slots), empty(1), start_B, jnp.zeros((), jnp.int32))


def decode_step(
    config: DecoderConfig, params: Params, prefix: Sequence[PrefixCache], execution: Execution = Execution()
) -> Callable[[jax.Array, DecodeCache], tuple[jax.Array, DecodeCache]]:
    """The decode step after a prefix: made once, called for every token.

    The step takes the latest tokens [B] and the cache of the tokens before them. It returns the latest tokens' final
    hidden states, [B, D], and the cache extended by them.
    """
    decoder = _decoder(config, params)
    prefix = _with_soft_prompts(decoder, prefix, execution)
    prompt_lengths = _prompt_lengths(decoder, None)
    per_layer = decoder.per_layer(prefix, execution.unroll_decode)

    def step(token_B: jax.Array, cache: DecodeCache) -> tuple[jax.Array, DecodeCache]:
        positions_Bx1 = (cache.start + cache.length)[:, None]
        slots = cache.filled_slots()
        filled_B, num_slots = jnp.broadcast_to(cache.length, token_B.shape), jax.tree.leaves(slots)[0].shape[-2]
        context = layers.AttentionContext(
            positions=positions_Bx1,
            own=_mask(decoder, positions_Bx1, positions_Bx1, jnp.ones((len(token_B), 1, 1), bool)),
            prefix=(
                *(_prefix_mask(decoder, positions_Bx1, one) for one in prefix),
                _slots_mask(decoder, positions_Bx1, cache.start, filled_B, num_slots),
            ),
        )
        x_Bx1xD = decoder.embed(token_B[:, None], positions_Bx1 + prompt_lengths, execution)
        hidden, own = decoder.run_layers(x_Bx1xD, context, append_cache(per_layer, slots), execution)
        return hidden[:, 0], DecodeCache(slots, own, cache.start, cache.length + 1)

    return step


def _forward(config, params, inputs: Inputs, execution, prefix, dropout=None):
    """Hidden states [B, T, D], and keys and values, both [L, B, K, T, N]."""
    decoder = _decoder(config, params)
    prefix = _with_soft_prompts(decoder, prefix, execution)
    chains = inputs.segment_exits is None
    own = _mask(decoder, inputs.positions, inputs.positions, attention_mask(inputs), in_order=chains)
    cached = [_prefix_mask(decoder, inputs.positions, cache) for cache in prefix]
    prompt_lengths = _prompt_lengths(decoder, inputs.prompt_ids)
    if decoder.prompt_ids is not None:
        cached[0] = _soft_prompt_mask(decoder, inputs)
    context = layers.AttentionContext(inputs.positions, own, tuple(cached))
    x_BxTxD = decoder.embed(inputs.tokens, inputs.positions + prompt_lengths, execution)
    return decoder.run_layers(x_BxTxD, context, decoder.per_layer(prefix), execution, dropout)


def _with_soft_prompts(
    decoder: Decoder, prefix: Sequence[PrefixCache], execution: Execution
) -> tuple[PrefixCache, ...]:
    """The prefix that texts attend to, with the cache of the soft prompts, if any, in front."""
    if decoder.prompt is None:
        return tuple(prefix)
    ids_R = _prompt_ids_of_rows(decoder)
    positions_1xR = soft_prompts.row_positions(ids_R)[None]
    own_and_before = jnp.triu(ids_R[:, None] == ids_R)[None]
    own = _mask(decoder, positions_1xR, positions_1xR, own_and_before, in_order=True)
    absolute_positions_1xR = positions_1xR + soft_prompts.lengths_at(ids_R, ids_R)
    x_1xRxD = decoder.embed_prompt(absolute_positions_1xR, execution)
    context = layers.AttentionContext(positions_1xR, own)
    _, (keys, values) = decoder.run_layers(x_1xRxD, context, decoder.per_layer(()), execution)
    return PrefixCache(keys, values, positions_1xR[0, :1], jnp.array([len(ids_R)])), *prefix


def _prompt_ids_of_rows(decoder: Decoder) -> jax.Array:
    """The prompt that each row belongs to, [R]."""
    if decoder.prompt_ids is None:
        assert decoder.prompt is not None, 'called where there is one'
        return jnp.zeros(decoder.prompt.shape[0], jnp.int32)
    return decoder.prompt_ids[...]


def _prompt_lengths(decoder: Decoder, prompt_ids_BxT: jax.Array | None) -> jax.Array | int:
    """The length of the soft prompt before each text; an array [B, T] if there are several prompts.

    Raises:
      ValueError: if there are several prompts, and the inputs do not say which of them each token attends to.
    """
    if decoder.prompt is None:
        return 0
    if decoder.prompt_ids is None:
        return decoder.prompt.shape[0]
    if prompt_ids_BxT is None:
        raise ValueError('the parameters hold several soft prompts; choose one, see LoadedModel.of_task')
    return soft_prompts.lengths_at(decoder.prompt_ids[...], prompt_ids_BxT)


def _soft_prompt_mask(decoder: Decoder, inputs: Inputs) -> AttentionMask:
    """How tokens attend to several soft prompts, each token to its own."""
    assert decoder.prompt_ids is not None and inputs.prompt_ids is not None, 'called where there are several'
    ids_R = decoder.prompt_ids[...]
    visible = soft_prompts.visible_rows(ids_R, inputs.prompt_ids)
    return _mask(decoder, inputs.positions.reshape(1, -1), soft_prompts.row_positions(ids_R)[None], visible)


def _prefix_mask(decoder: Decoder, positions_BxT, cache: PrefixCache) -> AttentionMask:
    """How tokens attend to a prefix."""
    return _slots_mask(decoder, positions_BxT, cache.start, cache.length, cache.keys.shape[3])


def _slots_mask(decoder: Decoder, positions_BxT, start_M, length_M, num_slots: int) -> AttentionMask:
    """How tokens attend to slots, of which the first `length_M` are filled."""
    slots = jnp.arange(num_slots)
    visible = (slots < length_M[:, None])[:, :, None]
    return _mask(decoder, positions_BxT.reshape(len(start_M), -1), start_M[:, None] + slots, visible)


def _mask(decoder: Decoder, positions_MxQ, key_positions_MxS, visible, in_order: bool = False) -> AttentionMask:
    """How queries attend to keys; `in_order` promises that positions increase by one within every segment."""
    bias = distance = None
    if decoder.config.window is not None:
        distance = positions_MxQ[:, None, :] - key_positions_MxS[:, :, None]
    match decoder.config.position:
        case RelativeBias() as scheme if in_order:
            # Distances within the sequence then equal distances within the segment.
            bias = positions.relative_bias_in_order(decoder.relative_bias[...], positions_MxQ.shape[1], scheme)
        case RelativeBias() as scheme:
            bias = positions.relative_bias(decoder.relative_bias[...], positions_MxQ, key_positions_MxS, scheme)
    return AttentionMask(visible, bias, distance)


def _decoder(config: DecoderConfig, params: Params) -> Decoder:
    flat = [(tuple(name.split('/')), value) for name, value in params.items() if name != VALUE_HEAD]
    state = nnx.from_flat_state(flat)
    adapted = frozenset(name.removesuffix(LORA_A) for name in params if name.endswith(LORA_A))
    prompts = frozenset({PROMPT, PROMPT_IDS} & set(params))
    return nnx.merge(_graph(config, adapted, prompts), state)


@functools.lru_cache(maxsize=64)
def _graph(config: DecoderConfig, adapted: frozenset[str], prompts: frozenset[str]) -> nnx.GraphDef:
    abstract = nnx.eval_shape(lambda: Decoder(config, nnx.Rngs(params=jax.random.key(0))))
    for name in adapted:
        linear: Any = functools.reduce(getattr, name.split('/'), abstract)
        linear.lora_a = nnx.Param(jax.ShapeDtypeStruct((), 'float32'))
        linear.lora_b = nnx.Param(jax.ShapeDtypeStruct((), 'float32'))
    for name in prompts:
        setattr(abstract, name, nnx.Param(jax.ShapeDtypeStruct((), 'float32')))
    return nnx.split(abstract)[0]


def _flat(state: nnx.State) -> Params:
    return {'/'.join(map(str, path)): variable[...] for path, variable in nnx.to_flat_state(state)}
