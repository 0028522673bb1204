"""A model behind an endpoint as a judge: it names the better of two answers, like AlpacaEval's annotator.

The question is that of `likelihood.py`, asked in both orders. If the server returns the most likely first tokens
(options `{"logprobs": true, "top_logprobs": 5}`), the probabilities of the two names are used, as in AlpacaEval 2;
otherwise the name in the reply.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from flan_jax.evaluation.endpoint.client import Client
from flan_jax.evaluation.endpoint.replies import Reply
from flan_jax.evaluation.judges.answers import Pair
from flan_jax.evaluation.judges.likelihood import FIRST, NAMES, QUESTION, SECOND
from flan_jax.evaluation.judges.pairwise import PairwiseJudge, Verdict, both_orders
from flan_jax.progress import Advance

SYSTEM = 'You compare answers to instructions, and reply with the name of the better one: m or M, and nothing else.'

OPTIONS: Mapping[str, Any] = {'temperature': 0, 'max_tokens': 4}
"""Maximal tokens of a reply; AlpacaEval's single token is too short for tokenizers that add a token before a name."""


@dataclasses.dataclass(frozen=True)
class RankingJudge(PairwiseJudge):
    """Judges by the name in the reply of a model behind an endpoint.

    Attributes:
      client: the judge.
      progress: called with the number of new replies.
    """

    client: Client
    progress: Advance = lambda amount=1, note='': None

    @property
    def recipe(self):
        return {'kind': 'ranking', 'system': SYSTEM, 'question': QUESTION, **self.client.recipe(OPTIONS)}

    def verdicts(self, pairs: Sequence[Pair]) -> list[Verdict]:
        texts = [QUESTION.format(prompt=p.prompt, first=a, second=b) for p in pairs for a, b in both_orders(p)]
        questions = [[{'role': 'system', 'content': SYSTEM}, {'role': 'user', 'content': text}] for text in texts]
        replies = self.client.replies(questions, OPTIONS, self.progress)
        return [_verdict(*of) for of in zip(pairs, replies[::2], replies[1::2])]


def _verdict(pair: Pair, there: Reply, back: Reply) -> Verdict:
    b_first = second_is_better(back)
    orders = (second_is_better(there), None if b_first is None else 1 - b_first)
    evidence = {'replies': [there.text, back.text]}
    return Verdict(pair, tuple(order for order in orders if order is not None), evidence)


def second_is_better(reply: Reply) -> float | None:
    """The probability that the second answer is better; None if the reply names neither."""
    masses = [math.exp(reply.first_tokens.get(name, -math.inf)) for name in NAMES]
    if sum(masses) > 0:
        return masses[1] / sum(masses)
    said = reply.text.strip().strip('"\'`*.()[] ').removeprefix('model ')
    return {FIRST: 0.0, SECOND: 1.0}.get(said)
