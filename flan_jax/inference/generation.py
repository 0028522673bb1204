"""Writing answers: batched decoding with a cache of keys and values.

Prompts stand at the left of their rows and may differ in length: a row's position is its own, and its cache slots are
filled in order, so what padding left behind a prompt is overwritten before it could be seen.

Shape letters: B rows, P prompt tokens, N new tokens, V vocabulary.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from flan_jax.inference import beam
from flan_jax.inference.beam import Beams
from flan_jax.inference.placement import DEFAULT_DEVICE, Placement
from flan_jax.inference.scoring import QuestionError
from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params

PROMPT_LENGTHS = (64, 96, 128, 192, 256, 320, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)
"""Prompts are padded to the first of these lengths that holds them. Few lengths, few compilations."""


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How the next token is chosen.

    Attributes:
      temperature: 0 takes the likeliest token; else logits are divided by it before drawing.
      top_k: draw among this many likeliest tokens only; None for all.
      top_p: draw among the likeliest tokens that together have this probability; None for all.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self):
        if self.temperature < 0 or (self.top_k or 1) < 1 or not 0 < (self.top_p or 1.0) <= 1:
            raise ValueError(f'{self}: temperature must be at least 0, top_k at least 1, top_p in (0, 1]')


class Generator:
    """Answers prompts with one model, in batches of few shapes."""

    def __init__(
        self,
        config: DecoderConfig,
        params: Params,
        execution: Execution,
        *,
        eos_id: int,
        max_new_tokens: int,
        batch_tokens: int,
        strategy: Sampling | Beams = Sampling(),
        seed: int = 0,
        placement: Placement = DEFAULT_DEVICE,
    ):
        """Answers with `params`, up to `max_new_tokens` tokens each, about `batch_tokens` cache slots at a time."""
        self._config = config
        self._params = params
        self._max_new_tokens = max_new_tokens
        self._batch_tokens = batch_tokens
        self._key = jax.random.key(seed)
        self._placement = placement
        decode = _decoding(strategy)
        self._generate = jax.jit(
            functools.partial(decode, config, execution=execution, eos_id=eos_id, max_new_tokens=max_new_tokens),
            out_shardings=placement.everywhere,
        )

    def answer(
        self, prompts: Sequence[np.ndarray], progress: Callable[[int], None] = lambda prompts: None
    ) -> list[np.ndarray]:
        """The tokens written after each prompt, without the EOS that ended them, in the order of the prompts.

        Raises:
          QuestionError: for an empty prompt, or one too long for the model.
        """
        longest = min(PROMPT_LENGTHS[-1], self._config.max_length - self._max_new_tokens)
        for prompt in prompts:
            if not 0 < len(prompt) <= longest:
                raise QuestionError(f'a prompt of {len(prompt)} tokens: it must have 1 to {longest}')
        answers: list[np.ndarray] = [np.array([], np.int32)] * len(prompts)
        order = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
        for members, length, batch_rows in self._batches(prompts, order):
            batch = self._placement.place(_pad([prompts[i] for i in members], length, batch_rows))
            key = jax.random.fold_in(self._key, members[0])
            written, counts = map(np.asarray, self._generate(self._params, batch['tokens'], batch['lengths'], key))
            for row, index in enumerate(members):
                answers[index] = written[row, : counts[row]]
            progress(len(members))
        return answers

    def _batches(self, prompts, order):
        """Groups of prompt indices, longest first, with the padded length and number of rows of each.

        A step costs little more for many rows than for one, so a group takes as many as there is memory for.
        """
        start = 0
        while start < len(order):
            length = next(p for p in PROMPT_LENGTHS if p >= len(prompts[order[start]]))
            most_rows = max(1, self._batch_tokens // (length + self._max_new_tokens))
            members = order[start : start + most_rows]
            rows = min(most_rows, 2 ** math.ceil(math.log2(len(members))))
            yield members, length, self._placement.rows(rows)
            start += len(members)


def _decoding(strategy: Sampling | Beams) -> Callable:
    if isinstance(strategy, Beams):
        return functools.partial(beam.search, beams=strategy)
    return functools.partial(generate, sampling=strategy)


def generate(
    config: DecoderConfig,
    params: Params,
    tokens_BxP: jax.Array,
    lengths_B: jax.Array,
    key: jax.Array,
    *,
    execution: Execution,
    eos_id: int,
    max_new_tokens: int,
    sampling: Sampling,
) -> tuple[jax.Array, jax.Array]:
    """Continues prompts until each has written EOS or `max_new_tokens` tokens.

    Args:
      config: the decoder.
      params: its parameters.
      tokens_BxP: prompts at the left, padded at the right.
      lengths_B: tokens of each prompt; 0 for a row of padding, which writes nothing.
      key: for sampling.
      execution: how to compute.
      eos_id: the token that ends an answer.
      max_new_tokens: N.
      sampling: how tokens are chosen.

    Returns:
      The tokens written, [B, N], and how many of each row stand before its EOS, [B].
    """
    batch, prompt_length = tokens_BxP.shape
    cache = decoder.initialise_cache(config, batch, prompt_length + max_new_tokens, execution.dtype)
    positions = jnp.broadcast_to(jnp.arange(prompt_length), tokens_BxP.shape)
    hidden, cache = decoder.hidden_states_with_cache(config, params, tokens_BxP, positions, cache, execution)
    last = jnp.maximum(lengths_B - 1, 0)
    hidden_BxD = jnp.take_along_axis(hidden, last[:, None, None], axis=1)[:, 0]

    def choose(hidden_BxD, count):
        return choose_token(decoder.logits(config, params, hidden_BxD), jax.random.fold_in(key, count), sampling)

    def unfinished(carry):
        count, _, _, _, ended_B, _ = carry
        return (count < max_new_tokens) & ~ended_B.all()

    def write_one(carry):
        count, hidden_BxD, cache, written_BxN, ended_B, counts_B = carry
        token_B = choose(hidden_BxD, count)
        ended_B |= token_B == eos_id
        written_BxN = written_BxN.at[:, count].set(token_B)
        counts_B += ~ended_B
        hidden, cache = decoder.hidden_states_with_cache(
            config, params, token_B[:, None], (lengths_B + count)[:, None], cache, execution
        )
        return count + 1, hidden[:, 0], cache, written_BxN, ended_B, counts_B

    written = jnp.zeros((batch, max_new_tokens), jnp.int32)
    carry = (0, hidden_BxD, cache, written, lengths_B == 0, jnp.zeros(batch, jnp.int32))
    *_, written, _, counts = jax.lax.while_loop(unfinished, write_one, carry)
    return written, counts


def choose_token(logits_BxV: jax.Array, key: jax.Array, sampling: Sampling) -> jax.Array:
    """The next token of each row, [B]."""
    if sampling.temperature == 0:
        return jnp.argmax(logits_BxV, axis=-1).astype(jnp.int32)
    logits_BxV = logits_BxV / sampling.temperature
    if sampling.top_k is not None:
        smallest = jax.lax.top_k(logits_BxV, sampling.top_k)[0][:, -1:]
        logits_BxV = jnp.where(logits_BxV < smallest, -jnp.inf, logits_BxV)
    if sampling.top_p is not None:
        descending = jnp.sort(logits_BxV, axis=-1)[:, ::-1]
        probability_before = jnp.cumsum(jax.nn.softmax(descending), axis=-1) - jax.nn.softmax(descending)
        smallest = jnp.where(probability_before < sampling.top_p, descending, jnp.inf).min(axis=-1, keepdims=True)
        logits_BxV = jnp.where(logits_BxV < smallest, -jnp.inf, logits_BxV)
    return jax.random.categorical(key, logits_BxV).astype(jnp.int32)


def _pad(prompts: Sequence[np.ndarray], length: int, batch_rows: int) -> dict[str, np.ndarray]:
    tokens = np.zeros((batch_rows, length), np.int32)
    lengths = np.zeros(batch_rows, np.int32)
    for row, prompt in enumerate(prompts):
        tokens[row, : len(prompt)] = prompt
        lengths[row] = len(prompt)
    return {'tokens': tokens, 'lengths': lengths}
