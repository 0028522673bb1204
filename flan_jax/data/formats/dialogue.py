"""Dialogues as texts and as tokens."""

import dataclasses
from collections.abc import Sequence

ANSWER_PLACEHOLDER = 'AnswerProbe'
"""A placeholder for the answer to be generated. Prompts do not depend on it, but templates may refuse an empty one."""


@dataclasses.dataclass(frozen=True)
class Dialogue:
    """The texts of a dialogue.

    Attributes:
      question: the last question.
      answer: the answer to the last question.
      history: earlier questions and answers, alternating.
      system: the system message; empty for none.
      context: the end of the question, if that is a text that the question is about; empty for none.
    """

    question: str
    answer: str
    history: tuple[str, ...] = ()
    system: str = ''
    context: str = ''

    @property
    def turns(self) -> list[tuple[str, str]]:
        """All questions with their answers."""
        texts = (*self.history, self.question, self.answer)
        return list(zip(texts[::2], texts[1::2]))


@dataclasses.dataclass(frozen=True)
class EncodedDialogue:
    """The tokens of a dialogue.

    Attributes:
      prompt: ids before the first learned token.
      response: ids from the first learned token on.
      weights: 1 for learned tokens of the response, 0 for those of later questions.
      prompt_text: the prompt for people.
      prompt_cut: whether the prompt has lost turns.
      prompt_fits: whether the prompt then fits; if not, its end was cut.
      response_cut: whether the response has lost turns, or the end of an answer.
    """

    prompt: list[int]
    response: list[int]
    weights: list[float]
    prompt_text: str
    prompt_cut: bool = False
    prompt_fits: bool = True
    response_cut: bool = False


def split_at(segments: Sequence[list[int]], first_learned: int, text: str) -> EncodedDialogue:
    """The encoding whose prompt ends before segment `first_learned`; segments with odd indices are learned."""
    response = [(i, place % 2) for place, ids in enumerate(segments) if place >= first_learned for i in ids]
    return EncodedDialogue(
        prompt=[i for ids in segments[:first_learned] for i in ids],
        response=[i for i, _ in response],
        weights=[float(learned) for _, learned in response],
        prompt_text=text,
    )
