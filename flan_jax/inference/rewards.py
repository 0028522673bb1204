"""Rewards of responses by a reward model: the value head's output at the last token of each response.

A prompt and its responses are a tree, so that the prompt is computed once for all responses.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np

from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.prefill import LENGTHS, PromptError
from flan_jax.inference.tree_batches import batches
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params, hidden_states
from flan_jax.model.inputs import Inputs
from flan_jax.model.programs import shared_jit
from flan_jax.model.value_head import response_values
from flan_jax.packing.example import Example
from flan_jax.packing.layout import Shape, lay_out

_SMALLEST_RESPONSES = 4

_READ = ('tokens', 'positions', 'segment_ids', 'segment_exits', 'response_ends')


class RewardModel:
    """Rates the responses of prompts with one model, in batches of few shapes."""

    def __init__(self, model: LoadedModel, batch_tokens: int):
        """Rates about `batch_tokens` tokens at a time; raises UserError for a model without a value head."""
        model.require_value_head()
        self._model = model
        self._batch_tokens = batch_tokens
        self._values = shared_jit(
            functools.partial(_values, model.config, execution=model.execution),
            out_shardings=model.placement.everywhere,
        )

    def rewards(
        self, examples: Sequence[Example], progress: Callable[[int], None] = lambda examples: None
    ) -> list[np.ndarray]:
        """The reward of every response, float32, in the order of the examples.

        A response should end like those that the model was trained on: with the token that ends a turn.

        Raises:
          PromptError: for an example without responses, with an empty prompt or response, or too long for the model.
        """
        for example in examples:
            _check(example, self._model)
        rewards: list[np.ndarray] = [np.empty(0, np.float32)] * len(examples)
        with self._model.mesh_context():
            for length, batch in batches(list(map(len, examples)), self._batch_size):
                values = self._rate([[examples[index] for index in members] for members in batch], length)
                for members, of_sequence in zip(batch, values):
                    ends = np.cumsum([len(examples[index].responses) for index in members])
                    for index, found in zip(members, np.split(of_sequence[: ends[-1]], ends[:-1])):
                        rewards[index] = found
                progress(sum(map(len, batch)))
        return rewards

    def _rate(self, sequences: Sequence[Sequence[Example]], length: int) -> np.ndarray:
        """The rewards of the responses of each sequence, [B, R]."""
        targets = max(sum(example.num_targets for example in examples) for examples in sequences)
        shape = Shape(self._batch_size(length), length, targets, _responses(sequences))
        arrays = lay_out(sequences, shape)
        model = self._model
        return np.asarray(self._values(model.params, model.placement.place({name: arrays[name] for name in _READ})))

    def _batch_size(self, length: int) -> int:
        return self._model.placement.batch_size(self._batch_tokens // length)


def _values(config: DecoderConfig, params: Params, batch: Mapping[str, jax.Array], execution: Execution) -> jax.Array:
    hidden = hidden_states(config, params, Inputs.of(batch), execution)
    return response_values(params, hidden, batch['response_ends'])


def _check(example: Example, model: LoadedModel) -> None:
    if not example.responses or not len(example.prompt) or not all(map(len, example.responses)):
        raise PromptError('a prompt and its responses must not be empty')
    longest = min(model.max_length, LENGTHS[-1])
    path = len(example.prompt) + max(map(len, example.responses))
    if path > longest or len(example) > LENGTHS[-1]:
        raise PromptError(
            f'a prompt with responses of {len(example)} tokens is too long: prompt and longest response may have '
            f'{longest}, prompt and all responses {LENGTHS[-1]}'
        )
    model.note_length(path)


def _responses(sequences: Sequence[Sequence[Example]]) -> int:
    """Responses per sequence at most, rounded up to a power of two so that there are few shapes to compile."""
    most = max(sum(len(example.responses) for example in examples) for examples in sequences)
    return 2 ** math.ceil(math.log2(max(most, _SMALLEST_RESPONSES)))
