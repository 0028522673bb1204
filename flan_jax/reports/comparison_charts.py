"""Charts of models set against each other: win rates head to head, and how often the own response is likelier."""

import dataclasses
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from flan_jax.reports.charts import COLOURS, ON_TOP, WIDTH, plt

CHANCE = 50.0
"""Per cent of comparisons of two that a model wins which knows nothing."""


@dataclasses.dataclass(frozen=True)
class Rate:
    """A share of comparisons, per cent.

    Attributes:
      name: its row; rates of one name stand in one.
      kind: what it is a share of, such as 'raw'; each kind has a colour.
      value: the share.
      low: where its 95 % interval begins.
      high: where it ends.
    """

    name: str
    kind: str
    value: float
    low: float
    high: float


def rates(found: Sequence[Rate], paper: Mapping[str, Sequence[float]], label: str, chance: str) -> Figure:
    """A row for each name, with a dot and its interval for each kind, the paper's values as stars, and chance.

    Args:
      found: the rates, kinds in the order of their colours.
      paper: name to the paper's values, one a base model.
      label: what the axis says.
      chance: what the line at `CHANCE` is called.
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
