"""What a prompt format makes of a dialogue: segments of text, every second one learned, and tokens."""

import dataclasses
from collections.abc import Sequence

WANTED = 'AnswerProbe'
"""Stands for an answer that is wanted, on which no prompt depends; templates may refuse an empty one."""


@dataclasses.dataclass(frozen=True)
class Dialogue:
    """A question, its answer, and what stands before them; texts.

    Attributes:
      question: the last one.
      answer: to the last question.
      history: earlier questions and answers in turn.
      system: the system message; empty for none.
      context: the text that the question is about and with which it ends; empty for none.
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
      prompt: ids of what is only read.
      response: ids from the first learned one on.
      weights: 1 for every token of the response that is learned, 0 for those of later questions.
      prompt_text: the prompt as people read it.
      prompt_cut: whether the prompt has lost turns.
      prompt_fits: whether the prompt, so shortened, has no more tokens than it may; if not, it has lost its end.
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
    """The encoding whose prompt ends before segment `first_learned`; segments at odd places are learned."""
    response = [(i, place % 2) for place, ids in enumerate(segments) if place >= first_learned for i in ids]
    return EncodedDialogue(
        prompt=[i for ids in segments[:first_learned] for i in ids],
        response=[i for i, _ in response],
        weights=[float(learned) for _, learned in response],
        prompt_text=text,
    )
