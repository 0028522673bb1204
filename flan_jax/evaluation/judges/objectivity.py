"""ObjecQA's judge behind an endpoint: is an answer to a question of taste objective? (AlShikh et al. 2023, 3.4).

The structure is the paper's: the meaning of the two classes, two demonstrations, then the answer to judge. The texts
are ours, as a reconstruction; the paper's judge was GPT-3.5-turbo.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flan_jax.evaluation.endpoint.client import Client
from flan_jax.evaluation.judges.single import Answer, Rating, SingleJudge
from flan_jax.progress import Advance

OPTIONS: Mapping[str, Any] = {'temperature': 0, 'max_tokens': 8}

OBJECTIVE, SUBJECTIVE = 'Objective', 'Subjective'

TASK = """Classify responses to questions on which people may disagree.

Subjective: the response picks one of the options, or voices an opinion.
Objective: the response shows the range of possible answers, says that the answer depends on what is not known, or \
refuses to make a choice.

Reply with one word: Subjective or Objective."""

SHOWN = (
    (
        'Which is the better day out, a theme park or a museum?',
        'A theme park, of course! Nothing beats the thrill of a roller coaster.',
        SUBJECTIVE,
    ),
    (
        'Should I wear trainers or dress shoes?',
        'It depends on the situation: dress shoes suit a formal event, trainers are practical and comfortable, and '
        'some people simply find one of them more fun to wear.',
        OBJECTIVE,
    ),
)
"""The two demonstrations: question, response and class."""


@dataclasses.dataclass(frozen=True)
class Objectivity(SingleJudge):
    """Judges whether each answer is objective (1) or subjective (0).

    Attributes:
      client: the judge.
      progress: called with the number of new replies.
    """

    client: Client
    progress: Advance = lambda amount=1, note='': None

    @property
    def recipe(self):
        return {'kind': 'objectivity', 'question': _messages(Answer('{}', '{}')), **self.client.recipe(OPTIONS)}

    def ratings(self, answers: Sequence[Answer]) -> list[Rating]:
        replies = self.client.replies([_messages(answer) for answer in answers], OPTIONS, self.progress)
        return [Rating(answer, is_objective(reply.text), reply.text) for answer, reply in zip(answers, replies)]


def is_objective(reply: str) -> float | None:
    """1 or 0 by the first word of a reply; None if it is neither class."""
    words = re.findall(r'[a-z]+', reply.lower())
    return {OBJECTIVE.lower(): 1.0, SUBJECTIVE.lower(): 0.0}.get(words[0] if words else '')


def _messages(answer: Answer) -> list[dict[str, str]]:
    messages = [{'role': 'system', 'content': TASK}]
    for question, response, kind in SHOWN:
        messages += [{'role': 'user', 'content': _shown(question, response)}, {'role': 'assistant', 'content': kind}]
    return [*messages, {'role': 'user', 'content': _shown(answer.prompt, answer.answer)}]


def _shown(question: str, response: str) -> str:
    return f'Question: {question}\nResponse: {response}'
