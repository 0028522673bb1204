"""The figures of studies that are computed from files."""

import math
from collections.abc import Mapping, Sequence

from flan_jax.metrics.verb_nouns import MORE_THAN, Counts, commonest
from flan_jax.reports.charts import COLOURS, WIDTH, plt, say_missing

Cells = Mapping[str, Mapping[str, float | None]]
"""Row to column to value."""

FEWEST = 20
"""Smallest number of pairs in a sunburst."""


def bars(ours: Cells, paper: Cells, columns: Sequence[str]):
    """A bar chart of some columns of a table, with a bar for each row and the paper's values as stars."""
    names, width = list(ours), 0.8 / len(columns)
    figure, axes = plt.subplots(figsize=(WIDTH, 1.2 + 0.32 * len(names) * max(1, len(columns) / 2)))
    for index, column in enumerate(columns):
        colour = COLOURS['tuned'] if len(columns) == 1 else f'C{index}'
        places = [place + (index - (len(columns) - 1) / 2) * width for place in range(len(names))]
        values = [ours[name].get(column) for name in names]
        lengths = [math.nan if value is None else value for value in values]
        axes.barh(places, lengths, width, color=colour, label=column)
        say_missing(axes, [place for place, value in zip(places, values) if value is None], along='x')
        printed = [(paper.get(name, {}).get(column), place) for place, name in zip(places, names)]
        if known := [pair for pair in printed if pair[0] is not None]:
            axes.plot(*zip(*known), '*', ms=8, color=COLOURS['paper'], label="paper's" if index == 0 else None)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(columns[0] if len(columns) == 1 else '')
    if len(columns) > 1 or any(of.get(columns[0]) is not None for of in paper.values()):
        figure.legend(loc='outside lower right', ncols=4, frameon=False, fontsize=8)
    return figure


def sunburst(counts: Counts, name: str):
    """The commonest verbs as an inner ring and their nouns as an outer ring, with angles proportional to frequency.

    If too few pairs have the paper's minimal frequency, as in small files, all pairs are shown, and the title says so.
    """
    of_verbs, title = commonest(counts), f'pairs of verb and noun that occur more than {MORE_THAN} times'
    if sum(map(len, of_verbs.values())) < FEWEST:
        of_verbs, title = commonest(counts, 0), f'pairs of verb and noun; few occur more than {MORE_THAN} times'
    figure, axes = plt.subplots(figsize=(WIDTH, WIDTH))
    axes.set_axis_off()
    axes.set_title(f'{name}: {title}')
    if not of_verbs:
        return figure
    verbs = {verb: sum(nouns.values()) for verb, nouns in of_verbs.items()}
    nouns = [(noun, count, index) for index, of in enumerate(of_verbs.values()) for noun, count in of.items()]
    colours = [plt.get_cmap('tab20')(index % 20) for index in range(len(verbs))]
    _ring(axes, 0.6, [(verb, count, colours[index]) for index, (verb, count) in enumerate(verbs.items())])
    _ring(axes, 1.0, [(noun, count, (*colours[index][:3], 0.55)) for noun, count, index in nouns])
    axes.set_aspect('equal')
    return figure


def _ring(axes, radius: float, parts: Sequence[tuple[str, int, tuple]]) -> None:
    """A ring of wedges with radial labels."""
    names, counts, colours = zip(*parts)
    edges = {'width': 0.4, 'edgecolor': 'white'}
    wedges, _ = axes.pie(counts, radius=radius, colors=colours, wedgeprops=edges, startangle=90, counterclock=False)
    for name, wedge in zip(names, wedges):
        angle = (wedge.theta1 + wedge.theta2) / 2
        if wedge.theta2 - wedge.theta1 < 3:
            continue  # too narrow for a word
        x, y = (f(math.radians(angle)) * (radius - 0.2) for f in (math.cos, math.sin))
        turned = (angle + 90) % 180 - 90
        axes.text(x, y, name, rotation=turned, rotation_mode='anchor', ha='center', va='center', fontsize=7)


def pair_bars(pairs: Sequence[tuple[str, str]], counts: Mapping[str, Counts]):
    """A bar chart of the frequency of each pair of verb and noun, with a bar for each file."""
    figure, axes = plt.subplots(figsize=(WIDTH, 1.2 + 0.28 * len(pairs)))
    width = 0.8 / len(counts)
    for index, (name, of_file) in enumerate(counts.items()):
        places = [place + (index - (len(counts) - 1) / 2) * width for place in range(len(pairs))]
        axes.barh(places, [of_file.get(pair, 0) for pair in pairs], width, label=name)
    axes.set_yticks(range(len(pairs)), [' '.join(pair) for pair in pairs], fontsize=8)
    axes.set_ylim(len(pairs) - 0.5, -0.5)
    axes.set_xlabel('outputs')
    figure.legend(loc='outside lower right', ncols=4, frameon=False, fontsize=8)
    return figure


def histogram(values: Mapping[str, Sequence[float]], edges: Sequence[float], label: str):
    """A histogram of each file's values on a logarithmic scale; values beyond the edges are in the outermost bins."""
    figure, axes = plt.subplots(figsize=(WIDTH, 3.4))
    for name, of_file in values.items():
        inside = [min(max(value, edges[0]), edges[-1]) for value in of_file]
        axes.hist(inside, bins=edges, histtype='step', lw=1.5, label=name)
    axes.set_yscale('log')
    axes.set_xlabel(label)
    axes.set_ylabel('outputs')
    figure.legend(loc='outside upper center', ncols=4, frameon=False, fontsize=8)
    return figure


def points(found: Mapping[str, tuple[Sequence[float], Sequence[float]]], x_label: str, y_label: str):
    """Points (x, y) of every file in a colour of its own."""
    figure, axes = plt.subplots(figsize=(WIDTH, 4.2))
    axes.axhline(0, ls='--', lw=1, color=COLOURS['chance'])
    for name, (xs, ys) in found.items():
        axes.plot(xs, ys, '.', ms=4, alpha=0.5, label=name, rasterized=True)  # thousands of points as one bitmap
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label, fontsize=8)
    figure.legend(loc='outside upper center', ncols=3, frameon=False, fontsize=8)
    return figure
