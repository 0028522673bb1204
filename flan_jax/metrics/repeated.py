"""Metrics of several answers to one question: majority vote, best of n, pass@n.

Shape letters: Q questions, N answers to each.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np


def majority(answers: Sequence[str | None]) -> str | None:
    """The most frequent answer, of equally frequent ones the first; None, for no answer, is not counted.

    Self-consistency (Wang et al. 2022, arXiv 2203.11171); maj1@k of Yuan et al. 2023 (arXiv 2308.01825).
    """
    votes = Counter(answer for answer in answers if answer is not None)
    return max(votes, key=votes.__getitem__) if votes else None


def majority_at(answers: Sequence[str | None], n: int) -> list[str | None]:
    """The majority of each n consecutive answers; an incomplete group at the end is ignored."""
    starts = range(0, len(answers) - _checked(n, len(answers)) + 1, n)
    return [majority(answers[start : start + n]) for start in starts]


def pass_at(right_QxN: np.ndarray, n: int) -> np.ndarray:
    """pass@n: the probability that at least one of n answers is right, for each question, [Q].

    The unbiased estimator 1 - C(N - c, n) / C(N, n) for c right ones among N answers (Chen et al. 2021, arXiv
    2107.03374, section 2.1).

    Raises:
      ValueError: unless n is 1 to N.
    """
    right_QxN = np.asarray(right_QxN, float)
    return expected_best(right_QxN, right_QxN)[:, _checked(n, right_QxN.shape[1]) - 1]


def expected_best(scores_QxN: np.ndarray, rewards_QxN: np.ndarray) -> np.ndarray:
    """The expected reward of the answer with the best score of n, for each question and n = 1..N, [Q, N].

    Unbiased: the mean over all subsets of n of the N answers (as Nakano et al. 2021, arXiv 2112.09332). In the
    order of their scores, the i-th answer is the best of C(i - 1, n - 1) subsets of C(N, n). Answers with equal scores
    are chosen with equal probability.

    Args:
      scores_QxN: the scores by which the best answer is chosen.
      rewards_QxN: the rewards of the answers: the scores again, or those of another judge.
    """
    scores_QxN, rewards_QxN = np.asarray(scores_QxN, float), np.asarray(rewards_QxN, float)
    ordered_QxN = np.stack([_in_order(*pair) for pair in zip(scores_QxN, rewards_QxN)])
    return ordered_QxN @ _chosen(scores_QxN.shape[1])


def kl_of_best(n: int) -> float:
    """An upper bound of the KL divergence of best-of-n from plain sampling, in nats: log n - (n - 1) / n.

    Stiennon et al. 2020 (arXiv 2009.01325), appendix G.3.
    """
    return math.log(n) - (n - 1) / n


def _checked(n: int, most: int) -> int:
    if not 1 <= n <= most:
        raise ValueError(f'n={n}: must be from 1 to {most}, the number of answers')
    return n


def _in_order(scores_N: np.ndarray, rewards_N: np.ndarray) -> np.ndarray:
    """The rewards sorted by rising score; rewards of equal scores are replaced by their mean, [N]."""
    _, group_N, size = np.unique(scores_N, return_inverse=True, return_counts=True)
    means = np.bincount(group_N, weights=rewards_N) / size
    return np.repeat(means, size)


def _chosen(most: int) -> np.ndarray:
    """The probability that the i-th answer by rising score is the best of n, [i, n] of shape [N, N]."""
    log = math.lgamma

    def one(i: int, n: int) -> float:  # C(i - 1, n - 1) / C(most, n), by logarithms against overflow
        if n > i:
            return 0.0
        above = log(i) - log(n) - log(i - n + 1)
        return math.exp(above - log(most + 1) + log(n + 1) + log(most - n + 1))

    return np.array([[one(i, n) for n in range(1, most + 1)] for i in range(1, most + 1)])
