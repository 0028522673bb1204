"""Two models are compared on the same examples, and on nothing else."""

import json
import os

import jax
import pytest

from flan_jax import manifest
from flan_jax.command import main
from flan_jax.evaluation import records
from flan_jax.evaluation.compare import ComparisonError, compare
from flan_jax.evaluation.records import ModelRecords
from flan_jax.training import checkpoints
from tests.evaluation.test_records import key_of, ranked_record, written_record


def settings(dataset, **changes):
    return {'dataset': dataset, 'contents': {'test': 'same'}, 'limit': None} | changes


def write_model(root, rights_by_template, model='step_3', dataset='rte', groups=(), weights='any', **examples):
    """Records of a model that is right where `rights_by_template` says so; returns the model's folder."""
    folder = ModelRecords(root, model, {'weights': weights}).open(settings(dataset, **examples))
    for template, rights in enumerate(rights_by_template):
        key = key_of(dataset, template)
        options = ('no', 'yes') if dataset == 'multirc' else ('yes', 'no')
        found = [
            ranked_record(key, i, 0, (right, 0.5), options, group=groups[i] if groups else '')
            for i, right in enumerate(rights)
        ]
        records.write(folder, key, found)
    return folder.parent


def test_wins_are_counted_by_example_over_all_templates(tmp_path):
    a = write_model(tmp_path / 'a', [[1, 1, 0, 0, 1], [1, 1, 0, 0, 0]])
    b = write_model(tmp_path / 'b', [[1, 0, 1, 0, 0], [1, 0, 1, 0, 1]])
    (found,) = compare(a, b)
    assert (found.name, found.num_examples, found.templates, found.test) == ('rte', 5, 2, 'McNemar')
    assert (found.only_a, found.only_b, found.p) == (1, 1, 1.0)  # the last example is right once in both
    assert found.score_a == found.score_b == pytest.approx(50.0)
    assert {example['right'] for example in found.examples} == {'a', 'b'}
    assert all((example['right'] == 'a') == (example['a'] in example['references']) for example in found.examples)


def test_answers_under_another_limit_are_not_mixed_with_the_newest(tmp_path):
    for name, rights in (('a', [1, 1, 0, 0]), ('b', [1, 1, 1, 0])):
        folder = write_model(tmp_path / name, [rights, rights])
        for file in folder.glob('*/*.jsonl'):
            os.utime(file, (1, 1))
        write_model(tmp_path / name, [rights[:3]], limit=3)
    (found,) = compare(*(records.model_folder(tmp_path / name, 'step_3') for name in 'ab'))
    assert (found.num_examples, found.templates) == (3, 1)
    assert (found.score_a, found.score_b) == pytest.approx((200 / 3, 100))


def test_mcnemar_does_not_judge_a_score_that_is_no_accuracy(tmp_path):
    """MultiRC has options, but its headline is an F1 of answers in groups."""
    groups = ['1', '1', '2', '2', '3', '3']
    a = write_model(tmp_path / 'a', [[1, 0, 0, 1, 0, 0]], dataset='multirc', groups=groups)
    b = write_model(tmp_path / 'b', [[1, 1, 1, 1, 0, 1]], dataset='multirc', groups=groups)
    (found,) = compare(a, b)
    assert (found.metric, found.test, found.only_a, found.only_b) == ('f1', 'paired bootstrap', None, None)


def test_mcnemar_does_not_judge_a_correlation(tmp_path):
    key = key_of('stsb')
    for name, answers in (('a', (1, 2, 3, 4)), ('b', (4, 2, 3, 1))):
        folder = ModelRecords(tmp_path / name, 'step_3', {}).open(settings('stsb'))
        records.write(folder, key, [written_record(key, i, f'{x}.0', f'{i}.0') for i, x in enumerate(answers)])
    (found,) = compare(*(records.model_folder(tmp_path / name, 'step_3') for name in 'ab'))
    assert (found.metric, found.test) == ('pearson_corrcoef', 'paired bootstrap') and found.score_a > found.score_b


def test_variants_are_named_by_their_records(tmp_path):
    """Templates may have been numbered otherwise when records were written: template 0 is the other direction now."""
    key = key_of('wmt16_translate_deen', 0, variant='de-en')
    folders = []
    for name in 'ab':
        folder = ModelRecords(tmp_path / name, 'base', {}).open(settings('wmt16_translate_deen'))
        records.write(folder, key, [written_record(key, 0, 'That is good .', 'That is good .')])
        folders.append(folder)
    assert [found.name for found in compare(*folders)] == ['wmt16_translate_deen de-en']


