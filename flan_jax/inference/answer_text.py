"""Answers as text while they are decoded: what is certain of it, and where it ends.

A text that is handed over is never taken back: bytes of an unfinished character, spaces at the end and the beginning of
what may become a stop string wait for the tokens after them.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.streaming import Step, Streamer

_UNFINISHED = '\ufffd'
"""Stands at the end of a text of which some bytes are missing."""


@dataclasses.dataclass(frozen=True)
class Token:
    """A token of an answer.

    Attributes:
      id: its id.
      text: what it says inside a text.
      log_prob: its log-probability by the model's own distribution, in nats.
      alternatives: the likeliest tokens in its place and their log-probabilities, the likeliest first.
      offset: where it begins in the answer, in characters.
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
      index: of the prompt that is answered.
      text: what follows the pieces before it; may be empty.
      tokens: those that were decoded for it.
      finish_reason: 'stop' for an answer that has ended, 'length' for one that was cut; None if more pieces follow.
    """

    index: int
    text: str
    tokens: tuple[Token, ...] = ()
    finish_reason: Literal['stop', 'length'] | None = None


class AnswerText:
    """One answer, token by token."""

    def __init__(self, model: LoadedModel, index: int, stop: Sequence[str], alternatives: int):
        """The answer to prompt `index`, which ends before any text of `stop`; tokens have so many alternatives."""
        self._vocabulary = model.vocabulary
        self._stops = (*model.prompt_format.stops(), *stop)
        self._index = index
        self._alternatives = alternatives
        self._ids: list[int] = []
        self._raw = ''
        self._sent = 0
        self._waiting: list[Token] = []
        self.is_finished = False

    def piece(self, step: Step, place: int, is_last: bool) -> Piece:
        """What the next step adds; `place` is the answer's in it, `is_last` whether no step follows."""
        ended = bool(step.ended[place])
        if not ended:
            self._read(step, place)
        stopped_at = min((at for stop in self._stops if (at := self._raw.find(stop)) >= 0), default=None)
        self.is_finished = ended or is_last or stopped_at is not None
        reason: Literal['stop', 'length'] = 'stop' if ended or stopped_at is not None else 'length'
        end = self._certain() if stopped_at is None else stopped_at
        visible = self._raw[:end].strip()
        text, self._sent = visible[self._sent :], max(self._sent, len(visible))
        # The parts of a character may be more than it is: at the end all count, wherever they began.
        whole = self.is_finished and stopped_at is None
        done = [token for token in self._waiting if whole or token.offset < end]
        self._waiting = self._waiting[len(done) :]
        return Piece(self._index, text, tuple(self._placed(done)), reason if self.is_finished else None)

    def _read(self, step: Step, place: int) -> None:
        token, likeliest = int(step.token[place]), step.likeliest[place, : self._alternatives]
        others = zip(map(self._vocabulary.token_text, likeliest), map(float, step.log_probs[place]))
        log_prob, text = float(step.log_prob[place]), self._vocabulary.token_text(token)
        self._waiting.append(Token(token, text, log_prob, tuple(others), len(self._raw)))
        self._ids.append(token)
        self._raw = self._vocabulary.decode(self._ids)

    def _certain(self) -> int:
        """Characters that no later token changes."""
        if self.is_finished:
            return len(self._raw)
        text = self._raw.rstrip(_UNFINISHED)
        begun = (size for stop in self._stops for size in range(1, len(stop)) if text.endswith(stop[:size]))
        return len(text) - max(begun, default=0)

    def _placed(self, tokens: Sequence[Token]) -> Iterator[Token]:
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
      streamer: of the model.
      model: the model.
      prompts: their tokens.
      max_new_tokens: tokens of an answer at most.
      seed: of sampling.
      stop: texts before which an answer ends.
      alternatives: likeliest tokens that are named beside each token.

    Raises:
      PromptError: for an empty prompt, or one too long for the model.
    """
    for members, steps in streamer.stream(prompts, max_new_tokens, seed):
        answers = [AnswerText(model, index, stop, alternatives) for index in members]
        for count, step in enumerate(steps, start=1):
            for place, answer in enumerate(answers):
                if not answer.is_finished:
                    yield answer.piece(step, place, is_last=count == max_new_tokens)
            if all(answer.is_finished for answer in answers):
                break
        del steps  # and their cache, before the next is made
