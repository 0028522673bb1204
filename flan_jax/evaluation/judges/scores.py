"""Scores from 1 to 10 by a model behind an endpoint, as in Vicuna's evaluation and GPT-4-LLM.

The structure is theirs (FastChat, April 2023; Peng et al. 2023, section 4.2): a question, the answers between markers,
then the task, with a variant for each kind of question. The first line of the review has the scores. The wording is
ours. Two answers are judged in both orders, unlike in Vicuna's evaluation.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from flan_jax.errors import UserError
from flan_jax.evaluation.endpoint.client import Client
from flan_jax.evaluation.judges.answers import Pair
from flan_jax.evaluation.judges.pairwise import PairwiseJudge, Verdict, both_orders
from flan_jax.evaluation.judges.single import Answer, Rating, SingleJudge
from flan_jax.metrics import bootstrap
from flan_jax.metrics.relative_score import parse_score, parse_scores, relative_score
from flan_jax.progress import Advance

Kind = Literal['general', 'coding', 'math']

OPTIONS: Mapping[str, Any] = {'temperature': 0.2, 'max_tokens': 1024}
"""Vicuna's reviewer."""

LOWEST, HIGHEST = 0, 10
"""Accepted scores; judges were asked for 1 to 10, but also gave 0."""

SYSTEM = 'You check the quality of answers, with care and precision.'

_QUESTION = '[Question]\n{question}\n\n'
_ANSWER = "[The Start of {who}'s Answer]\n{answer}\n\n[The End of {who}'s Answer]\n\n"
_WANTED: Mapping[Kind, str] = {
    'general': 'Rate how helpful, relevant, accurate and detailed {what}.',
    'coding': (
        'Rate the code in {of}: whether it does what was asked, how efficient it is, how readable and well commented, '
        'and whether it keeps to good practice and handles errors.'
    ),
    'math': (
        'First solve the problem yourself, without looking at {of}. Then go through {of} step by step, and rate how '
        'right and how clear the solution is.'
    ),
}
_PAIR_LINE = (
    'Give each assistant a score from 1 to 10; higher is better. Write the two scores on the first line, that of '
    'Assistant 1 before that of Assistant 2, parted by a space, and nothing else there. Then explain them, without '
    'bias, and without letting the order of the answers matter.'
)
_SINGLE_LINE = (
    'Give a score from 1 to 10; higher is better. Write the score on the first line, and nothing else there. Then '
    'explain it.'
)


@dataclasses.dataclass(frozen=True)
class ScoringPairs(PairwiseJudge):
    """Scores two answers in one review, in both orders; the higher score wins, equal scores are a tie.

    The evidence has the `scores` of each order, A's before B's, or null, and the `reviews`.

    Attributes:
      client: the judge.
      kind: the kind of questions.
      progress: called with the number of new reviews.
    """

    client: Client
    kind: Kind = 'general'
    progress: Advance = lambda amount=1, note='': None

    @property
    def recipe(self):
        return {'kind': 'scores', 'question': _text('{}', ['{}', '{}'], self.kind), **self.client.recipe(OPTIONS)}

    def verdicts(self, pairs: Sequence[Pair]) -> list[Verdict]:
        texts = [_text(pair.prompt, answers, self.kind) for pair in pairs for answers in both_orders(pair)]
        replies = [reply.text for reply in self.client.replies(_asked(texts), OPTIONS, self.progress)]
        return [_verdict(*of) for of in zip(pairs, replies[::2], replies[1::2])]


@dataclasses.dataclass(frozen=True)
class Scoring(SingleJudge):
    """Scores answers one by one, as in GPT-4-LLM's comparison data.

    Attributes:
      client: the judge.
      kind: the kind of questions.
      progress: called with the number of new reviews.
    """

    client: Client
    kind: Kind = 'general'
    progress: Advance = lambda amount=1, note='': None

    @property
    def recipe(self):
        return {'kind': 'score', 'question': _text('{}', ['{}'], self.kind), **self.client.recipe(OPTIONS)}

    def ratings(self, answers: Sequence[Answer]) -> list[Rating]:
        texts = [_text(answer.prompt, [answer.answer], self.kind) for answer in answers]
        replies = [reply.text for reply in self.client.replies(_asked(texts), OPTIONS, self.progress)]
        scores = [parse_score(text) for text in replies]
        read = [score if score is not None and LOWEST <= score <= HIGHEST else None for score in scores]
        return [Rating(*of) for of in zip(answers, read, replies)]


