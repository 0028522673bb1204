"""Charts of comparisons: head-to-head win rates, and how often the instruction's own response is likelier."""

import dataclasses
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from flan_jax.reports.charts import COLOURS, ON_TOP, WIDTH, plt

CHANCE = 50.0
"""Chance level of pairwise comparisons in per cent."""


@dataclasses.dataclass(frozen=True)
class Rate:
    """A share of comparisons in per cent.

    Attributes:
      name: name of its row, which rates may share.
      kind: the kind of rate, such as 'raw'; each kind has a colour.
      value: the share.
      low: lower end of its 95 % confidence interval.
      high: upper end of the interval.
    """

    name: str
    kind: str
    value: float
    low: float
    high: float


def rates(found: Sequence[Rate], paper: Mapping[str, Sequence[float]], label: str, chance: str) -> Figure:
    """A row for each name, with a dot and its interval for each kind, the paper's values as stars, and chance level.

    Args:
      found: the rates, with kinds in the order of their colours.
      paper: name to the paper's values, one for each base model.
      label: label of the axis.
      chance: label of the line at `CHANCE`.
    """
    names = list(dict.fromkeys(rate.name for rate in found))
    kinds = list(dict.fromkeys(rate.kind for rate in found))
    figure, axes = plt.subplots(figsize=(WIDTH, 1.2 + 0.45 * max(1, len(names))))
    axes.axvline(CHANCE, ls='--', lw=1.2, color=COLOURS['chance'], label=chance)
    for kind, colour in zip(kinds, (COLOURS['tuned'], COLOURS['base'])):
        of_kind = [rate for rate in found if rate.kind == kind]
        beside = (kinds.index(kind) - (len(kinds) - 1) / 2) * 0.3
        places = [names.index(rate.name) + beside for rate in of_kind]
        axes.hlines(places, [rate.low for rate in of_kind], [rate.high for rate in of_kind], lw=1.5, color=colour)
        axes.plot([rate.value for rate in of_kind], places, 'o', ms=5, color=colour, label=kind, **ON_TOP)
    printed = [(value, place) for place, name in enumerate(names) for value in paper.get(name, ())]
    if printed:
        axes.plot(*zip(*printed), '*', ms=9, color=COLOURS['paper'], label="paper's")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel(label)
    figure.legend(loc='outside upper center', ncols=4, frameon=False, fontsize=8)
    return figure
