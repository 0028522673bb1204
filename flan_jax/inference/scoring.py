"""Rank classification: the log-probability of each option after a prompt (FLAN, section 2.3).

A prompt and its options are an example with several responses. Every option attends to the prompt and itself, so that
the prompt is computed once for all options. Several examples share a sequence, as in packing. A common prefix of all
prompts, such as the same exemplars, is computed once for all of them.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.prefill import LENGTHS, PrefixReader, PromptError, shared_prefix
from flan_jax.inference.tree_batches import batches
from flan_jax.model.decoder import label_log_probs
from flan_jax.model.kv_cache import PrefixCache
from flan_jax.model.programs import shared_jit
from flan_jax.packing.example import Example
from flan_jax.packing.layout import Shape, lay_out

_SMALLEST_PREDICTED = 8


class Scorer:
    """Scores the options of prompts with one model, in batches of few shapes."""

    def __init__(self, model: LoadedModel, batch_tokens: int):
        """Scores about `batch_tokens` tokens at a time; raises UserError for a reward model."""
        model.require_language_model()
        self._model = model
        self._batch_tokens = batch_tokens
        self._prefixes = PrefixReader(model)
        self._log_probs = shared_jit(
            functools.partial(label_log_probs, model.config, execution=model.execution),
            out_shardings=model.placement.everywhere,
        )

    def score(
        self, examples: Sequence[Example], progress: Callable[[int], None] = lambda examples: None
    ) -> list[list[np.ndarray]]:
        """The log-probability of every token of every response, in nats, in the order of the examples.

        Raises:
          PromptError: for an example without responses, with an empty prompt or response, or too long for the model.
        """
        for example in examples:
            _check(example, self._model)
        scores: list[list[np.ndarray]] = [[] for _ in examples]
        shared = shared_prefix([example.prompt for example in examples])
        prefix = self._prefixes.prefill(examples[0].prompt[:shared]) if shared else ()
        own = [dataclasses.replace(example, prompt=example.prompt[shared:]) for example in examples]
        with self._model.mesh_context():
            for length, batch in batches(list(map(read_tokens, own)), self._batch_size):
                sequences = [[own[index] for index in members] for members in batch]
                for members, values in zip(batch, self._score_batch(sequences, length, shared, prefix)):
                    _split_values(members, own, values, scores)
                progress(sum(map(len, batch)))
        return scores

    def _score_batch(
        self, sequences: Sequence[Sequence[Example]], length: int, shared: int, prefix: Sequence[PrefixCache]
    ) -> np.ndarray:
        """Log-probabilities of the labels, float32 [B, P], of sequences that continue a prefix of `shared` tokens."""
        shape = Shape(self._batch_size(length), length, _predicted(sequences))
        arrays = lay_out(sequences, shape, first_position=shared, read_last=False)
        del arrays['tasks'], arrays['task_ids'], arrays['weights'], arrays['response_ids']
        model = self._model
        return np.asarray(self._log_probs(model.params, model.placement.place(arrays), prefix=prefix))

    def _batch_size(self, length: int) -> int:
        return self._model.placement.batch_size(self._batch_tokens // length)


def read_tokens(example: Example) -> int:
    """Number of input tokens of an example; the last token of a response is predicted but not an input."""
    return len(example) - len(example.responses)


def _check(example: Example, model: LoadedModel) -> None:
    if not example.responses or not len(example.prompt) or not all(map(len, example.responses)):
        raise PromptError('a prompt and its options must not be empty')
    longest = min(model.max_length, LENGTHS[-1])
    path = len(example.prompt) + max(map(len, example.responses)) - 1
    if path > longest or read_tokens(example) > LENGTHS[-1]:
        raise PromptError(
            f'a prompt with options of {read_tokens(example)} tokens is too long: prompt and longest option may have '
            f'{longest}, prompt and all options {LENGTHS[-1]}'
        )
    model.note_length(path)


def _predicted(sequences: Sequence[Sequence[Example]]) -> int:
    """Predicted tokens per sequence at most, rounded up to a power of two so that there are few shapes to compile."""
    most = max(sum(example.num_targets for example in examples) for examples in sequences)
    return 2 ** math.ceil(math.log2(max(most, _SMALLEST_PREDICTED)))


def _split_values(members: Sequence[int], examples: Sequence[Example], values: np.ndarray, scores) -> None:
    """Splits a sequence's log-probabilities by response, and appends them to the scores of their examples."""
    start = 0
    for index in members:
        for response in examples[index].responses:
            scores[index].append(values[start : start + len(response)])
            start += len(response)
