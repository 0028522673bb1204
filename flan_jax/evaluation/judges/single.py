"""Judges of single answers: what an answer is worth by itself; what they say is a rating, and ratings are records."""

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
    """What a judge says of an answer.

    Attributes:
      answer: what was judged.
      value: a score, or 1 for yes and 0 for no; None where the judge did not say.
      reply: the judge's own words.
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
        """All that its ratings depend on, for the records."""

    @abc.abstractmethod
    def ratings(self, answers: Sequence[Answer]) -> list[Rating]:
        """The rating of each answer, in their order."""
