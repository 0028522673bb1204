"""A packed sequence as a person reads it: its examples, each a prompt with responses, token by token."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from flan_jax.packing.example import Example
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.tokenizers.vocabulary import Vocabulary

_UNFINISHED = '\ufffd'
"""What decoders write for bytes that are no character."""

_MOST_SHARING = 4
"""Bytes, and so tokens, of a character in UTF-8 at most."""


@dataclasses.dataclass(frozen=True)
class Token:
    """One token.

    Attributes:
      text: what it says, see `token_texts`.
      place: in the sequence.
      position: what the model's position encoding sees.
      segment: the number that separates it from the rest; a token sees its own segment and those that it hangs on.
      weight: of its log-probability in the loss; 0 for what is only read.
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
      tokens: in order.
      annotations: numbers kept of a response, such as scores.
    """

    response: int
    tokens: tuple[Token, ...]
    annotations: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def text(self) -> str:
        return ''.join(token.text for token in self.tokens)

    @property
    def learned(self) -> int:
        """Tokens with a weight in the loss."""
        return sum(token.weight != 0 for token in self.tokens)

    @property
    def range(self) -> str:
        """The places of its tokens and, where they differ, its positions."""
        first, last = self.tokens[0], self.tokens[-1]
        places = f'tokens {first.place} to {last.place}'
        return f'{places}, positions {first.position} to {last.position}'


@dataclasses.dataclass(frozen=True)
class Tree:
    """An example: a prompt and the responses that hang on it."""

    task: str
    template: int
    pieces: tuple[Piece, ...]

    @property
    def label(self) -> str:
        """Task and template, where it has one."""
        return self.task if self.template < 0 else f'{self.task}, template {self.template}'


@dataclasses.dataclass(frozen=True)
class SequenceView:
    """A packed sequence of `length` tokens, of which the examples fill the first ones."""

    trees: tuple[Tree, ...]
    length: int

    @property
    def pieces(self) -> list[Piece]:
        return [piece for tree in self.trees for piece in tree.pieces]

    @property
    def used(self) -> int:
        """Tokens that are not padding."""
        return sum(len(piece.tokens) for piece in self.pieces)

    @property
    def learned(self) -> int:
        return sum(piece.learned for piece in self.pieces)

    @property
    def summary(self) -> str:
        """One line on what the sequence holds."""
        count = len(self.trees)
        return (
            f'{count} example{"s" * (count != 1)}, {self.used:,} of {self.length:,} tokens '
            f'({100 * self.used / self.length:.1f} % full), {self.learned:,} learned'
        )


def sequence_view(
    examples: Sequence[Example], vocabulary: Vocabulary, tasks: Sequence[str], length: int
) -> SequenceView:
    """The view of examples that share a sequence; positions and segments are those that training lays out.

    Args:
      examples: of the sequence, in order.
      vocabulary: of their tokens.
      tasks: names of the tasks that examples refer to.
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
    """What each token says inside a text; of several that share a character, the last one says it."""
    before = vocabulary.encode_continuation('a')
    start, texts, unfinished = vocabulary.decode_all(before), [], []
    for left, i in zip(range(len(ids) - 1, -1, -1), ids):
        unfinished.append(int(i))
        text = vocabulary.decode_all([*before, *unfinished]).removeprefix(start)
        shared = left and text.endswith(_UNFINISHED) and len(unfinished) < _MOST_SHARING
        texts.append('' if shared else text)
        unfinished = unfinished if shared else []
    return texts
