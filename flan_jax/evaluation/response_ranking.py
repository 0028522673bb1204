"""Response ranking: is the response of an instruction more likely than responses of other instructions?

Hewitt et al. 2024, section 4.4: for independent pairs of instruction and response, the capability holds if p(response |
instruction) > p(other response | instruction). Drawing, scoring and counting follow the authors' code. An instruction
with all of its responses is one tree, so that it is computed once.

Scores: 'mean' is the log-likelihood per token, EOS included, by which the authors' code ranks; 'sum' is the
log-likelihood, as in their equation 3.
"""

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np

from flan_jax.errors import UserError
from flan_jax.metrics import bootstrap
from flan_jax.packing.example import Example

EXAMPLES, OTHERS, SEED, MAX_LENGTH = 1000, 5, 0, 1024
"""Number of instructions, responses drawn for each, seed of the draw, maximal tokens of instruction and response."""

Score = Literal['mean', 'sum']
Record = Mapping[str, Any]


class Scores(Protocol):
    """Scores trees, as `flan_jax.inference.scoring.Scorer`."""

    def score(self, examples: Sequence[Example], progress: Callable[[int], None]) -> list[list[np.ndarray]]:
        """The log-probability of every token of every response."""


def drawn(count: int, others: int = OTHERS, seed: int = SEED) -> list[list[int]]:
    """Responses drawn for each instruction, uniformly with replacement, possibly its own (see `share`)."""
    draw = random.Random(seed)
    return [[draw.randint(0, count - 1) for _ in range(others)] for _ in range(count)]


def rank(
    scores: Scores,
    prompts: Sequence[np.ndarray],
    responses: Sequence[np.ndarray],
    *,
    others: int = OTHERS,
    seed: int = SEED,
    max_length: int = MAX_LENGTH,
    progress: Callable[[int], None] = lambda examples: None,
) -> list[dict[str, Any]]:
    """A record for each instruction: the drawn responses, and the log-likelihoods of its own and of the drawn ones.

    Args:
      scores: the model.
      prompts: tokens of the instructions.
      responses: tokens of their responses, EOS included.
      others: number of responses to draw for each instruction.
      seed: seed of the draw.
      max_length: maximal tokens of an instruction with a response; longer responses lose their end.
      progress: called with the number of instructions that were just scored.

    Raises:
      UserError: if an instruction is so long that no response fits.
    """
    of_each = [[index, *them] for index, them in enumerate(drawn(len(prompts), others, seed))]
    branches = [_cut(p, [responses[i] for i in them], max_length) for p, them in zip(prompts, of_each)]
    trees = [Example(p, tuple({r.tobytes(): r for r in cut}.values())) for p, cut in zip(prompts, branches)]
    records = []
    for index, (tree, found) in enumerate(zip(trees, scores.score(trees, progress))):
        sums = {response.tobytes(): float(np.sum(s)) for response, s in zip(tree.responses, found)}
        records.append(
            {
                'example': index,
                'drawn': of_each[index][1:],
                'log_likelihoods': [sums[response.tobytes()] for response in branches[index]],
                'tokens': [len(response) for response in branches[index]],
            }
        )
    return records


def _cut(prompt: np.ndarray, responses: Sequence[np.ndarray], max_length: int) -> list[np.ndarray]:
    room = max_length - len(prompt)
    if room < 1:
        raise UserError(f'an instruction of {len(prompt)} tokens leaves no room for a response within {max_length}')
    return [response[:room] for response in responses]


@dataclasses.dataclass(frozen=True)
class Share:
    """How often the capability holds.

    Attributes:
      per_cent: share of the comparisons.
      interval: 95 % confidence interval, by resampling instructions.
      comparisons: number of pairs of an instruction and a drawn response that is not its own.
      ties: number of comparisons with equal scores, such as of equal texts; the capability does not hold there.
    """

    per_cent: float
    interval: tuple[float, float]
    comparisons: int
    ties: int


def share(records: Sequence[Record], score: Score = 'mean') -> Share:
    """How often the capability holds by a model's records."""
    holds_E, of_E, ties = _counts(records, score)
    resampled_S = _resampled(holds_E, of_E)
    return Share(100 * holds_E.sum() / of_E.sum(), bootstrap.percentiles(resampled_S), int(of_E.sum()), ties)


def difference(
    records: Sequence[Record], others: Sequence[Record], score: Score = 'mean'
) -> tuple[float, float, float]:
    """The difference of the second model's share and the first's, in points, with a 95 % interval by paired resamples.

    Raises:
      ValueError: if the records have different draws.
    """
    if [r['drawn'] for r in records] != [r['drawn'] for r in others]:
        raise ValueError('the records are of different random samples')
    (first, of, _), (second, _, _) = _counts(records, score), _counts(others, score)
    low, high = bootstrap.percentiles(_resampled(second, of) - _resampled(first, of))
    return 100 * float(second.sum() - first.sum()) / of.sum(), low, high


def _counts(records: Sequence[Record], score: Score) -> tuple[np.ndarray, np.ndarray, int]:
    """By instruction, how often it holds and the number of comparisons, both [E]; and the number of all ties."""
    holds, of, ties = [], [], 0
    for record in records:
        own, *scores = _scores(record, score)
        others = [value for value, index in zip(scores, record['drawn']) if index != record['example']]
        holds.append(sum(own > other for other in others))
        of.append(len(others))
        ties += sum(own == other for other in others)
    if not sum(of):
        raise UserError("no comparison: every sampled response is the instruction's own")
    return np.array(holds), np.array(of), ties


def _scores(record: Record, score: Score) -> list[float]:
    pairs = zip(record['log_likelihoods'], record['tokens'])
    return [total / (tokens if score == 'mean' else 1) for total, tokens in pairs]


def _resampled(holds_E: np.ndarray, of_E: np.ndarray) -> np.ndarray:
    """The share in every resample, in per cent, [S]."""
    times_SxE = bootstrap.times_sampled(len(of_E))
    return 100 * (times_SxE @ holds_E) / (times_SxE @ of_E)
