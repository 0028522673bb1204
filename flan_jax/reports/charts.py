"""The report's pictures: figures, which `svg_of` makes SVG of that stands inside the page."""

import base64
import html
import io
import itertools
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import matplotlib

matplotlib.use('svg')

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from flan_jax.evaluation.instruction_following.settings import EXAMPLES_SEEN, IFS, RULE_MET

WIDTH = 6.4
"""Inches; narrow, so that labels stay readable when the page is shown on a phone."""

PREFERRED = 'accuracy'
"""Name of the metric that objectives have which rank responses: the share of pairs that are ranked right."""

_ANSWERING = {
    IFS: ('IFS', 'tuned', '-'), 'ifs_partial': ('IFS, fragments', 'tuned', ':'),
    'ifs_full': ('IFS, whole instructions', 'tuned', '--'), 'objecqa': ('ObjecQA', 'paper', '-'),
}  # fmt: skip

COLOURS = {'base': '#9a9a9a', 'tuned': '#1b6ca8', 'paper': '#c7662b', 'chance': '#b0b0b0'}

_ABOVE = {'base': -0.26, 'tuned': -0.06}
"""Where models stand beside a dataset's name, in rows: apart, since at chance both often score the same."""

ON_TOP: dict[str, Any] = {'clip_on': False, 'zorder': 3}
"""How points without a line are drawn: whole at the edge of a chart, and before its frame and its lines."""

MISSING = 'n/a'
"""Stands where a bar would, had anything been measured."""

_TITLE = 'title-'
"""Begins the ids of what has a title."""

plt.rcParams.update(
    {
        'svg.fonttype': 'none',  # text stays text: it can be read aloud, searched and copied
        'svg.hashsalt': 'flan_jax',  # else ids, and with them pages, differ from one rendering to the next
        'font.family': 'sans-serif',
        'font.size': 10,
        'axes.spines.top': False,
        'axes.spines.right': False,
        'figure.constrained_layout.use': True,
    }
)


