"""The interface of judges of single answers, which return ratings."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer to a prompt."""

    prompt: str
    answer: str


@dataclasses.dataclass(frozen=True)
class Rating:
    """A judge's rating of an answer.

    Attributes:
      answer: the answer.
      value: a score, or 1 for yes and 0 for no; None if the judge gave none.
      reply: the judge's reply.
    """

    answer: Answer
    value: float | None
    reply: str

    def as_record(self, judge: Mapping[str, Any]) -> dict[str, Any]:
        """The rating as a line of a file."""
        texts = {'prompt': self.answer.prompt, 'answer': self.answer.answer}
        return {**texts, 'rating': self.value, 'reply': self.reply, 'judge': dict(judge)}


class SingleJudge(abc.ABC):
    """Rates answers one by one."""

    @property
    @abc.abstractmethod
    def recipe(self) -> Mapping[str, Any]:
        """Everything that ratings depend on, for the records."""

    @abc.abstractmethod
    def ratings(self, answers: Sequence[Answer]) -> list[Rating]:
        """The rating of each answer, in order."""
