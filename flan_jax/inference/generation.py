"""Generation: batches of prompts in, answers out.

The prompts of a batch are prefilled in groups of similar length, to reduce padding, and then decoded together. The
prompts' cache is read-only during decoding; generated tokens have a second cache, in which all rows have equal length.

Shape letters: R prompts of a group, G groups, P prompt tokens, N new tokens.
"""

import copy
import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from flan_jax.inference.decoding import Continuation, Decoding, StoppingCriteria
from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.prefill import (
    LENGTHS,
    PrefilledPrompts,
    PrefixReader,
    PromptError,
    empty_prompts,
    padded_length,
    prefill_group,
    shared_prefix,
)
from flan_jax.inference.processors.processor import NO_TOKEN
from flan_jax.inference.sampling import Greedy
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params
from flan_jax.model.kv_cache import PrefixCache
from flan_jax.model.programs import shared_jit

BatchArguments = tuple[Params, PrefilledPrompts, tuple[PrefixCache, ...], jax.Array]
"""Arguments of `Continuation`: parameters, prefilled prompts, cache of their common prefix, and their tokens."""

GROUPS = 8
"""Maximal number of groups in which the prompts of a batch are prefilled."""


class Generator:
    """Answers prompts with one model, in batches of few shapes."""

    def __init__(
        self,
        model: LoadedModel,
        *,
        max_new_tokens: int,
        batch_tokens: int,
        decoding: Decoding = Greedy(),
        seed: int = 0,
    ):
        """Makes a generator of answers with up to `max_new_tokens` tokens each.

        Args:
          model: the model.
          max_new_tokens: maximal number of tokens of an answer.
          batch_tokens: slots of KV cache in a batch, approximately.
          decoding: how tokens are chosen; ids beyond the model's vocabulary are never generated.
          seed: seed of sampling.

        Raises:
          UserError: for a reward model, and for a logits processor that does not fit the model's vocabulary.
        """
        model.require_language_model()
        self._model = model
        self.max_new_tokens = max_new_tokens
        self._batch_tokens = batch_tokens
        self._key = jax.random.key(seed)
        self._prefixes = PrefixReader(model)
        self._empty = shared_jit(
            functools.partial(empty_prompts, model.config, dtype=model.execution.dtype),
            static_argnames=('prompts', 'groups', 'slots'),
        )
        self._prefill = shared_jit(
            functools.partial(prefill_group, model.config, execution=model.execution), donate_argnames='others'
        )
        stopping = StoppingCriteria(model.prompt_format.end_id(model.vocabulary), max_new_tokens)
        decode = functools.partial(_decode, model.config, model.execution, decoding.of_model(model), stopping)
        self._decode = shared_jit(decode, out_shardings=model.placement.everywhere)

    def with_params(self, params: Params) -> 'Generator':
        """This generator with other weights; nothing is compiled again."""
        other = copy.copy(self)
        other._model = dataclasses.replace(self._model, params=params)
        other._prefixes = self._prefixes.of_model(other._model)
        return other

    def answer(
        self, prompts: Sequence[np.ndarray], progress: Callable[[int], None] = lambda prompts: None, call: int = 0
    ) -> list[np.ndarray]:
        """The tokens generated after each prompt, without EOS, in the order of the prompts.

        A prompt may be repeated; sampled answers to it are independent.

        Args:
          prompts: token ids of each prompt.
          progress: called after every batch with its number of prompts.
          call: calls with different numbers sample with different random numbers.

        Raises:
          PromptError: for an empty prompt, or one too long for the model.
        """
        check_prompts(self._model, prompts, self.max_new_tokens)
        answers: list[np.ndarray] = [np.array([], np.int32)] * len(prompts)
        for batch in self.prefilled(prompts):
            key = batch.key(jax.random.fold_in(self._key, call))
            with self._model.mesh_context():
                tokens, lengths = map(np.asarray, self._decode(batch.arguments, key))
            for index, row in zip(batch.members, batch.rows):
                answers[index] = tokens[row, : lengths[row]]
            progress(len(batch.members))
            del batch  # frees its cache before the next batch allocates one
        return answers

    def prefilled(self, prompts: Sequence[np.ndarray]) -> 'Iterator[PrefilledBatch]':
        """The prompts in batches, each prefilled when the iterator reaches it."""
        prompts = [np.asarray(prompt) for prompt in prompts]
        shared = shared_prefix(prompts)
        prefix = self._prefixes.prefill(prompts[0][:shared]) if shared else ()
        for members, batch_size in self._batches([prompt[shared:] for prompt in prompts], shared):
            yield self._prefill_batch(prompts, members, shared, batch_size, prefix)

    def _batches(self, prompts: Sequence[np.ndarray], shared: int) -> Iterator[tuple[list[int], int]]:
        """Prompt indices, longest first, and the size of their batch.

        A decode step costs little more for many prompts than for one, so a batch is as large as `batch_tokens` allow.
        """
        order = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
        while order:
            slots = padded_length(len(prompts[order[0]])) + self.max_new_tokens
            most = max(1, (self._batch_tokens - shared) // slots)
            members, order = order[:most], order[most:]
            yield members, min(most, 2 ** math.ceil(math.log2(len(members))))

    def _prefill_batch(
        self,
        prompts: Sequence[np.ndarray],
        members: list[int],
        shared: int,
        batch_size: int,
        prefix: tuple[PrefixCache, ...],
    ) -> 'PrefilledBatch':
        """Prefills the prompts `members`, longest first, whose first `shared` tokens are in `prefix`."""
        texts = [prompts[index] for index in members]
        own = [text[shared:] for text in texts]
        placement, params = self._model.placement, self._model.params
        size = placement.batch_size(-(-batch_size // GROUPS))
        groups = -(-batch_size // size)
        with self._model.mesh_context():
            prefilled = self._empty(prompts=size, groups=groups, slots=padded_length(len(own[0])))
            for group, start in enumerate(range(0, len(own), size)):
                batch = placement.place(_pad(own[start : start + size], size))
                prefilled = self._prefill(params, batch, group, prefilled, prefix)
        rows = [index % size * groups + index // size for index in range(len(own))]
        whole = np.full((size * groups, padded_length(len(texts[0]))), NO_TOKEN, np.int32)
        for row, text in zip(rows, texts):
            whole[row, : len(text)] = text
        seen = jnp.asarray(placement.place({'tokens': whole})['tokens'])
        return PrefilledBatch(members, rows, (params, prefilled, prefix, seen))


@dataclasses.dataclass(frozen=True)
class PrefilledBatch:
    """A batch of prefilled prompts.

    Attributes:
      members: indices of the prompts.
      rows: the row of each prompt in the batch.
      arguments: arguments of their `Continuation`.
    """

    members: list[int]
    rows: list[int]
    arguments: BatchArguments

    def key(self, call_key: jax.Array) -> jax.Array:
        """The random key of this batch."""
        return jax.random.fold_in(call_key, self.members[0])


def check_prompts(model: LoadedModel, prompts: Sequence[np.ndarray], max_new_tokens: int) -> None:
    """Raises PromptError for an empty prompt, or one too long for the model together with `max_new_tokens`."""
    longest = min(LENGTHS[-1], model.max_length - max_new_tokens)
    for prompt in prompts:
        if not 0 < len(prompt) <= longest:
            more = f'before max_new_tokens={max_new_tokens} more'
            raise PromptError(f'a prompt of {len(prompt)} tokens: it must have 1 to {longest} {more}')
    model.note_length(max(map(len, prompts), default=0) + max_new_tokens)


def _decode(
    config: DecoderConfig,
    execution: Execution,
    decoding: Decoding,
    stopping: StoppingCriteria,
    arguments: BatchArguments,
    key: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    return decoding.decode(Continuation(config, *arguments, execution), stopping, key)


def _pad(prompts: Sequence[np.ndarray], size: int) -> dict[str, np.ndarray]:
    """The batch of a group: its prompts, padded on the right."""
    tokens = np.zeros((size, padded_length(max(map(len, prompts)))), np.int32)
    lengths = np.zeros(size, np.int32)
    for index, prompt in enumerate(prompts):
        tokens[index, : len(prompt)] = prompt
        lengths[index] = len(prompt)
    return {'tokens': tokens, 'lengths': lengths}