def template_scores(rows: Sequence[Mapping]):
    """Every template's score by dataset, base beside tuned, with chance and the paper's mean.

    Args:
      rows: mappings with name, shots, base and tuned (template to score, perhaps empty), chance and paper (or None).
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 0.9 + 0.62 * len(rows)))
    drawn = [model for model in ('base', 'tuned') if any(row[model] for row in rows)]
    for index, row in enumerate(rows):
        for offset, model in ((0.16, 'base'), (-0.16, 'tuned')):
            for template, score in row[model].items():
                gid = labelled({**row, 'model': model, 'template': template}, f'{model} {score:.1f}')
                colour = COLOURS[model]
                axes.plot([score], [index + offset], 'o', ms=5, alpha=0.45, mew=0, color=colour, gid=gid, **ON_TOP)
            if row[model]:
                mean = sum(row[model].values()) / len(row[model])
                axes.plot([mean], [index + offset], '|', ms=16, mew=2.5, color=COLOURS[model], **ON_TOP)
        for value, colour in ((row['chance'], COLOURS['chance']), (row['paper'], COLOURS['paper'])):
            if value is not None:
                axes.plot([value, value], [index - 0.38, index + 0.38], '--', lw=1.2, color=colour)
    names = [f'{row["name"]}, {row["shots"]} shots' if row['shots'] else row['name'] for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(bounds(axes, 'x'))
    axes.set_xlabel('test score of each template; the bar is their mean')
    handles = [plt.Line2D([], [], marker='o', ls='', color=COLOURS[m], label=m) for m in drawn]
    for name, label in (('chance', 'chance'), ('paper', "paper's FLAN 137B")):
        if any(row[name] is not None for row in rows):
            handles.append(plt.Line2D([], [], ls='--', lw=1.2, color=COLOURS[name], label=label))
    figure.legend(handles=handles, loc='outside upper center', ncols=len(handles), frameon=False)
    return figure


def beside_the_paper(rows: Sequence[Mapping]):
    """A cluster's datasets as in the paper's Figure 5: base and tuned, ours above and the paper's below.

    Args:
      rows: mappings with name, chance, models (name to mean and std) and paper (base, mean, std, gpt3) or None.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 1.0 + 0.55 * len(rows)))
    for index, row in enumerate(rows):
        for model, found in row['models'].items():
            place, span, colour = index + _ABOVE[model], found['std'], COLOURS[model]
            axes.errorbar(found['mean'], place, xerr=span, fmt='o', ms=7, color=colour, clip_on=False)
        if row['paper']:
            paper = row['paper']
            axes.errorbar(paper['mean'], index + 0.2, xerr=paper['std'], fmt='*', ms=10, color=COLOURS['paper'])
            axes.plot(paper['base'], index + 0.2, 'o', ms=6, mfc='white', color=COLOURS['paper'])
            if paper['gpt3'] is not None:
                axes.plot(paper['gpt3'], index + 0.2, '^', ms=6, mfc='white', color=COLOURS['paper'])
        if row['chance'] is not None:
            axes.plot([row['chance']] * 2, [index - 0.38, index + 0.38], '--', lw=1.2, color=COLOURS['chance'])
    axes.set_yticks(range(len(rows)), [row['name'] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(bounds(axes, 'x'))
    axes.set_xlabel('zero-shot score, %: mean ± deviation over templates')
    styles: dict[str, dict[str, Any]] = {
        'base': {'marker': 'o', 'color': COLOURS['base']},
        'tuned': {'marker': 'o', 'color': COLOURS['tuned']},
        'LaMDA-PT 137B': {'marker': 'o', 'color': COLOURS['paper'], 'mfc': 'white'},
        'GPT-3': {'marker': '^', 'color': COLOURS['paper'], 'mfc': 'white'},
        'FLAN 137B': {'marker': '*', 'color': COLOURS['paper']},
    }
    handles = [plt.Line2D([], [], ls='', label=label, **style) for label, style in styles.items()]
    if any(row['chance'] is not None for row in rows):
        handles.append(plt.Line2D([], [], ls='--', lw=1.2, color=COLOURS['chance'], label='chance'))
    layout = {'ncols': len(handles), 'columnspacing': 1.2}
    figure.legend(handles=handles, loc='outside upper center', frameon=False, fontsize=8, **layout)
    return figure


def loss_curve(lines: Sequence[Mapping[str, float]], validated: Sequence[tuple[float, float]] = ()):
    """The training loss by step, all clusters together in front of each by itself, all named.

    Args:
      lines: the metrics of steps.
      validated: steps and the loss on validation examples after each, for a line of its own.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.4))
    clusters = sorted({name for line in lines for name in line if name.startswith('loss/')})
    for place, name in enumerate(clusters):
        points = [(line['step'], line[name]) for line in lines if name in line]
        cluster = name.removeprefix('loss/').replace('_', ' ')
        colour = plt.get_cmap('tab20')(place % 20)
        axes.plot(*zip(*points), lw=1, alpha=0.8, color=colour, label=cluster, gid=titled(cluster))
    axes.plot(*zip(*((line['step'], line['loss']) for line in lines)), lw=2.5, color=COLOURS['tuned'], label='all')
    if validated:
        axes.plot(*zip(*validated), lw=2, marker='o', ms=4, color=COLOURS['paper'], label='validation')
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel('step')
    ranks = any(PREFERRED in line for line in lines)
    axes.set_ylabel('loss, a mean over prompts' if ranks else 'loss, nats per target token')
    axes.set_ylim(bottom=0)
    figure.legend(loc='outside lower center', ncols=3, frameon=False, fontsize=7)
    return figure


def losses_of_runs(runs: Mapping[str, Sequence[Mapping[str, float]]]):
    """The training loss of several runs by step.

    Args:
      runs: name to the lines of its metrics that have a loss, at least one.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.4))
    for name, lines in runs.items():
        steps, losses = [line['step'] for line in lines], [line['loss'] for line in lines]
        axes.plot(steps, losses, lw=2, alpha=0.8, label=name, gid=titled(name))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel('step')
    axes.set_ylabel('loss')
    figure.legend(loc='outside lower center', ncols=2, frameon=False, fontsize=8)
    return figure


def preference_curves(lines: Sequence[Mapping[str, float]], held_out: Sequence[Mapping[str, float]] = ()):
    """How often the better of two responses is rated higher by step, and how both are rated on average.

    Args:
      lines: the metrics of an objective that ranks responses, `PREFERRED` among them.
      held_out: the same of test examples, by the names that begin with 'test/'.
    """
    figure, (above, below) = plt.subplots(2, figsize=(WIDTH, 4.4), sharex=True)
    steps = [line['step'] for line in lines]
    above.plot(steps, [100 * line[PREFERRED] for line in lines], lw=2, color=COLOURS['tuned'])
    if held_out:
        accuracies = [100 * line[f'test/{PREFERRED}'] for line in held_out]
        above.plot([line['step'] for line in held_out], accuracies, 'o', color=COLOURS['paper'], label='test', **ON_TOP)
        above.legend(frameon=False)
    above.axhline(50, ls='--', lw=1.2, color=COLOURS['chance'])
    above.set_ylim(0, 102)
    above.set_ylabel('pairs ranked right, %')
    (rated,) = {name.removeprefix('chosen_') for name in lines[-1] if name in ('chosen_reward', 'chosen_score')}
    for kind, colour in (('chosen', COLOURS['tuned']), ('rejected', COLOURS['paper'])):
        below.plot(steps, [line[f'{kind}_{rated}'] for line in lines], lw=2, color=colour, label=kind)
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    below.set_xlabel('step')
    below.set_ylabel(f'{rated}, mean over pairs')
    below.legend(frameon=False)
    return figure


