"""Records are enough to make results again, by the paper's rules."""

import math

import pytest
from etils import epath

from flan_jax import catalogue
from flan_jax.evaluation import records
from flan_jax.evaluation.judges.exact import Exact, judgement
from flan_jax.evaluation.option_scores import SCORES
from flan_jax.evaluation.results import Baselines, baselines, best_template, results, unfinished
from flan_jax.reports.paper import PAPER
from tests.evaluation.test_records import key_of, ranked_record, written_record


def write_template(folder, template, test, validation, dataset='rte'):
    """Writes records of which the given ones are judged right; returns their keys."""
    keys = []
    for split, rights in (('test', test), ('validation', validation)):
        key = key_of(dataset, template, split)
        records.write(folder, key, [ranked_record(key, i, 0, (right, 0.5)) for i, right in enumerate(rights)])
        keys.append(key)
    return keys


def results_in(folder, keys, score='sum'):
    return results(keys, lambda key: folder, score)


@pytest.fixture
def folder(tmp_path):
    return epath.Path(tmp_path)


@pytest.fixture
def keys(folder):
    return [
        *write_template(folder, 0, test=[1, 1, 0, 0], validation=[1, 1]),
        *write_template(folder, 1, test=[1, 1, 1, 1], validation=[1, 0]),
        *write_template(folder, 2, test=[0, 0, 0, 0], validation=[1, 1]),
    ]


def test_mean_std_and_best_dev_template(folder, keys):
    (result,) = results_in(folder, keys)
    assert (result.dataset, result.headline, result.num_examples) == ('rte', 'accuracy', 4)
    assert result.mean == pytest.approx(50.0)
    assert result.std == pytest.approx(math.sqrt((0 + 50**2 + 50**2) / 3))
    assert (result.best_dev_template, result.best_dev) == (0, 50.0)  # of equals the first


def test_templates_that_are_not_wanted_are_not_averaged(folder, keys):
    (result,) = results_in(folder, [key for key in keys if key.template != 2])
    assert [template.template for template in result.templates] == [0, 1]
    assert result.mean == pytest.approx(75.0)


def test_a_result_waits_for_all_templates(folder, keys):
    wanted = [*keys, key_of(template=3)]
    assert results_in(folder, wanted) == []
    assert unfinished(wanted, []) == ['rte']
    (folder / key_of(template=1, split='validation').file).unlink()
    (result,) = results_in(folder, keys)
    assert result.best_dev is None and unfinished(keys, [result]) == []


def test_without_validation_there_is_no_best_dev_template(folder, keys):
    (result,) = results_in(folder, [key for key in keys if key.split == 'test'])
    assert result.best_dev is None and result.best_dev_template is None


def test_a_template_without_a_score_is_never_the_best():
    judge = Exact(catalogue.dataset('rte'), 'sum')
    assert best_template({0: math.nan, 1: 10.0, 2: 20.0, 3: math.nan}, judge) == 2
    assert best_template({0: math.nan}, judge) is None
    assert best_template({0: math.nan, 1: 10.0, 2: 20.0}, Exact(catalogue.dataset('fix_punct'), 'sum')) == 1


def test_a_constant_answer_on_stsb_has_a_result(folder):
    """It had none: Pearson's correlation was NaN, and the run ended in a traceback after all its work."""
    wanted = []
    for split in ('test', 'validation'):
        key = key_of('stsb', 0, split)
        records.write(folder, key, [written_record(key, i, '2.4', f'{i:.1f}') for i in range(5)])
        wanted.append(key)
    (result,) = results_in(folder, wanted)
    assert (result.mean, result.interval, result.best_dev) == (0.0, (0.0, 0.0), 0.0)


def test_directions_of_translation_are_results_of_their_own(folder):
    dataset = catalogue.dataset('wmt16_translate_deen')
    wanted = []
    for index, template in dataset.forward_templates.items():
        key = key_of(dataset.name, index, variant=template.variant)
        records.write(folder, key, [written_record(key, 0, 'Das ist gut so .', 'Das ist gut so .')])
        wanted.append(key)
    found = results_in(folder, wanted)
    assert [(result.name, len(result.templates)) for result in found] == [
        ('wmt16_translate_deen de-en', 3),
        ('wmt16_translate_deen en-de', 5),
    ]
    assert all(result.name in PAPER for result in found)


def test_baselines():
    fixed = [ranked_record(key_of(), i, right, (0.0, 1.0)) for i, right in enumerate([0, 0, 0, 1])]
    assert baselines(fixed, 'accuracy') == Baselines(50.0, 75.0)
    for headline in ('f1', 'pearson_corrcoef'):  # MultiRC's and STS-B's, whose options are ranked, too
        assert baselines(fixed, headline) == Baselines(None, None)
    varying = [
        ranked_record(key_of(), 0, 0, (0.0, 1.0), ('a', 'b')),
        ranked_record(key_of(), 1, 0, (0.0, 1.0, 2.0, 3.0), ('c', 'd', 'e', 'f')),
    ]
    assert baselines(varying, 'accuracy') == Baselines(37.5, None)


def test_every_way_to_rank_options_has_its_mean(folder):
    """Scores of which one makes the first option win and the others the second."""
    key = key_of()
    record = ranked_record(key, 0, 0, (0.0, 1.0))
    record['options'][0]['mean_without_eos'] = 2.0
    records.write(folder, key, [record])
    (result,) = results_in(folder, [key])
    assert result.by_score == dict.fromkeys(SCORES, 0.0) | {'mean_without_eos': 100.0}
    assert results_in(folder, [key], 'mean_without_eos')[0].mean == 100.0


def test_of_several_right_answers_any_will_do_and_duplicated_options_are_one_answer():
    options = ('Rome', 'the city', 'Milan', 'Rome')

    def judged(*values):
        record = ranked_record(key_of('record'), 0, 0, values, options)
        return record | {'references': ['Rome', 'the city']}

    for values, right in [((0, 1, 0, 0), True), ((1, 0, 0, 1), True), ((0, 0, 1, 0), False), ((0, 0, 0, 1), True)]:
        assert judgement(judged(*values), 'sum').is_right == right
    assert baselines([judged(0, 0, 0, 0)], 'em').chance == pytest.approx(200 / 3)
