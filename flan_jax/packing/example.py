"""Examples, which are a prompt and its responses, and packed sequences of examples, as stored in a stream.

A stored sequence consists of tokens and of the lengths of prompts and responses. Positions, masks and targets are
derived from the lengths, never from a search in the text. This module does not need TensorFlow.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np
from safetensors import numpy as safetensors

_ANNOTATION = 'annotation/'
"""Prefix of the names under which a stored sequence keeps its annotations."""


@dataclasses.dataclass(frozen=True)
class Example:
    """A prompt with its responses: one for instruction tuning, two for a preference, k for a ranking or for options.

    It is a tree: every response continues the prompt, and does not attend to other responses.

    Attributes:
      prompt: token ids, at least one.
      responses: token ids of each response, none of them empty.
      task: index of the task it comes from.
      template: index of the template it was rendered with; -1 for none.
      weights: loss weight of each token of each response; None for 1 throughout.
      annotations: numbers of each response, by name, such as scores or reference log-probabilities.
    """

    prompt: np.ndarray
    responses: tuple[np.ndarray, ...]
    task: int = 0
    template: int = 0
    weights: tuple[np.ndarray, ...] | None = None
    annotations: Mapping[str, Sequence[float]] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.prompt) + self.num_targets

    @functools.cached_property
    def num_targets(self) -> int:
        """Number of tokens of all responses."""
        return sum(map(len, self.responses))


@dataclasses.dataclass(frozen=True)
class PackedSequence:
    """Examples that share a sequence, in order.

    Attributes:
      tokens: all their tokens, each prompt before its responses, one example after the other.
      prompt_lengths: tokens of each example's prompt.
      response_counts: responses of each example.
      response_lengths: tokens of each response of all examples.
      tasks: task of each example, see `Example`.
      templates: template of each example.
      weights: loss weight of every response token of all examples; None for 1 throughout.
      annotations: numbers of each response of all examples, by name.
    """

    tokens: np.ndarray
    prompt_lengths: np.ndarray
    response_counts: np.ndarray
    response_lengths: np.ndarray
    tasks: np.ndarray
    templates: np.ndarray
    weights: np.ndarray | None = None
    annotations: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, examples: Sequence[Example]) -> 'PackedSequence':
        """The sequence of these examples, which must have the same annotations."""
        responses = [response for example in examples for response in example.responses]
        weighted = any(example.weights is not None for example in examples)
        return cls(
            tokens=np.concatenate([part for ex in examples for part in (ex.prompt, *ex.responses)]).astype(np.int32),
            prompt_lengths=_int32(len(example.prompt) for example in examples),
            response_counts=_int32(len(example.responses) for example in examples),
            response_lengths=_int32(map(len, responses)),
            tasks=_int32(example.task for example in examples),
            templates=_int32(example.template for example in examples),
            weights=np.concatenate([_weights(example) for example in examples]) if weighted else None,
            annotations={
                name: np.array([value for example in examples for value in example.annotations[name]], np.float32)
                for name in examples[0].annotations
            },
        )

    def examples(self) -> list[Example]:
        """The inverse of `of`."""
        boundaries = np.cumsum(self.response_counts)[:-1]
        lengths = np.split(self.response_lengths, boundaries)
        annotations = {name: np.split(values, boundaries) for name, values in self.annotations.items()}
        found, start, target = [], 0, 0
        for index, (prompt_length, response_lengths) in enumerate(zip(self.prompt_lengths.tolist(), lengths)):
            ends = np.cumsum([prompt_length, *response_lengths])
            prompt, *responses = np.split(self.tokens[start : start + ends[-1]], ends[:-1])
            num_targets = int(ends[-1]) - prompt_length
            weights = None
            if self.weights is not None:
                weights = tuple(np.split(self.weights[target : target + num_targets], np.cumsum(response_lengths)[:-1]))
            found.append(
                Example(
                    prompt,
                    tuple(responses),
                    int(self.tasks[index]),
                    int(self.templates[index]),
                    weights,
                    {name: tuple(values[index].tolist()) for name, values in annotations.items()},
                )
            )
            start, target = start + int(ends[-1]), target + num_targets
        return found

    def to_bytes(self) -> bytes:
        """The sequence as safetensors."""
        arrays = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return safetensors.save(arrays | {_ANNOTATION + name: value for name, value in self.annotations.items()})

    @classmethod
    def from_bytes(cls, data: bytes) -> 'PackedSequence':
        """The inverse of `to_bytes`."""
        arrays = safetensors.load(bytes(data))
        names = [name for name in arrays if name.startswith(_ANNOTATION)]
        annotations = {name.removeprefix(_ANNOTATION): arrays.pop(name) for name in names}
        return cls(**arrays, annotations=annotations)


def _int32(numbers) -> np.ndarray:
    return np.fromiter(numbers, np.int32)


def _weights(example: Example) -> np.ndarray:
    if example.weights is None:
        return np.ones(example.num_targets, np.float32)
    return np.concatenate(example.weights).astype(np.float32)