def answering_curve(lines: Sequence[Mapping[str, float]]) -> Figure:
    """The Instruction Following Score and ObjecQA by examples seen, and where a rule ends tuning, or would.

    Args:
      lines: the metrics of `flan_jax.evaluation.instruction_following.curve`.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.4))
    for name, (label, colour, style) in _ANSWERING.items():
        points = [(line[EXAMPLES_SEEN], line[name]) for line in lines if name in line]
        if points:
            wide = 2.2 if name == IFS else 1.2
            (drawn,) = axes.plot(*zip(*points), style, lw=wide, marker='o', color=COLOURS[colour], label=label)
            drawn.set(markersize=1.5 * wide, clip_on=False)
    if met := [line for line in lines if line[RULE_MET]]:
        seen = met[0][EXAMPLES_SEEN]
        axes.axvline(seen, ls='--', lw=1.2, color=COLOURS['chance'])
        axes.annotate(f' stop: step {met[0]["step"]}', (seen, 0.02), fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel('examples seen')
    axes.set_ylabel('share of answers')
    axes.set_ylim(0, 1.02)
    figure.legend(loc='outside upper center', ncols=4, frameon=False, fontsize=8)
    return figure


def scores_by_step(lines: Sequence[Mapping]):
    """Every dataset's score while the model was tuned, and in front their mean.

    Args:
      lines: mappings with step, name and mean.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.4))
    for name in dict.fromkeys(line['name'] for line in lines):
        points = [(line['step'], line['mean']) for line in lines if line['name'] == name]
        axes.plot(*zip(*points), lw=1, marker='o', ms=3, alpha=0.6, label=name, gid=titled(name), clip_on=False)
    steps = sorted({line['step'] for line in lines})
    means = [statistics.mean(line['mean'] for line in lines if line['step'] == step) for step in steps]
    axes.plot(steps, means, lw=2.5, color=COLOURS['tuned'], label='mean')
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel('steps of tuning')
    axes.set_ylabel('test score, mean over templates')
    axes.set_ylim(bottom=bounds(axes, 'y')[0])
    figure.legend(loc='outside right upper', frameon=False, fontsize=8)
    return figure


def bounds(axes, along: Literal['x', 'y']) -> tuple[float, float]:
    """Where an axis of scores ends: at 0 and 100, or at a point beyond them, such as a negative correlation."""
    values = itertools.chain.from_iterable(line.get_data()[along == 'y'] for line in axes.get_lines())
    every = [0.0, 100.0, *values]
    return min(every), max(every)


def say_missing(axes, places: Sequence[float], along: Literal['x', 'y'] = 'y') -> None:
    """Says where bars are missing, which would look like those of 0; they grow along an axis."""
    style = {'textcoords': 'offset points', 'fontsize': 7, 'color': COLOURS['base']}
    for place in places:
        if along == 'y':
            axes.annotate(MISSING, (place, 0), (0, 3), ha='center', va='bottom', rotation=90, **style)
        else:
            axes.annotate(MISSING, (0, place), (3, 0), ha='left', va='center', **style)


def titled(text: str) -> str:
    """An id for a line or a dot by which `svg_of` gives it a title, which browsers show where one points."""
    return _TITLE + base64.urlsafe_b64encode(json.dumps({'title': text}).encode()).decode()


def labelled(row: Mapping, says: str) -> str:
    """The same for a dot that stands for a template's score, and opens its answers."""
    data = {name: row[name] for name in ('name', 'shots', 'model', 'template')}
    title = f'{row["name"]}, template {row["template"]}: {says}'
    return _TITLE + base64.urlsafe_b64encode(json.dumps({'title': title, **data}).encode()).decode()


def svg_of(figure) -> str:
    """The figure as an svg element that scales with the page; it is closed."""
    buffer = io.StringIO()
    figure.savefig(buffer, format='svg', metadata={'Date': None, 'Creator': None}, transparent=True)
    plt.close(figure)
    text = buffer.getvalue()
    return re.sub(rf'<g id="{_TITLE}([^"]*)">', _group, text[text.index('<svg') :])


def _group(found: re.Match) -> str:
    """The group of a line or a dot with its title and, for a dot, what it stands for."""
    data = json.loads(base64.urlsafe_b64decode(found[1]))
    title = html.escape(data.pop('title'))
    if 'name' in data:
        data['line'] = data.pop('name')
    attributes = ''.join(f' data-{name}="{html.escape(str(value))}"' for name, value in data.items())
    return f'<g{attributes}><title>{title}</title>'
