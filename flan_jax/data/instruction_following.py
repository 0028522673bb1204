"""Data of the Instruction Following Score (AlShikh et al. 2023, arXiv 2307.03692), built from any dialogues.

An instruction I is cut into a fragment Ip and its continuation Ic; R is the response. A classifier learns to
distinguish answers (R) from mere continuations (Ic, or Ic and R). Models are then prompted with instructions and with
fragments.

No code or data were published. Where the paper is silent (position of the cut, splits, balance), the choices are ours:
this is a reconstruction.
"""

import dataclasses
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from flan_jax.data.instruction_files.conversation import Conversation
from flan_jax.errors import UserError

ANSWER, CONTINUATION = 1, 0
"""Labels of responses: answer-like and continuation-like."""

PARTIAL, FULL = 'partial', 'full'
"""Kinds of instructions."""

SHARES = {'train': 0.65, 'validation': 0.1, 'instructions': 0.25}
"""Share of the dialogues in each set; a dialogue is in one set only."""

FEWEST = 20
"""Least number of dialogues."""


@dataclasses.dataclass(frozen=True)
class Cut:
    """The first exchange of a dialogue, with the instruction cut before a blank.

    Attributes:
      fragment: Ip, the instruction before the cut; not empty.
      rest: Ic, the instruction after it, with the blank; not empty.
      response: R.
    """

    fragment: str
    rest: str
    response: str

    @property
    def instruction(self) -> str:
        """I, which is Ip followed by Ic."""
        return self.fragment + self.rest

    @property
    def continuation(self) -> str:
        """Ic as a text of its own."""
        return self.rest.strip()

    @property
    def continuation_and_response(self) -> str:
        """Ic, then R, as one text."""
        return f'{self.continuation} {self.response}'

    def pairs(self) -> list[tuple[str, str, int]]:
        """Prompt, output and label of the six pairs (section 3, table of pairs)."""
        return [
            (self.instruction, self.response, ANSWER),
            (self.fragment, self.response, ANSWER),
            (self.fragment, self.continuation, CONTINUATION),
            (self.instruction, self.continuation, CONTINUATION),
            (self.fragment, self.continuation_and_response, CONTINUATION),
            (self.instruction, self.continuation_and_response, CONTINUATION),
        ]


@dataclasses.dataclass(frozen=True)
class InstructionFollowingData:
    """The sets made from dialogues.

    Attributes:
      train: texts and labels for training the classifier, with as many answers as continuations.
      validation: the same from other dialogues.
      instructions: prompts and their kinds, from the remaining dialogues.
      skipped: number of dialogues that cannot be cut, or are duplicates.
    """

    train: Sequence[Mapping[str, str | int]]
    validation: Sequence[Mapping[str, str | int]]
    instructions: Sequence[Mapping[str, str]]
    skipped: int


def build(conversations: Iterable[Conversation], seed: int = 0) -> InstructionFollowingData:
    """The sets made from the first exchanges of dialogues; a function of dialogues and seed.

    Raises:
      UserError: if fewer than `FEWEST` dialogues can be cut.
    """
    random = np.random.default_rng(seed)
    conversations = list(conversations)
    exchanges = {exchange[:2]: exchange for exchange in map(first_exchange, conversations)}
    cuts = [cut for exchange in exchanges.values() if (cut := cut_of(*exchange, random))]
    if len(cuts) < FEWEST:
        raise UserError(
            f'only {len(cuts)} dialogues have an instruction of at least two words and a response; at '
            f'least {FEWEST} are needed'
        )
    random.shuffle(cuts)
    ends = [round(end * len(cuts)) for end in itertools.accumulate(SHARES.values())]
    train, validation, asked = (cuts[begin:end] for begin, end in zip([0, *ends], ends))
    return InstructionFollowingData(
        train=responses(train, random),
        validation=responses(validation, random),
        instructions=[_asked(cut, bool(random.integers(2))) for cut in asked],
        skipped=len(conversations) - len(cuts),
    )


def first_exchange(conversation: Conversation) -> tuple[str, str, str]:
    """The first instruction of a dialogue, its input ('' for none), and the response."""
    if conversation.history:
        return conversation.history[0].strip(), '', conversation.history[1].strip()
    return conversation.instruction.strip(), conversation.input.strip(), conversation.response.strip()


def cut_of(instruction: str, context: str, response: str, random: np.random.Generator) -> Cut | None:
    """A dialogue cut before a uniformly random blank within its instruction; None if there is no blank.

    A separate input follows the instruction and is never cut.
    """
    places = [match.start() for match in re.finditer(r'(?<=\S)\s+(?=\S)', instruction)]
    if not places or not response:
        return None
    place = places[random.integers(len(places))]
    about = f'\n\n{context}' if context else ''
    return Cut(instruction[:place], instruction[place:] + about, response)


def responses(cuts: Iterable[Cut], random: np.random.Generator) -> list[dict[str, str | int]]:
    """Two texts of each dialogue: its response, and a continuation, in half of the cases followed by the response."""
    rows: list[dict[str, str | int]] = []
    for cut in cuts:
        continuation = cut.continuation_and_response if random.integers(2) else cut.continuation
        rows += [{'text': cut.response, 'label': ANSWER}, {'text': continuation, 'label': CONTINUATION}]
    return rows


def _asked(cut: Cut, partial: bool) -> dict[str, str]:
    return {'prompt': cut.fragment, 'kind': PARTIAL} if partial else {'prompt': cut.instruction, 'kind': FULL}
