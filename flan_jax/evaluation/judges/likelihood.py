"""A local language model as a judge: it names the better answer by one token, like AlpacaEval's weighted annotator.

Answers are called m and M. With p the likelihoods of these names, the second answer is better with probability
p(M) / (p(m) + p(M)). The judge sees every pair in both orders, and both results are recorded.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from flan_jax.evaluation.judges.answers import Pair
from flan_jax.evaluation.judges.pairwise import PairwiseJudge, Verdict, both_orders
from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.scoring import Scorer
from flan_jax.packing.example import Example

FIRST, SECOND = NAMES = ('m', 'M')

QUESTION = """Two models, m and M, have answered the same instruction. Say which answer is better.

Instruction:
{prompt}

Answer of model m:
{first}

Answer of model M:
{second}

Which of the two is the better answer, m or M?"""


@dataclasses.dataclass(frozen=True)
class LikelihoodJudge(PairwiseJudge):
    """Judges by the likelihoods of the two names.

    Attributes:
      model: the judge.
      batch_tokens: tokens in a batch.
      name: name of the judge in records.
      progress: called with the number of questions that were just answered.
      orders: number of orders in which it sees a pair, with a question for each.
    """

    model: LoadedModel
    batch_tokens: int
    name: str
    progress: Callable[[int], None] = lambda questions: None
    orders: ClassVar[int] = 2

    @property
    def recipe(self):
        return {'kind': 'likelihood', 'model': self.name, 'question': QUESTION, 'names': list(NAMES)}

    def verdicts(self, pairs: Sequence[Pair]) -> list[Verdict]:
        texts = [(pair.prompt, *answers) for pair in pairs for answers in both_orders(pair)]
        second_S = self._second_is_better([QUESTION.format(prompt=p, first=a, second=b) for p, a, b in texts])
        return [
            Verdict(pair, (float(there), float(1 - back)))
            for pair, there, back in zip(pairs, second_S[::2], second_S[1::2])
        ]

    def _second_is_better(self, questions: Sequence[str]) -> np.ndarray:
        """The probability that the second answer of each question is better, [S].

        Equal questions, as both orders of two equal answers are, get the very same, or rounding would decide.
        """
        encode = self.model.prompt_format.encode_prompt
        names = tuple(self._tokens(name) for name in NAMES)
        place = {text: index for index, text in enumerate(dict.fromkeys(questions))}
        examples = [Example(np.array(encode(self.model.vocabulary, text), np.int32), names) for text in place]
        scorer = Scorer(self.model, self.batch_tokens)
        found = scorer.score(examples, self.progress)
        self.progress(len(questions) - len(place))
        scores_Sx2 = np.array([[s.sum(dtype=np.float64) for s in of] for of in found])[[place[q] for q in questions]]
        return 1 / (1 + np.exp(scores_Sx2[:, 0] - scores_Sx2[:, 1]))

    def _tokens(self, name: str) -> np.ndarray:
        """The tokens of a name as a response, without EOS."""
        ids = self.model.prompt_format.encode_response(self.model.vocabulary, name)
        end = self.model.prompt_format.end_id(self.model.vocabulary)
        return np.array(ids[:-1] if ids[-1] == end and len(ids) > 1 else ids, np.int32)
