"""Streamed answers as text: which characters are final, and where the answer ends.

Text that was yielded is never revised. Bytes of an incomplete character, trailing spaces and a possible beginning of a
stop string are held back until the next tokens decide.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.streaming import Step, Streamer

_UNFINISHED = '\ufffd'
"""What decoding puts at the end of a text whose last character is incomplete."""


@dataclasses.dataclass(frozen=True)
class Token:
    """A token of an answer.

    Attributes:
      id: its id.
      text: its text within a longer text.
      log_prob: its log-probability under the model, before any logits processor, in nats.
      alternatives: the most likely tokens at its position and their log-probabilities, most likely first.
      offset: where it starts in the answer, in characters.
    """

    id: int
    text: str
    log_prob: float
    alternatives: tuple[tuple[str, float], ...]
    offset: int


@dataclasses.dataclass(frozen=True)
class Piece:
    """A piece of an answer.

    Attributes:
      index: index of the prompt.
      text: continues the text of the pieces before; may be empty.
      tokens: the tokens that the text was decoded from.
      finish_reason: 'stop' for an answer that has ended, 'length' for one that was cut; None if more pieces follow.
    """

    index: int
    text: str
    tokens: tuple[Token, ...] = ()
    finish_reason: Literal['stop', 'length'] | None = None


class AnswerText:
    """Turns the tokens of one answer into pieces of text."""

    def __init__(self, model: LoadedModel, index: int, stop: Sequence[str], alternatives: int):
        """Starts the answer to prompt `index`.

        Args:
          model: the model.
          index: index of the prompt.
          stop: texts that end the answer, in addition to those of the prompt format.
          alternatives: number of alternatives per token.
        """
        self._vocabulary = model.vocabulary
        self._stops = (*model.prompt_format.stops(), *stop)
        self._index = index
        self._alternatives = alternatives
        self._ids: list[int] = []
        self._raw = ''
        self._sent = 0
        self._waiting: list[Token] = []
        self.is_finished = False

    def piece(self, step: Step, row: int, is_last: bool) -> Piece:
        """The piece that a step adds; `row` is the answer's row in the step, `is_last` whether no step follows."""
        ended = bool(step.ended[row])
        if not ended:
            self._read(step, row)
        stopped_at = min((at for stop in self._stops if (at := self._raw.find(stop)) >= 0), default=None)
        self.is_finished = ended or is_last or stopped_at is not None
        reason: Literal['stop', 'length'] = 'stop' if ended or stopped_at is not None else 'length'
        end = self._certain() if stopped_at is None else stopped_at
        visible = self._raw[:end].strip()
        text, self._sent = visible[self._sent :], max(self._sent, len(visible))
        # Byte tokens of a character may have offsets beyond the visible text: at the end all tokens are yielded.
        whole = self.is_finished and stopped_at is None
        done = [token for token in self._waiting if whole or token.offset < end]
        self._waiting = self._waiting[len(done) :]
        return Piece(self._index, text, tuple(self._without_leading_space(done)), reason if self.is_finished else None)

    def _read(self, step: Step, row: int) -> None:
        token, likeliest = int(step.token[row]), step.likeliest[row, : self._alternatives]
        others = zip(map(self._vocabulary.token_text, likeliest), map(float, step.log_probs[row]))
        log_prob, text = float(step.log_prob[row]), self._vocabulary.token_text(token)
        self._waiting.append(Token(token, text, log_prob, tuple(others), len(self._raw)))
        self._ids.append(token)
        self._raw = self._vocabulary.decode(self._ids)

    def _certain(self) -> int:
        """Number of characters that no later token can change."""
        if self.is_finished:
            return len(self._raw)
        text = self._raw.rstrip(_UNFINISHED)
        possible_stops = (size for stop in self._stops for size in range(1, len(stop)) if text.endswith(stop[:size]))
        return len(text) - max(possible_stops, default=0)

    def _without_leading_space(self, tokens: Sequence[Token]) -> Iterator[Token]:
        before = len(self._raw) - len(self._raw.lstrip())
        for token in tokens:
            yield dataclasses.replace(token, offset=max(0, token.offset - before))


def pieces(
    streamer: Streamer,
    model: LoadedModel,
    prompts: Sequence[np.ndarray],
    *,
    max_new_tokens: int,
    seed: int = 0,
    stop: Sequence[str] = (),
    alternatives: int = 0,
) -> Iterator[Piece]:
    """The answers to prompts, piece by piece as they are decoded; the last piece of each has a `finish_reason`.

    Args:
      streamer: decodes with `model`.
      model: the model.
      prompts: token ids of each prompt.
      max_new_tokens: maximal number of tokens of an answer.
      seed: seed of sampling.
      stop: texts that end an answer and are not part of it.
      alternatives: number of most likely tokens to return with each token.

    Raises:
      PromptError: for an empty prompt, or one too long for the model.
    """
    for members, steps in streamer.stream(prompts, max_new_tokens, seed):
        answers = [AnswerText(model, index, stop, alternatives) for index in members]
        for count, step in enumerate(steps, start=1):
            for row, answer in enumerate(answers):
                if not answer.is_finished:
                    yield answer.piece(step, row, is_last=count == max_new_tokens)
            if all(answer.is_finished for answer in answers):
                break
        del steps  # frees their cache before the next batch allocates one
