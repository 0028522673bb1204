"""Data of the Instruction Following Score (AlShikh et al. 2023, arXiv 2307.03692), built from any dialogues.

An instruction I and its response R are joined, and the whole is cut in two at another place than between them. Cut
inside the instruction it gives a fragment Ip and what continues it, Ic. A classifier learns to tell what a model says
in answer, R, from what merely goes on, Ic or Ic and R; models are then asked instructions and fragments alike.

No code or data was published: where the paper is silent (where to cut, how to split, what is balanced) the choices are
ours. This is a reconstruction.
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
"""Share of the dialogues that each set is made of; a dialogue is in one of them only."""

FEWEST = 20
"""Dialogues at least."""


@dataclasses.dataclass(frozen=True)
class Cut:
    """A dialogue's first exchange, its instruction cut at the beginning of a blank.

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
    """The sets that are made of dialogues.

    Attributes:
      train: texts and labels that a classifier learns from, as many answers as continuations.
      validation: the same of other dialogues.
      instructions: prompts and their kinds, of dialogues that are in neither.
      skipped: dialogues that cannot be cut, or say the same as another.
    """

    train: Sequence[Mapping[str, str | int]]
    validation: Sequence[Mapping[str, str | int]]
    instructions: Sequence[Mapping[str, str]]
    skipped: int


def build(conversations: Iterable[Conversation], seed: int = 0) -> InstructionFollowingData:
    """The sets of dialogues, of which the first exchange counts; the same for the same seed.

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
    """The first instruction of a dialogue, its input or nothing, and the response."""
    if conversation.history:
        return conversation.history[0].strip(), '', conversation.history[1].strip()
    return conversation.instruction.strip(), conversation.input.strip(), conversation.response.strip()


def cut_of(instruction: str, context: str, response: str, random: np.random.Generator) -> Cut | None:
    """A dialogue cut at a blank between two words of its instruction, all alike; None where there is none.

    What an instruction is about, where a file keeps it apart, follows the instruction and is never cut itself.
    """
    places = [match.start() for match in re.finditer(r'(?<=\S)\s+(?=\S)', instruction)]
    if not places or not response:
        return None
    place = places[random.integers(len(places))]
    about = f'\n\n{context}' if context else ''
    return Cut(instruction[:place], instruction[place:] + about, response)


def responses(cuts: Iterable[Cut], random: np.random.Generator) -> list[dict[str, str | int]]:
    """Two texts of each dialogue: its response, and a continuation without or with it, either as often."""
    rows: list[dict[str, str | int]] = []
    for cut in cuts:
        continuation = cut.continuation_and_response if random.integers(2) else cut.continuation
        rows += [{'text': cut.response, 'label': ANSWER}, {'text': continuation, 'label': CONTINUATION}]
    return rows


def _asked(cut: Cut, partial: bool) -> dict[str, str]:
    return {'prompt': cut.fragment, 'kind': PARTIAL} if partial else {'prompt': cut.instruction, 'kind': FULL}
