"""Writing answers: batched decoding that remembers the prompts.

The prompts of a batch are read in groups of like length, so that little is padded, and written after all together. What
they left in memory is only read from then on; each new token of a row stands in the same slot of a memory of its own.

Shape letters: B rows, R prompts of a group, G groups, N new tokens, D model, V vocabulary.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from flan_jax.distributed.placement import DEFAULT_DEVICE, Placement
from flan_jax.inference import beam
from flan_jax.inference.beam import Beams
from flan_jax.inference.prefill import (
    LENGTHS,
    PrefixReader,
    ReadPrompts,
    padded_length,
    read_group,
    room_for,
    shared_prefix,
)
from flan_jax.inference.scoring import QuestionError
from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params
from flan_jax.model.kv_cache import PrefixCache

GROUPS = 8
"""Groups in which the prompts of a batch are read, at most."""


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
        """Answers with `params`, up to `max_new_tokens` tokens each, about `batch_tokens` slots at a time."""
        self._config = config
        self._params = params
        self._max_new_tokens = max_new_tokens
        self._batch_tokens = batch_tokens
        self._key = jax.random.key(seed)
        self._placement = placement
        self._prefixes = PrefixReader(config, params, execution, placement)
        self._room = jax.jit(
            functools.partial(room_for, config, dtype=execution.dtype), static_argnames=('rows', 'groups', 'slots')
        )
        self._read = jax.jit(functools.partial(read_group, config, execution=execution), donate_argnames='others')
        decode = _decoding(strategy)
        self._write = jax.jit(
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
        longest = min(LENGTHS[-1], self._config.max_length - self._max_new_tokens)
        for prompt in prompts:
            if not 0 < len(prompt) <= longest:
                raise QuestionError(f'a prompt of {len(prompt)} tokens: it must have 1 to {longest}')
        answers: list[np.ndarray] = [np.array([], np.int32)] * len(prompts)
        shared = shared_prefix(prompts)
        prefix = self._prefixes.read(prompts[0][:shared]) if shared else ()
        own = [prompt[shared:] for prompt in prompts]
        for members, batch_size in self._batches(own, shared):
            written = self._answer_batch([own[i] for i in members], batch_size, prefix, members[0])
            for index, answer in zip(members, written):
                answers[index] = answer
            progress(len(members))
        return answers

    def _batches(self, prompts: Sequence[np.ndarray], shared: int) -> Iterator[tuple[list[int], int]]:
        """Prompt indices, longest first, and the rows of their batch.

        A step costs little more for many rows than for one, so a batch takes as many as there is memory for.
        """
        order = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
        while order:
            slots = padded_length(len(prompts[order[0]])) + self._max_new_tokens
            most_rows = max(1, (self._batch_tokens - shared) // slots)
            members, order = order[:most_rows], order[most_rows:]
            yield members, min(most_rows, 2 ** math.ceil(math.log2(len(members))))

    def _answer_batch(
        self, prompts: Sequence[np.ndarray], batch_size: int, prefix: tuple[PrefixCache, ...], number: int
    ) -> Iterator[np.ndarray]:
        """What is written after each prompt; they are sorted, longest first."""
        rows = self._placement.batch_size(-(-batch_size // GROUPS))
        groups = -(-batch_size // rows)
        read = self._room(rows=rows, groups=groups, slots=padded_length(len(prompts[0])))
        for group, start in enumerate(range(0, len(prompts), rows)):
            batch = self._placement.place(_pad(prompts[start : start + rows], rows))
            read = self._read(self._params, batch['tokens'], batch['lengths'], group, read, prefix)
        key = jax.random.fold_in(self._key, number)
        written, counts = map(np.asarray, self._write(self._params, read, key, prefix))
        for index in range(len(prompts)):
            row = index % rows * groups + index // rows
            yield written[row, : counts[row]]


def _decoding(strategy: Sampling | Beams) -> Callable:
    if isinstance(strategy, Beams):
        return functools.partial(beam.search, beams=strategy)
    return functools.partial(generate, sampling=strategy)


def generate(
    config: DecoderConfig,
    params: Params,
    prompts: ReadPrompts,
    key: jax.Array,
    prefix: Sequence[PrefixCache],
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
      prompts: what is to be continued; a prompt of no tokens is padding, after which nothing is written.
      key: for sampling.
      prefix: what the prompts themselves continue.
      execution: how to compute.
      eos_id: the token that ends an answer.
      max_new_tokens: N.
      sampling: how tokens are chosen.

    Returns:
      The tokens written, [B, N], and how many of each row stand before its EOS, [B], B = R * G.
    """
    remembered = (*prefix, prompts.memory)
    batch = len(remembered[-1].length)
    write = decoder.decode_step(config, params, remembered, execution)

    def unfinished(carry):
        count, _, _, _, ended_B, _ = carry
        return (count < max_new_tokens) & ~ended_B.all()

    def write_one(carry):
        count, hidden_BxD, written, tokens_BxN, ended_B, counts_B = carry
        logits_BxV = decoder.logits(config, params, hidden_BxD)
        token_B = choose_token(logits_BxV, jax.random.fold_in(key, count), sampling)
        ended_B |= token_B == eos_id
        tokens_BxN = tokens_BxN.at[:, count].set(token_B)
        counts_B += ~ended_B
        hidden_BxD, written = write(token_B, written)
        return count + 1, hidden_BxD, written, tokens_BxN, ended_B, counts_B

    written = decoder.init_decode_cache(config, remembered[-1].end, max_new_tokens, execution)
    tokens, counts = jnp.zeros((batch, max_new_tokens), jnp.int32), jnp.zeros(batch, jnp.int32)
    ended = remembered[-1].length == 0
    carry = (0, prompts.hidden.reshape(batch, -1), written, tokens, ended, counts)
    *_, tokens, _, counts = jax.lax.while_loop(unfinished, write_one, carry)
    return tokens, counts


def choose_token(logits_BxV: jax.Array, key: jax.Array, sampling: Sampling) -> jax.Array:
    """The next token of each row, [B]."""
    if sampling.temperature == 0:
        return jax.lax.top_k(logits_BxV, 1)[1][:, 0]  # the first of the largest; on a CPU faster than argmax
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


def _pad(prompts: Sequence[np.ndarray], rows: int) -> dict[str, np.ndarray]:
    """Prompts of a group at the left of their rows."""
    tokens = np.zeros((rows, padded_length(max(map(len, prompts)))), np.int32)
    lengths = np.zeros(rows, np.int32)
    for row, prompt in enumerate(prompts):
        tokens[row, : len(prompt)] = prompt
        lengths[row] = len(prompt)
    return {'tokens': tokens, 'lengths': lengths}
