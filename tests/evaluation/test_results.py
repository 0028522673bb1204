"""Records are enough to make results again, by the paper's rules."""

import math

import numpy as np
import pytest
from etils import epath

from flan_jax.evaluation import records, results
from flan_jax.evaluation.eval_set import EvalExample
from flan_jax.evaluation.records import RecordKey
from flan_jax.reports.paper import PAPER


def record(key, example, right, scores, options=('yes', 'no')):
    tokens = tuple(np.array([1]) for _ in options)
    asked = EvalExample(example, 'prompt', np.array([1]), (options[right],), options, tokens)
    return records.choice_record(key, asked, [dict.fromkeys(records.SCORES, score) for score in scores])


def write_template(folder, template, test, validation, dataset='rte'):
    """Writes records of which the given shares are judged right."""
    for split, rights in (('test', test), ('validation', validation)):
        key = RecordKey(dataset, template, split)
        rows = [record(key, i, 0, (1.0, 0.0) if right else (0.0, 1.0)) for i, right in enumerate(rights)]
        records.write(folder, key, rows)


@pytest.fixture
def folder(tmp_path):
    folder = epath.Path(tmp_path)
    write_template(folder, 0, test=[1, 1, 0, 0], validation=[1, 1])
    write_template(folder, 1, test=[1, 1, 1, 1], validation=[1, 0])
    write_template(folder, 2, test=[0, 0, 0, 0], validation=[1, 1])
    return folder


def test_mean_spread_and_best_dev_template(folder):
    (result,) = results.results(folder, 'sum')
    assert (result.dataset, result.headline, result.rows) == ('rte', 'accuracy', 4)
    assert result.mean == pytest.approx(50.0)
    assert result.std == pytest.approx(math.sqrt((0 + 50**2 + 50**2) / 3))
    assert (result.best_dev_template, result.best_dev) == (0, 50.0)  # of equals the first


def test_without_validation_there_is_no_best_dev_template(tmp_path):
    key = RecordKey('rte', 0, 'test')
    records.write(epath.Path(tmp_path), key, [record(key, 0, 0, (1.0, 0.0))])
    (result,) = results.results(epath.Path(tmp_path), 'sum')
    assert result.best_dev is None and result.best_dev_template is None


def test_directions_of_translation_are_apart(tmp_path):
    folder = epath.Path(tmp_path)
    asked = EvalExample(0, 'Translate.', np.array([1]), ('Das ist gut so .',))
    for template in range(8):
        key = RecordKey('wmt16_translate_deen', template, 'test')
        records.write(folder, key, [records.text_record(key, asked, 'Das ist gut so .')])
    found = results.results(folder, 'sum')
    assert [(result.name, len(result.templates)) for result in found] == [
        ('wmt16_translate_deen de-en', 3),
        ('wmt16_translate_deen en-de', 5),
    ]
    assert all(result.name in PAPER for result in found)


def test_baselines():
    key = RecordKey('rte', 0, 'test')
    fixed = [record(key, i, right, (0.0, 1.0)) for i, right in enumerate([0, 0, 0, 1])]
    assert results.baselines(fixed) == results.Baselines(50.0, 75.0)
    varying = [record(key, 0, 0, (0.0, 1.0), ('a', 'b')), record(key, 1, 0, (0.0, 1.0, 2.0, 3.0), ('c', 'd', 'e', 'f'))]
    assert results.baselines(varying) == results.Baselines(37.5, None)


def test_scores_of_an_option():
    scores = records.option_scores('café', np.array([-1.0, -2.0, -3.0]), np.array([-1.0, -1.0, -1.0]))
    assert [scores[name] for name in records.WITH_EOS] == [-6.0, -2.0, -1.2, -3.0]
    assert [scores[name] for name in records.WITHOUT_EOS] == [-3.0, -1.5, -0.6, -1.0]
    assert list(scores) == list(records.SCORES)


def test_a_score_that_is_not_finite_is_an_error_and_not_a_prediction():
    key = RecordKey('rte', 0, 'test')
    with pytest.raises(ValueError, match='rte example 5: .* is not finite'):
        records.judgement(record(key, 5, 0, (math.nan, -1.0)), 'sum')


def test_records_survive_storage(tmp_path):
    folder, key = epath.Path(tmp_path), RecordKey('rte', 3, 'test')
    rows = [record(key, 0, 1, (0.5, -0.25)) | {'prompt': 'line\u2028separator\nnew line'}]
    records.write(folder, key, rows)
    assert records.read(folder, key) == rows and records.written(folder) == [key]


def test_the_papers_datasets_are_named_as_in_the_catalogue():
    from flan_jax import catalogue

    known = {f'{d.name} {t.variant}'.strip() for d in catalogue.DATASETS.values() for t in d.forward_templates.values()}
    assert set(PAPER) <= known
    assert len(PAPER) == 46


def test_cluster_means_of_the_paper():
    """FLAN, Figure 1: recomputed from the rows above, so that a mistyped row shows."""

    def mean(*names):
        return sum(PAPER[name].mean for name in names) / len(names)

    assert mean('anli_r1', 'anli_r2', 'anli_r3', 'cb', 'rte') == pytest.approx(56.2, abs=0.05)
    assert mean('bool_q', 'multirc', 'openbookqa') == pytest.approx(77.4, abs=0.05)
    assert mean('copa', 'hellaswag', 'piqa', 'story_cloze') == pytest.approx(80.0, abs=0.05)
    assert mean('definite_pronoun_resolution', 'winogrande') == pytest.approx(63.8, abs=0.05)
    translation = [name for name in PAPER if name.startswith('wmt')]
    assert mean(*translation) == pytest.approx(31.0, abs=0.05)


def test_every_way_to_rank_options_has_its_mean(tmp_path):
    """Scores of which one makes the first option win and the others the second."""
    key, folder = RecordKey('rte', 0, 'test'), epath.Path(tmp_path)
    row = record(key, 0, 0, (0.0, 1.0))
    row['options'][0]['mean_without_eos'] = 2.0
    records.write(folder, key, [row])
    (result,) = results.results(folder, 'sum')
    assert result.by_score == dict.fromkeys(records.SCORES, 0.0) | {'mean_without_eos': 100.0}
    assert results.results(folder, 'mean_without_eos')[0].mean == 100.0


def test_of_several_right_answers_any_will_do_and_duplicated_options_are_one_answer():
    key = RecordKey('record', 0, 'test')
    options = ('Rome', 'the city', 'Milan', 'Rome')
    asked = EvalExample(
        0, 'prompt', np.array([1]), ('Rome', 'the city'), options, tuple(np.array([1]) for _ in options)
    )

    def judged(*values):
        scores = [dict.fromkeys(records.SCORES, value) for value in values]
        return records.judgement(records.choice_record(key, asked, scores), 'sum')

    for values, right in [((0, 1, 0, 0), True), ((1, 0, 0, 1), True), ((0, 0, 1, 0), False), ((0, 0, 0, 1), True)]:
        judgement = judged(*values)
        assert (judgement.prediction in judgement.references) == right
    assert results.baselines([records.choice_record(key, asked, [{}] * 4)]).chance == pytest.approx(200 / 3)
