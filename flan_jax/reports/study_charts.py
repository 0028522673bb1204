"""The figures of studies, as people know them from the papers: lines along an axis, or groups of bars."""

import io
from collections.abc import Mapping
from typing import Any

from etils import epath

from flan_jax.files import whole_file, write_whole
from flan_jax.reports.charts import COLOURS, WIDTH, plt, svg_of

AVERAGE = 'Average'


def lines(content: Mapping[str, Any]):
    """Scores of each column by arm, their average in front, the base models' dashed, and the paper's average."""
    figure, axes = plt.subplots(figsize=(WIDTH, 4.0))
    places = {arm['name']: arm['x'] for arm in content['arms']}
    for column in content['columns']:
        front = column == AVERAGE
        style = {'lw': 2.5, 'color': COLOURS['tuned']} if front else {'lw': 1, 'alpha': 0.6}
        _line(axes, content['ours'], places, column, marker='o', ms=5 if front else 3, label=column, **style)
    _line(axes, content['base'], places, AVERAGE, ls='--', lw=1.5, color=COLOURS['base'], label='base, average')
    paper = {name: {AVERAGE: {'mean': of_arm.get(AVERAGE)}} for name, of_arm in content['paper'].items()}
    _line(axes, paper, _paper_places(content), AVERAGE, marker='*', ms=9, lw=1, color=COLOURS['paper'], label="paper's")
    axes.set_xticks(list(places.values()), _tick_labels(content))
    axes.set_xlabel(content['x_label'])
    axes.set_ylabel('score on what was held out')
    axes.set_ylim(0, 100)
    figure.legend(loc='outside right upper', frameon=False, fontsize=8)
    return figure


def bars(content: Mapping[str, Any]):
    """Scores of each column, a bar for each arm, with intervals where there are several seeds, and the paper's."""
    columns, arms = content['columns'], content['arms']
    figure, axes = plt.subplots(figsize=(WIDTH, 4.2))
    width = 0.8 / len(arms)
    for index, arm in enumerate(arms):
        places = [place + (index - (len(arms) - 1) / 2) * width for place in range(len(columns))]
        cells = [content['ours'].get(arm['name'], {}).get(column) for column in columns]
        heights = [cell['mean'] if cell else 0 for cell in cells]
        spans = [(cell['high'] - cell['mean']) if cell and cell['high'] is not None else 0 for cell in cells]
        axes.bar(places, heights, width * 0.9, yerr=spans, label=arm['name'], error_kw={'lw': 0.8})
        printed = [content['paper'].get(arm['name'], {}).get(column) for column in columns]
        known = [(place, value) for place, value in zip(places, printed) if value is not None]
        if known:
            axes.plot(*zip(*known), '*', ms=7, color=COLOURS['paper'], label="paper's" if index == 0 else None)
    axes.set_xticks(range(len(columns)), [column.replace(' ', '\n', 1) for column in columns], fontsize=8)
    axes.set_ylabel('score on what was held out')
    axes.set_ylim(0, 100)
    figure.legend(loc='outside upper center', ncols=2, frameon=False, fontsize=8)
    return figure


def write_figure(folder: epath.Path, name: str, figure) -> str:
    """Writes NAME.png and NAME.svg; returns what the latter holds. The figure is closed."""
    with whole_file(folder / f'{name}.png') as unfinished:
        unfinished.write_bytes(png_of(figure))
    svg = svg_of(figure)
    write_whole(folder / f'{name}.svg', svg)
    return svg


def png_of(figure) -> bytes:
    """The figure as a PNG file of 200 dots per inch."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=200)
    return buffer.getvalue()


def _line(axes, scores: Mapping[str, Any], places: Mapping[str, float], column: str, **style) -> None:
    cells = [(place, scores.get(name, {}).get(column)) for name, place in places.items()]
    known = [(place, cell) for place, cell in cells if cell and cell['mean'] is not None]
    if not known:
        return
    xs = [place for place, _ in known]
    axes.plot(xs, [cell['mean'] for _, cell in known], **style)
    if all(cell.get('low') is not None for _, cell in known):
        bounds = [[cell[bound] for _, cell in known] for bound in ('low', 'high')]
        axes.fill_between(xs, *bounds, alpha=0.15, lw=0, color=style.get('color', COLOURS['base']))


def _paper_places(content: Mapping[str, Any]) -> dict[str, float]:
    """Where the paper's values go: at the arm of the same name, or in the order in which it prints them."""
    places = {arm['name']: arm['x'] for arm in content['arms']}
    if set(places) & set(content['paper']):
        return places
    printed = [name for name in content['paper'] if not name.startswith('base')]
    last = max(places.values())
    return {name: last * index / max(1, len(printed) - 1) for index, name in enumerate(printed)}


def _tick_labels(content: Mapping[str, Any]) -> list[str]:
    """The arms' names, or the numbers that they begin with, where all do."""
    first = [arm['name'].split()[0] for arm in content['arms']]
    return first if all(word.isdigit() for word in first) else [arm['name'] for arm in content['arms']]
