"""Scores that rank options by their log-likelihood; records contain all of them."""

import numpy as np

WITH_EOS = ('sum', 'mean', 'byte', 'unconditional')
WITHOUT_EOS = tuple(f'{score}_without_eos' for score in WITH_EOS)
SCORES = WITH_EOS + WITHOUT_EOS
"""Log-likelihood in nats: the sum over tokens (FLAN), per token, per UTF-8 byte, and the sum minus the option's
log-likelihood without the prompt (Brown et al. 2020, section 2.4); each with and without the option's EOS.
"""


def option_scores(text: str, after_prompt: np.ndarray, alone: np.ndarray, num_eos: int = 1) -> dict[str, float]:
    """All scores of an option.

    Args:
      text: the option.
      after_prompt: log-likelihood of each of its tokens after the prompt, in nats, [T].
      alone: the same after an empty prompt, [T].
      num_eos: number of EOS tokens at the end; 0 if the prompt format does not end options with EOS.
    """
    num_bytes = len(text.encode())
    length = len(after_prompt) - num_eos
    with_eos = _four_scores(num_bytes, after_prompt, alone)
    return dict(zip(SCORES, (*with_eos, *_four_scores(num_bytes, after_prompt[:length], alone[:length]))))


def _four_scores(num_bytes: int, after_prompt: np.ndarray, alone: np.ndarray) -> tuple[float, ...]:
    total = float(after_prompt.sum(dtype=np.float64))
    unconditional = total - float(alone.sum(dtype=np.float64))
    return total, total / max(1, len(after_prompt)), total / max(1, num_bytes), unconditional  # an option may be empty
