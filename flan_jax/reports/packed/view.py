"""A readable view of a packed sequence: its examples, each a prompt with responses, token by token."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from flan_jax.packing.example import Example
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.tokenizers.vocabulary import Vocabulary

_UNFINISHED = '\ufffd'
"""The replacement character, which decoders write for incomplete characters."""

_MOST_SHARING = 4
"""Largest number of bytes, and thus of tokens, of a character in UTF-8."""


@dataclasses.dataclass(frozen=True)
class Token:
    """One token.

    Attributes:
      text: its text, see `token_texts`.
      place: its index in the sequence.
      position: its position for the model's position encoding.
      segment: its segment id; a token attends to its own segment and to those that its branch extends.
      weight: the weight of its log-probability in the loss; 0 for input only.
    """

    text: str
    place: int
    position: int
    segment: int
    weight: float


@dataclasses.dataclass(frozen=True)
class Piece:
    """A prompt, or one of its responses.

    Attributes:
      response: number of the response, from 1; 0 for the prompt.
      tokens: its tokens in order.
      annotations: numbers that are stored with a response, such as scores.
    """

    response: int
    tokens: tuple[Token, ...]
    annotations: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def text(self) -> str:
        return ''.join(token.text for token in self.tokens)

    @property
    def learned(self) -> int:
        """Number of tokens with a weight in the loss."""
        return sum(token.weight != 0 for token in self.tokens)

    @property
    def range(self) -> str:
        """The indices of its tokens and, if they differ, its positions."""
        first, last = self.tokens[0], self.tokens[-1]
        places = f'tokens {first.place} to {last.place}'
        return f'{places}, positions {first.position} to {last.position}'


@dataclasses.dataclass(frozen=True)
class Tree:
    """An example: a prompt, and the responses that branch off from it."""

    task: str
    template: int
    pieces: tuple[Piece, ...]

    @property
    def label(self) -> str:
        """Task and, if it has one, template."""
        return self.task if self.template < 0 else f'{self.task}, template {self.template}'


@dataclasses.dataclass(frozen=True)
class SequenceView:
    """A packed sequence of `length` tokens; padding follows the examples."""

    trees: tuple[Tree, ...]
    length: int

    @property
    def pieces(self) -> list[Piece]:
        return [piece for tree in self.trees for piece in tree.pieces]

    @property
    def used(self) -> int:
        """Number of tokens that are not padding."""
        return sum(len(piece.tokens) for piece in self.pieces)

    @property
    def learned(self) -> int:
        return sum(piece.learned for piece in self.pieces)

    @property
    def summary(self) -> str:
        """A line about the content of the sequence."""
        count = len(self.trees)
        return (
            f'{count} example{"s" * (count != 1)}, {self.used:,} of {self.length:,} tokens '
            f'({100 * self.used / self.length:.1f} % full), {self.learned:,} learned'
        )


def sequence_view(
    examples: Sequence[Example], vocabulary: Vocabulary, tasks: Sequence[str], length: int
) -> SequenceView:
    """The view of examples that share a sequence, with the same positions and segments as in training.

    Args:
      examples: the examples of the sequence, in order.
      vocabulary: the vocabulary of their tokens.
      tasks: names of the tasks that examples refer to by number.
      length: tokens of the sequence, padding included.
    """
    targets = sum(example.num_targets for example in examples)
    arrays = lay_out([examples], Shape(1, length, targets))
    positions, segments, weights = (arrays[name][0].tolist() for name in ('positions', 'segment_ids', 'weights'))
    place, target, trees = 0, 0, []
    for example in examples:
        pieces = []
        for number, ids in enumerate((example.prompt, *example.responses)):
            of_loss = weights[target : target + len(ids)] if number else [0.0] * len(ids)
            places = range(place, place + len(ids))
            columns = (token_texts(vocabulary, ids), places, positions[place:], segments[place:], of_loss)
            annotations = {name: float(values[number - 1]) for name, values in example.annotations.items() if number}
            pieces.append(Piece(number, tuple(Token(*values) for values in zip(*columns)), annotations))
            place, target = place + len(ids), target + len(ids) * bool(number)
        trees.append(Tree(tasks[example.task], example.template, tuple(pieces)))
    return SequenceView(tuple(trees), length)


def token_texts(vocabulary: Vocabulary, ids: Sequence[int] | np.ndarray) -> list[str]:
    """The text of each token within a text; of several tokens that share a character, the last one has its text."""
    before = vocabulary.encode_continuation('a')
    start, texts, unfinished = vocabulary.decode_all(before), [], []
    for left, i in zip(range(len(ids) - 1, -1, -1), ids):
        unfinished.append(int(i))
        text = vocabulary.decode_all([*before, *unfinished]).removeprefix(start)
        shared = left and text.endswith(_UNFINISHED) and len(unfinished) < _MOST_SHARING
        texts.append('' if shared else text)
        unfinished = unfinished if shared else []
    return texts
