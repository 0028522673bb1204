"""The report's picture of the Instruction Following Score while a model is tuned."""

from flan_jax.reports.charts import answering_curve, svg_of
from flan_jax.reports.report import ended_at


def line(step, ifs, met):
    return {'step': step, 'examples_seen': 8.0 * step, 'ifs': ifs, 'ifs_full': ifs, 'ifs_rule_met': float(met)}


def test_the_place_where_tuning_ends_is_marked():
    lines = [line(0, 0.1, False), line(10, 0.9, False), line(20, 0.95, True), line(30, 0.96, False)]
    drawn = svg_of(answering_curve(lines))
    assert ended_at(lines) == 20 and 'stop: step 20' in drawn and 'ObjecQA' not in drawn
    assert ended_at(lines[:2]) is None and 'stop' not in svg_of(answering_curve(lines[:2]))
    assert 'ObjecQA' in svg_of(answering_curve([found | {'objecqa': 0.5} for found in lines]))