@dataclasses.dataclass(frozen=True)
class RelativeScore:
    """The relative score of B against A.

    Attributes:
      a: total score of A.
      b: total score of B.
      interval: 95 % confidence interval of `per_cent`, by resampling questions.
      unread: number of reviews without two scores, which are ignored.
    """

    a: float
    b: float
    interval: tuple[float, float]
    unread: int

    @property
    def per_cent(self) -> float:
        """B's total in per cent of A's."""
        return relative_score(self.b, self.a)


def relative_scores(verdicts: Sequence[Verdict]) -> dict[str, RelativeScore]:
    """The relative scores of B by order, 'A first' and 'B first', and for 'both'.

    Raises:
      UserError: for verdicts of another judge, or if A's total is 0.
    """
    if not all('scores' in verdict.evidence for verdict in verdicts):
        raise UserError('these verdicts have no scores; judge with --scores')
    by_order = list(zip(*(verdict.evidence['scores'] for verdict in verdicts)))
    seen = {'A first': by_order[:1], 'B first': by_order[1:], 'both': by_order}
    return {name: _relative(orders) for name, orders in seen.items()}


def _relative(orders: Sequence[Sequence[tuple[float, float] | None]]) -> RelativeScore:
    """The relative score over orders, [O][E]."""
    by_question = [[score for score in of if score is not None] for of in zip(*orders)]
    points_Ex2 = np.array([np.sum(scores, axis=0) for scores in by_question if scores])
    if not len(points_Ex2) or not points_Ex2[:, 0].any():
        raise UserError('the scores of A add up to 0, or no review has two scores, so there is no relative score')
    sums_Sx2 = bootstrap.times_sampled(len(points_Ex2)) @ points_Ex2
    sums_Sx2 = sums_Sx2[sums_Sx2[:, 0] > 0]  # with few questions, A's total may be 0 in a resample
    interval = bootstrap.percentiles(100 * sums_Sx2[:, 1] / sums_Sx2[:, 0])
    a, b = map(float, points_Ex2.sum(axis=0))
    return RelativeScore(a, b, interval, sum(score is None for order in orders for score in order))


def _text(question: str, answers: Sequence[str], kind: Kind) -> str:
    """The prompt of the judge for one or two answers."""
    is_pair = len(answers) > 1
    names = ('Assistant 1', 'Assistant 2') if is_pair else ('the Assistant',)
    wanted = _WANTED[kind].format(
        what='each of the two answers is' if is_pair else 'the answer is',
        of='the two answers' if is_pair else 'the answer',
    )
    parts = [_ANSWER.format(who=who, answer=answer) for who, answer in zip(names, answers, strict=True)]
    line = _PAIR_LINE if is_pair else _SINGLE_LINE
    return f'{_QUESTION.format(question=question)}{"".join(parts)}[System]\n{wanted}\n{line}'


def _asked(texts: Sequence[str]) -> list[list[dict[str, str]]]:
    return [[{'role': 'system', 'content': SYSTEM}, {'role': 'user', 'content': text}] for text in texts]


def _verdict(pair: Pair, there: str, back: str) -> Verdict:
    seen = [_read(there), _read(back)]
    scores = [seen[0], seen[1] and seen[1][::-1]]
    orders = tuple(0.5 if a == b else float(b > a) for a, b in filter(None, scores))
    return Verdict(pair, orders, {'scores': scores, 'reviews': [there, back]})


def _read(review: str) -> tuple[float, float] | None:
    found = parse_scores(review)
    return found if found and all(LOWEST <= score <= HIGHEST for score in found) else None
