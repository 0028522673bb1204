"""The published tables of the Instruction Following Score (AlShikh et al. 2023, arXiv 2307.03692)."""

from collections.abc import Mapping

Scores = tuple[float, float, float]
"""IFS in total, for partial and for full instructions."""

TABLE_5: Mapping[str, Scores] = {
    'GPT-2': (0.68, 0.67, 0.70),
    'RedPajama-3B': (0.33, 0.17, 0.49),
    'LLaMA-7B': (0.34, 0.19, 0.50),
    'LLaMA-13B': (0.81, 0.79, 0.82),
    'LLaMA-33B': (0.74, 0.68, 0.81),
    'davinci': (0.29, 0.17, 0.42),
    'Palmyra-base': (0.32, 0.17, 0.48),
    'Palmyra-large': (0.32, 0.17, 0.47),
    'text-davinci-003': (0.62, 0.37, 0.88),
    'GPT-3.5-turbo': (0.90, 0.83, 0.97),
    'GPT-4': (0.88, 0.80, 0.97),
    'Palmyra-instruct': (0.61, 0.36, 0.86),
    'Palmyra-x': (0.68, 0.45, 0.91),
}
"""Models without a prompt format around the instruction; but see `MISPRINTED`."""

TABLE_6: Mapping[str, Mapping[str, Scores]] = {
    'LLaMA-7B': {'A': (0.74, 0.71, 0.77), 'B': (0.75, 0.73, 0.78), 'C': (0.34, 0.19, 0.50)},
    'LLaMA-13B': {'A': (0.81, 0.74, 0.88), 'B': (0.81, 0.79, 0.82), 'C': (0.31, 0.18, 0.43)},
    'LLaMA-33B': {'A': (0.87, 0.85, 0.89), 'B': (0.74, 0.68, 0.81), 'C': (0.33, 0.18, 0.47)},
}
"""Base models with Alpaca's prompt format (A), with its last heading only (B), and without either (C)."""

MISPRINTED = ('LLaMA-13B', 'LLaMA-33B')
"""Rows of table 5 that show table 6's values for prompt B instead of those for prompt C."""


def without_wrapper() -> dict[str, Scores]:
    """Table 5 with its misprinted rows corrected from table 6."""
    return {**TABLE_5, **{model: TABLE_6[model]['C'] for model in MISPRINTED}}
