"""The report's pictures, as SVG that stands inside the page."""

import io
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib

matplotlib.use('svg')

from matplotlib import pyplot as plt
from matplotlib.ticker import MaxNLocator

WIDTH = 6.4
"""Inches; narrow, so that labels stay readable when the page is shown on a phone."""

PREFERRED = 'accuracy'
"""Name of the metric that objectives have which rank responses: the share of pairs that are ranked right."""

COLOURS = {'base': '#9a9a9a', 'tuned': '#1b6ca8', 'paper': '#c7662b', 'chance': '#b0b0b0'}

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


def template_scores(rows: Sequence[Mapping]) -> str:
    """Every template's score by dataset, base beside tuned, with chance and the paper's mean.

    Args:
      rows: mappings with name, base and tuned (lists of scores, perhaps empty), chance and paper (or None).
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 0.9 + 0.62 * len(rows)))
    for index, row in enumerate(rows):
        for offset, model in ((0.16, 'base'), (-0.16, 'tuned')):
            if scores := row[model]:
                mean = sum(scores) / len(scores)
                axes.plot(scores, [index + offset] * len(scores), 'o', ms=5, alpha=0.45, mew=0, color=COLOURS[model])
                axes.plot([mean], [index + offset], '|', ms=16, mew=2.5, color=COLOURS[model])
        for value, colour in ((row['chance'], COLOURS['chance']), (row['paper'], COLOURS['paper'])):
            if value is not None:
                axes.plot([value, value], [index - 0.38, index + 0.38], '--', lw=1.2, color=colour)
    axes.set_yticks(range(len(rows)), [row['name'] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel('test score of each template; the bar is their mean')
    handles = [plt.Line2D([], [], marker='o', ls='', color=COLOURS[m], label=m) for m in ('base', 'tuned')]
    for name, label in (('chance', 'chance'), ('paper', "paper's FLAN 137B")):
        if any(row[name] is not None for row in rows):
            handles.append(plt.Line2D([], [], ls='--', lw=1.2, color=COLOURS[name], label=label))
    figure.legend(handles=handles, loc='outside upper center', ncols=len(handles), frameon=False)
    return svg_of(figure)


def beside_the_paper(rows: Sequence[Mapping]):
    """A cluster's datasets as in the paper's Figure 5: base and tuned, ours above and the paper's below.

    Args:
      rows: mappings with name, chance, models (name to mean and std) and paper (base, mean, std, gpt3) or None.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 1.0 + 0.55 * len(rows)))
    for index, row in enumerate(rows):
        for model, found in row['models'].items():
            axes.errorbar(found['mean'], index - 0.15, xerr=found['std'], fmt='o', ms=7, color=COLOURS[model])
        if row['paper']:
            paper = row['paper']
            axes.errorbar(paper['mean'], index + 0.15, xerr=paper['std'], fmt='*', ms=10, color=COLOURS['paper'])
            axes.plot(paper['base'], index + 0.15, 'o', ms=6, mfc='white', color=COLOURS['paper'])
            if paper['gpt3'] is not None:
                axes.plot(paper['gpt3'], index + 0.15, '^', ms=6, mfc='white', color=COLOURS['paper'])
        if row['chance'] is not None:
            axes.plot([row['chance']] * 2, [index - 0.38, index + 0.38], '--', lw=1.2, color=COLOURS['chance'])
    axes.set_yticks(range(len(rows)), [row['name'] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel('zero-shot score, mean and standard deviation over templates')
    styles: dict[str, dict[str, Any]] = {
        'base': {'marker': 'o', 'color': COLOURS['base']},
        'tuned': {'marker': 'o', 'color': COLOURS['tuned']},
        'LaMDA-PT 137B': {'marker': 'o', 'color': COLOURS['paper'], 'mfc': 'white'},
        'GPT-3': {'marker': '^', 'color': COLOURS['paper'], 'mfc': 'white'},
        'FLAN 137B': {'marker': '*', 'color': COLOURS['paper']},
    }
    handles = [plt.Line2D([], [], ls='', label=label, **style) for label, style in styles.items()]
    figure.legend(handles=handles, loc='outside upper center', ncols=len(handles), frameon=False, fontsize=8)
    return figure


def loss_curve(lines: Sequence[Mapping[str, float]]) -> str:
    """The training loss by step, all clusters together in front of each by itself."""
    figure, axes = plt.subplots(figsize=(WIDTH, 3.0))
    clusters = sorted({name for line in lines for name in line if name.startswith('loss/')})
    for name in clusters:
        points = [(line['step'], line[name]) for line in lines if name in line]
        axes.plot(*zip(*points), lw=0.8, alpha=0.35, color=COLOURS['chance'])
    axes.plot(*zip(*((line['step'], line['loss']) for line in lines)), lw=2, color=COLOURS['tuned'])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel('step')
    ranks = any(PREFERRED in line for line in lines)
    axes.set_ylabel('loss, a mean over prompts' if ranks else 'loss, nats per target token')
    axes.set_ylim(bottom=0)
    return svg_of(figure)


def preference_curves(lines: Sequence[Mapping[str, float]], held_out: Sequence[Mapping[str, float]] = ()) -> str:
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
        above.plot([line['step'] for line in held_out], accuracies, 'o', color=COLOURS['paper'], label='test')
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
    return svg_of(figure)


def scores_by_step(lines: Sequence[Mapping]) -> str:
    """Every dataset's score while the model was tuned, and in front their mean.

    Args:
      lines: mappings with step, name and mean.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.4))
    for name in dict.fromkeys(line['name'] for line in lines):
        points = [(line['step'], line['mean']) for line in lines if line['name'] == name]
        axes.plot(*zip(*points), lw=1, marker='o', ms=3, alpha=0.6, label=name)
    steps = sorted({line['step'] for line in lines})
    means = [statistics.mean(line['mean'] for line in lines if line['step'] == step) for step in steps]
    axes.plot(steps, means, lw=2.5, color=COLOURS['tuned'], label='mean')
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel('steps of tuning')
    axes.set_ylabel('test score, mean over templates')
    axes.set_ylim(bottom=0)
    figure.legend(loc='outside right upper', frameon=False, fontsize=8)
    return svg_of(figure)


def svg_of(figure) -> str:
    """The figure as an svg element that scales with the page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format='svg', metadata={'Date': None, 'Creator': None})
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index('<svg') :]
