"""Charts of models set against each other show every rate at its place, beside chance and the paper's values."""

import numpy as np

from flan_jax.reports.charts import svg_of
from flan_jax.reports.comparison_charts import Rate, rates

FOUND = [
    Rate('base', 'raw', 20.0, 10.0, 30.0), Rate('base', 'length-controlled', 60.0, 61.0, 70.0),
    Rate('GSM', 'raw', 45.0, 40.0, 50.0),
]  # fmt: skip


def test_every_rate_stands_in_its_row_with_its_interval():
    """Of rates controlled by length the interval, from resamples, need not hold the rate itself."""
    figure = rates(FOUND, {'GSM': [23.7, 30.3]}, 'wins, %', 'equal')
    (axes,) = figure.axes
    dots = {line.get_label(): line.get_xydata() for line in axes.lines}
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows == ['base', 'GSM'] and set(dots['equal'][:, 0]) == {50.0}
    np.testing.assert_array_equal(dots['raw'][:, 0], [20.0, 45.0])
    np.testing.assert_array_equal(np.round(dots['raw'][:, 1]), [0, 1])
    np.testing.assert_array_equal(dots["paper's"], [[23.7, 1], [30.3, 1]])
    spans = {tuple(segment[:, 0]) for lines in axes.collections for segment in lines.get_segments()}
    assert spans == {(10.0, 30.0), (61.0, 70.0), (40.0, 50.0)}
    assert 'length-controlled' in svg_of(figure)
