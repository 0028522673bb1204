"""From the reward of an answer to the advantage of each of its tokens, in NumPy.

Shape letters: T tokens of one answer.
"""

from collections.abc import Sequence

import numpy as np


def token_rewards(
    reward: float, log_probs_T: np.ndarray, reference_log_probs_T: np.ndarray, kl_coefficient: float
) -> np.ndarray:
    """Rewards of the tokens: the KL penalty, plus the answer's reward at the last token (Ouyang et al. 2022), [T]."""
    rewards_T = -kl_coefficient * (np.asarray(log_probs_T, np.float64) - reference_log_probs_T)
    rewards_T[-1] += reward
    return rewards_T


def advantages(rewards_T: np.ndarray, values_T: np.ndarray, discount: float, trace: float) -> np.ndarray:
    """Generalised advantage estimation (Schulman et al. 2015, arXiv 1506.02438), [T].

    A_t = d_t + gamma lambda A_{t+1} with d_t = r_t + gamma V_{t+1} - V_t; A and V are 0 after the last token.
    """
    values_T = np.asarray(values_T, np.float64)
    following_T = np.append(values_T[1:], 0.0)
    errors_T = rewards_T + discount * following_T - values_T
    found_T, later = np.zeros_like(errors_T), 0.0
    for step in range(len(errors_T) - 1, -1, -1):
        later = errors_T[step] + discount * trace * later
        found_T[step] = later
    return found_T


def whitened(arrays: Sequence[np.ndarray], shift_mean: bool = True) -> list[np.ndarray]:
    """Arrays scaled to standard deviation 1 over all of them together.

    Args:
      arrays: the arrays.
      shift_mean: whether to subtract the mean; otherwise the mean is unchanged.
    """
    every = np.concatenate(arrays)
    mean, scale = every.mean(), every.std() + 1e-8
    return [(array - mean) / scale + (0.0 if shift_mean else mean) for array in arrays]
