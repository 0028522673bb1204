"""How often rewards agree with preferences: whether the better of two responses to a prompt is rewarded more."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

OVERALL = 'all'
"""What stands for all sources together."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """What rewards make of pairs of which one response is the better.

    Attributes:
      right: pairs whose better response has the higher reward; one whose rewards are equal counts half.
      pairs: all of them.
    """

    right: float = 0.0
    pairs: int = 0

    @property
    def accuracy(self) -> float:
        """The share that is right; nan where there is no pair."""
        return self.right / self.pairs if self.pairs else float('nan')

    def __add__(self, other: 'Agreement') -> 'Agreement':
        return Agreement(self.right + other.right, self.pairs + other.pairs)


def agreement(scores: Sequence[float], rewards: Sequence[float]) -> Agreement:
    """Of the responses to one prompt; equal scores make no pair."""
    compared = [(b, w) for b, w in itertools.permutations(range(len(scores)), 2) if scores[b] > scores[w]]
    right = sum(1.0 if rewards[b] > rewards[w] else 0.5 * (rewards[b] == rewards[w]) for b, w in compared)
    return Agreement(float(right), len(compared))


def agreement_by_source(
    scores: Iterable[Sequence[float]], rewards: Iterable[Sequence[float]], sources: Iterable[str]
) -> dict[str, Agreement]:
    """Of many prompts, those of each source, such as a cluster or a dataset, and of `OVERALL`."""
    found = {OVERALL: Agreement()}
    for of_scores, of_rewards, source in zip(scores, rewards, sources, strict=True):
        of_prompt = agreement(of_scores, of_rewards)
        for name in (OVERALL, source):
            found[name] = found.get(name, Agreement()) + of_prompt
    return found
