"""Charts of a model's ratings of responses."""

from collections.abc import Mapping, Sequence

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from flan_jax.reports.charts import COLOURS, WIDTH


def rating_distribution(found: Mapping[str, Sequence[float]]) -> Figure:
    """The distributions of ratings of chosen and other responses; `found` has bin edges and shares per bin."""
    figure, axes = plt.subplots(figsize=(WIDTH, 2.6))
    for name, colour in (('others', COLOURS['paper']), ('chosen', COLOURS['tuned'])):
        percent = [100 * share for share in found[name]]
        axes.stairs(percent, found['edges'], fill=True, alpha=0.35, color=colour)
        axes.stairs(percent, found['edges'], lw=1.5, color=colour, label=name)
    axes.set_xlabel('rating of the model')
    axes.set_ylabel('responses, %')
    axes.legend(frameon=False)
    return figure


def reliability_diagram(bins: Sequence[Mapping[str, float]]) -> Figure:
    """Accuracy by confidence; the diagonal is perfect calibration, and a dot's area is the share of pairs."""
    figure, axes = plt.subplots(figsize=(WIDTH, 3.2))
    axes.plot([50, 100], [50, 100], '--', lw=1.2, color=COLOURS['chance'])
    confidence, accuracy = ([100 * found[name] for found in bins] for name in ('confidence', 'accuracy'))
    axes.plot(confidence, accuracy, lw=1.5, color=COLOURS['tuned'])
    areas = [20 + 400 * found['weight'] for found in bins]
    axes.scatter(confidence, accuracy, areas, color=COLOURS['tuned'], alpha=0.6)
    axes.set_xlim(49, 101)
    axes.set_ylim(-4, 104)
    axes.set_xlabel('confidence of the model, %')
    axes.set_ylabel('accuracy, %')
    return figure
