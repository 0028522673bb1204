"""The figures of studies in the style of the papers: lines along an axis, or groups of bars."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from flan_jax.files import whole_file, write_whole
from flan_jax.reports.charts import COLOURS, WIDTH, bounds, plt, say_missing, svg_of

AVERAGE = 'Average'

BASE = 'base'
"""Prefix of the names of the paper's base models, followed by an arm's name if each arm has its own."""


def lines(content: Mapping[str, Any]):
    """Scores of each column by arm, with their average in front, the base models' dashed, and the paper's averages.

    Confidence intervals are drawn for averages only; those of columns are in the table.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 4.0))
    places = {arm['name']: arm['x'] for arm in content['arms']}
    for column in content['columns']:
        front = column == AVERAGE
        style = {'lw': 2.5, 'color': COLOURS['tuned']} if front else {'lw': 1, 'alpha': 0.6}
        _line(axes, content['ours'], places, column, marker='o', ms=5 if front else 3, label=column, **style)
    _line(axes, content['base'], places, AVERAGE, ls='--', lw=1.5, color=COLOURS['base'], label='base, average')
    _paper_lines(axes, content)
    axes.set_xticks(list(places.values()), _tick_labels(content))
    axes.set_xlabel(content['x_label'])
    axes.set_ylabel(content['y_label'])
    axes.set_ylim(bounds(axes, 'y'))
    figure.legend(loc='outside right upper', frameon=False, fontsize=8)
    return figure


def bars(content: Mapping[str, Any]):
    """Scores of each column with a bar for each arm, confidence intervals over seeds, and the paper's scores."""
    columns, arms = content['columns'], content['arms']
    figure, axes = plt.subplots(figsize=(WIDTH, 4.2))
    width, labelled = 0.8 / len(arms), False
    for index, arm in enumerate(arms):
        places = [place + (index - (len(arms) - 1) / 2) * width for place in range(len(columns))]
        cells = [content['ours'].get(arm['name'], {}).get(column) for column in columns]
        heights = [cell['mean'] if cell else math.nan for cell in cells]
        spans = [(cell['high'] - cell['mean']) if cell and cell['high'] is not None else 0 for cell in cells]
        axes.bar(places, heights, width * 0.9, yerr=spans, label=arm['name'], error_kw={'lw': 0.8})
        say_missing(axes, [place for place, cell in zip(places, cells) if not cell])
        printed = [content['paper'].get(arm['name'], {}).get(column) for column in columns]
        known = [(place, value) for place, value in zip(places, printed) if value is not None]
        if known:
            axes.plot(
                *zip(*known),
                '*',
                ms=10,
                mec='white',
                mew=0.6,
                color=COLOURS['paper'],
                label=None if labelled else "paper's",
            )
            labelled = True
    labels = [column.replace(' ', '\n', 1) for column in columns]
    crowded = len(columns) * max(len(line) for label in labels for line in label.split('\n')) > 80
    axes.set_xticks(range(len(columns)), labels, fontsize=6.5 if crowded else 8)
    axes.set_ylabel(content['y_label'])
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(min(0, axes.get_ylim()[0]), 100)  # a correlation may be negative
    figure.legend(loc='outside upper center', ncols=2, frameon=False, fontsize=8)
    return figure


def write_figure(folder: epath.Path, name: str, figure) -> str:
    """Writes NAME.png and NAME.svg, and closes the figure; returns the SVG."""
    with whole_file(folder / f'{name}.png') as unfinished:
        unfinished.write_bytes(png_of(figure))
    svg = svg_of(figure)
    write_whole(folder / f'{name}.svg', svg)
    return svg


def png_of(figure) -> bytes:
    """The figure as a PNG image with 200 dots per inch."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=200)
    return buffer.getvalue()


def _line(axes, scores: Mapping[str, Any], places: Mapping[str, float], column: str, **style) -> None:
    cells = [(place, scores.get(name, {}).get(column)) for name, place in places.items()]
    known = [(place, cell) for place, cell in cells if cell]
    if not known:
        return
    xs = [place for place, _ in known]
    axes.plot(xs, [cell['mean'] for _, cell in known], clip_on=False, **style)
    if column == AVERAGE and all(cell.get('low') is not None for _, cell in known):
        band = [[cell[end] for _, cell in known] for end in ('low', 'high')]
        axes.fill_between(xs, *band, alpha=0.15, lw=0, color=style['color'])


def _paper_lines(axes, content: Mapping[str, Any]) -> None:
    """Draws the paper's averages, and those of its base models dashed; labels its arms if they differ from ours."""
    printed = {name: of_arm[AVERAGE] for name, of_arm in content['paper'].items() if AVERAGE in of_arm}
    ours = {arm['name']: arm['x'] for arm in content['arms']}
    of_paper = [name for name in printed if not name.startswith(BASE)]
    places = ours if set(ours) & set(printed) else _spread(of_paper, max(ours.values()))
    tuned = {place: printed[name] for name, place in places.items() if name in printed}
    base = {place: printed.get(f'{BASE}, {name}', printed.get(BASE)) for name, place in places.items()}
    style = {'marker': '*', 'lw': 1, 'color': COLOURS['paper']}
    if tuned:
        axes.plot(*zip(*tuned.items()), ms=9, label="paper's", **style)
    if known := {place: value for place, value in base.items() if value is not None}:
        axes.plot(*zip(*known.items()), ms=5, ls='--', mfc='white', label="paper's base", **style)
    for name, place in places.items() if places is not ours else ():
        above = (place, max(printed[name], base[place] or 0))
        axes.annotate(name, above, (0, 6), textcoords='offset points', ha='center', fontsize=7, color=COLOURS['paper'])


def _spread(names: Sequence[str], last: float) -> dict[str, float]:
    """Evenly spaced coordinates up to `last` for the paper's arms, in the paper's order."""
    return {name: last * index / max(1, len(names) - 1) for index, name in enumerate(names)}


def _tick_labels(content: Mapping[str, Any]) -> list[str]:
    """The arms' names, or the leading numbers of the names if all have one."""
    first = [arm['name'].split()[0] for arm in content['arms']]
    return first if all(word.isdigit() for word in first) else [arm['name'] for arm in content['arms']]
