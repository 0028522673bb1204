"""Figures of studies: what a reader can read, and what of the paper stands beside."""

import itertools

import pytest

from flan_jax.reports import file_charts, study_charts
from flan_jax.reports.charts import COLOURS, MISSING, beside_the_paper, plt, scores_by_step, template_scores
from flan_jax.reports.comparison_charts import Rate, rates
from flan_jax.studies.flan import STUDIES

CELL = {'mean': 30.0, 'low': 25.0, 'high': 35.0}


def content(study, scale, paper=None, cell=CELL, ours=None):
    columns = [*study.columns, study_charts.AVERAGE]
    arms = [{'name': arm.name, 'x': arm.x} for arm in study.arms(scale)]
    scores = {arm['name']: dict.fromkeys(columns, cell) for arm in arms}
    printed = study.paper if paper is None else paper
    return {
        'arms': arms, 'columns': columns, 'ours': scores if ours is None else ours, 'base': scores, 'paper': printed,
        'x_label': study.x_label, 'y_label': study.y_label,
    }  # fmt: skip


@pytest.fixture
def drawn():
    """Draws a study's figure, which is closed at the end."""
    figures = []

    def draw(study, scale, **more):
        figures.append(getattr(study_charts, study.figure)(content(study, scale, **more)))
        figures[-1].canvas.draw()
        return figures[-1]

    yield draw
    for figure in figures:
        plt.close(figure)


@pytest.mark.parametrize('name', STUDIES)
def test_no_label_of_an_axis_hides_another_or_is_cut(drawn, name):
    figure = drawn(STUDIES[name], 'small')
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert len(boxes) > 1 and all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    width, height = figure.canvas.get_width_height()
    for box in (*boxes, *(legend.get_window_extent() for legend in figure.legends)):
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height


def lines_of(figure):
    return {line.get_label(): list(line.get_ydata()) for line in figure.axes[0].get_lines()}


@pytest.mark.parametrize('scale', ['small', 'paper'])
def test_the_papers_scale_figure_shows_that_its_small_models_lose(drawn, scale):
    figure = drawn(STUDIES['flan.figure7'], scale)
    lines = lines_of(figure)
    tuned, base = lines["paper's"], lines["paper's base"]
    assert [after > before for before, after in zip(base, tuned)] == [False, False, False, True, True]
    told = [text.get_text() for text in (*figure.axes[0].texts, *figure.axes[0].get_xticklabels())]
    assert {'422M', '2B', '8B', '68B', '137B'} <= set(told), 'which sizes the stars are'


def test_a_base_model_that_all_arms_share_is_a_level_line(drawn):
    assert lines_of(drawn(STUDIES['flan.figure6'], 'small'))["paper's base"] == [53.0] * 7


def test_of_a_paper_that_prints_nothing_no_star_is_drawn(drawn):
    for name in ('flan.figure6', 'flan.figure8'):
        assert not [label for label in lines_of(drawn(STUDIES[name], 'small', paper={})) if label.startswith('paper')]


@pytest.mark.parametrize('chance', [25.0, None])
def test_a_clusters_figure_says_what_its_lines_are(chance):
    scores = {'mean': 0.0, 'std': 0.0}
    row = {'name': 'arc', 'chance': chance, 'models': {'base': scores, 'tuned': scores}, 'paper': None}
    figure = beside_the_paper([row])
    figure.canvas.draw()
    places = {line.get_color(): line.get_ydata()[0] for line in figure.axes[0].get_lines() if line.get_marker() == 'o'}
    assert len({places[COLOURS[model]] for model in ('base', 'tuned')}) == 2, 'of equal scores neither hides the other'
    [legend] = figure.legends
    told = [text.get_text() for text in legend.get_texts()]
    assert ('chance' in told) == (chance is not None)
    box, (width, _) = legend.get_window_extent(), figure.canvas.get_width_height()
    assert box.x0 >= 0 and box.x1 <= width
    plt.close(figure)


def test_a_bar_that_is_missing_is_told_from_one_of_zero(drawn):
    study = STUDIES['flan.figure9']
    nothing = {'mean': 0.0, 'low': None, 'high': None}
    scores = {'zero-shot': {'NLI': nothing}, 'few-shot': {column: nothing for column in study.columns}}
    figure = drawn(study, 'small', ours=scores)
    (axes,) = figure.axes
    told = [text.xy for text in axes.texts if text.get_text() == MISSING]
    columns = [*study.columns, study_charts.AVERAGE]
    assert [round(x) for x, _ in told] == [*range(1, len(columns)), columns.index(study_charts.AVERAGE)]
    left, right = axes.get_xlim()
    assert all(left < x < right for x, _ in told)


def test_a_bar_of_a_file_that_is_missing_is_told_from_one_of_zero():
    figure = file_charts.bars({'none': {'score': None}, 'zero': {'score': 0.0}}, {}, ['score'])
    (axes,) = figure.axes
    assert [(text.get_text(), text.xy) for text in axes.texts] == [(MISSING, (0, 0.0))]
    plt.close(figure)


def charts_of(score):
    """Charts of one score each."""
    row = {'name': 'stsb', 'shots': 0, 'chance': None, 'paper': None, 'base': {}, 'tuned': {0: score}}
    yield template_scores([row])
    yield scores_by_step([{'step': step, 'name': 'stsb', 'mean': score} for step in (1, 2)])
    cell = {'mean': score, 'low': None, 'high': None}
    study = STUDIES['flan.figure7']
    yield study_charts.lines(content(study, 'small', paper={}, cell=cell))
    if score >= 0:
        yield rates([Rate('base', 'raw', score, score, score)], {}, 'wins, %', 'equal')


@pytest.mark.parametrize('score', [-20.0, 0.0, 100.0])
def test_a_point_at_the_edge_of_a_chart_is_whole(score):
    for figure in charts_of(score):
        figure.canvas.draw()
        (axes,) = figure.axes
        points = [line for line in axes.get_lines() if line.get_marker() in ('o', '|')]
        assert points
        for line in points:
            x, y = axes.transData.transform(line.get_xydata()).T
            box = axes.bbox.padded(0.5)
            assert (box.x0 <= x).all() and (x <= box.x1).all() and (box.y0 <= y).all() and (y <= box.y1).all()
            assert not line.get_clip_on()
        plt.close(figure)