def test_only_answers_to_the_same_examples_are_compared(tmp_path):
    a = write_model(tmp_path / 'a', [[1, 0, 1]])
    for other in (
        write_model(tmp_path / 'b', [[1, 0, 1]], contents={'test': 'prepared anew'}),
        write_model(tmp_path / 'c', [[1, 0]], limit=2),
        write_model(tmp_path / 'd', [[1]], dataset='cb'),
    ):
        with pytest.raises(ComparisonError, match='have no test records of the same'):
            compare(a, other)
    with pytest.raises(ComparisonError, match='rte: the records are for different examples'):
        compare(a, write_model(tmp_path / 'e', [[1, 0]]))


def test_of_two_answers_to_the_same_examples_one_must_be_named(tmp_path):
    a = write_model(tmp_path / 'a', [[1, 0, 1]], weights='first')
    write_model(tmp_path / 'a', [[1, 1, 1]], weights='second')
    b = write_model(tmp_path / 'b', [[1, 0, 1]])
    with pytest.raises(ComparisonError, match='give one of the two'):
        compare(a, b)
    scores = sorted(compare(folder, b)[0].score_a for folder in records.folders_in(a))
    assert scores == pytest.approx([200 / 3, 100.0])


def test_the_command_prints_a_table_and_writes_json(tmp_path, capsys):
    a = write_model(tmp_path / 'a', [[1, 0, 0, 0]])
    write_model(tmp_path / 'b', [[1, 1, 1, 1]], model='step_2')
    write_model(tmp_path / 'b', [[0, 1, 1, 1]], model='step_10')
    output = tmp_path / 'compared.json'
    assert main.main(['compare', str(a), str(tmp_path / 'b'), '--examples=1', f'--output={output}']) == 0
    assert 'McNemar' in capsys.readouterr().out
    (found,) = json.loads(output.read_text())['comparisons']
    assert (found['score_a'], found['score_b'], found['only_a'], found['only_b']) == (25.0, 75.0, 1, 3)
    assert main.main(['compare', str(a), str(tmp_path / 'b'), f'--output={tmp_path}']) == 2
    assert 'is a folder' in capsys.readouterr().err
    assert main.main(['compare', str(tmp_path / 'nothing')]) == 2
    assert 'run `flan-jax evaluate` first' in capsys.readouterr().err


def test_options_are_ranked_as_the_runs_rank_them(tmp_path, capsys):
    for name, score in (('a', 'byte'), ('b', 'byte'), ('c', 'mean')):
        write_model(tmp_path / name, [[1, 0]])
        made = {'run': {'evaluation': {'score': score, 'base_dir': None}}}
        (tmp_path / name / manifest.FILE).write_text(json.dumps(made))
    a, b, c = (str(tmp_path / name) for name in 'abc')
    output = tmp_path / 'compared.json'
    assert main.main(['compare', a, b, f'--output={output}']) == 0
    assert json.loads(output.read_text())['score'] == 'byte'
    assert main.main(['compare', a, c, '--score=sum', f'--output={output}']) == 0
    assert json.loads(output.read_text())['score'] == 'sum'
    assert main.main(['compare', a, c]) == 2
    assert 'c by mean); choose one with --score' in capsys.readouterr().err


def test_an_earlier_step_is_not_taken_for_the_newest_checkpoint(tmp_path, capsys):
    write_model(tmp_path / 'a', [[1, 0]], model='step_64')
    checkpoints.save_params(tmp_path / 'a/checkpoints/300', {'w': jax.numpy.ones(2)}, {})
    assert main.main(['compare', str(tmp_path / 'a'), str(tmp_path / 'a')]) == 2
    assert 'step_300' in (error := capsys.readouterr().err) and 'name the folder of step_64' in error


def test_what_select_has_left_in_a_run_is_not_taken_for_records(tmp_path, capsys):
    for name in ('a', 'b'):
        write_model(tmp_path / name, [[1, 0]], model='step_2')
        (tmp_path / name / 'selection').mkdir()
        (tmp_path / name / 'selection' / records.SETTINGS_FILE).write_text('{"prompts": []}')
    assert main.main(['compare', str(tmp_path / 'a'), str(tmp_path / 'b')]) == 0
    assert main.main(['compare', str(tmp_path / 'a/selection'), str(tmp_path / 'b')]) == 2
    assert 'selection: contains no evaluation records' in capsys.readouterr().err


def test_where_models_were_evaluated_without_a_run_their_folders_are_named(tmp_path, capsys):
    write_model(tmp_path / 'a', [[1, 0]], model='gpt2')
    assert main.main(['compare', str(tmp_path / 'a'), str(tmp_path / 'a')]) == 2
    assert f'or name the folder of gpt2 in {tmp_path}/a/evaluation' in capsys.readouterr().err
