"""Charts for reward models as SVG: the distribution of rewards, and their calibration."""

from collections.abc import Mapping, Sequence

import numpy as np

from flan_jax.metrics.calibration import Calibration
from flan_jax.reports.charts import COLOURS, WIDTH, plt, svg_of

_BARS = 40


def reward_distributions(sets: Mapping[str, Sequence[float]]) -> str:
    """Histograms of rewards, one below the other for each set of answers, over the same range, with their means."""
    values = np.concatenate([np.asarray(rewards, float) for rewards in sets.values()])
    edges = np.histogram_bin_edges(values, _BARS)
    figure, rows = plt.subplots(len(sets), sharex=True, sharey=True, squeeze=False, figsize=(WIDTH, 0.6 + len(sets)))
    for axes, (name, rewards) in zip(rows[:, 0], sets.items()):
        axes.hist(rewards, bins=edges, color=COLOURS['tuned'], alpha=0.7)
        axes.axvline(float(np.mean(rewards)), lw=1.5, color=COLOURS['paper'])
        axes.set_title(f'{name}: mean {np.mean(rewards):.3f}', loc='left', fontsize=9)
        axes.set_yticks([])
    rows[-1, 0].set_xlabel('reward')
    return svg_of(figure)


def calibration_curve(found: Calibration) -> str:
    """Accuracy by confidence; the diagonal is perfect calibration."""
    figure, (above, below) = plt.subplots(
        2, sharex=True, figsize=(WIDTH * 0.7, 4.6), gridspec_kw={'height_ratios': [3, 1]}
    )
    confidence = [100 * one.confidence for one in found.bins]
    above.plot([50, 100], [50, 100], '--', lw=1.2, color=COLOURS['chance'])
    above.plot(confidence, [100 * one.right for one in found.bins], 'o-', color=COLOURS['tuned'])
    above.set_ylabel('accuracy, %')
    above.set_ylim(0, 102)
    below.bar(confidence, [one.pairs for one in found.bins], width=3, color=COLOURS['tuned'], alpha=0.7)
    below.set_ylabel('pairs')
    below.set_xlabel('confidence: sigmoid of the difference of rewards, %')
    return svg_of(figure)
