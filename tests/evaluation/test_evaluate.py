"""A model is evaluated once on every example, and its answers are used only for what they are answers to."""

import os
import shutil
import signal

import jax
import numpy as np
import pytest
import tensorflow as tf

from flan_jax import catalogue
from flan_jax.data.formats.flan import Flan
from flan_jax.distributed import processes
from flan_jax.distributed.placement import DEFAULT_DEVICE
from flan_jax.distributed.preemption import Preempted
from flan_jax.evaluation import evaluate as evaluation
from flan_jax.evaluation import records
from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.evaluate import evaluate, unevaluated
from flan_jax.evaluation.evaluator import example_record
from flan_jax.evaluation.option_scores import SCORES
from flan_jax.evaluation.records import ModelRecords
from flan_jax.evaluation.settings import Evaluation
from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.processors.repetition_penalty import RepetitionPenalty
from flan_jax.inference.sampling import Greedy
from flan_jax.model.config import lamda
from flan_jax.model.decoder import Execution
from flan_jax.settings import SettingsError
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests.toy import random_params

LENGTHS = {'inputs': 384, 'targets': 4}


@pytest.fixture(scope='module')
def model():
    config = lamda(vocab_size=4096, num_layers=1, d_model=32, head_dim=16)
    params = random_params(config)
    return LoadedModel(config, params, Vocabulary(), Flan(), Execution(), DEFAULT_DEVICE)


def eval_set_of(data_dir, names=('copa',), seed=0, **changes):
    settings = {'limit': 3, 'templates': (0, 1)} | changes
    datasets = [catalogue.dataset(name) for name in names]
    return EvalSet(Evaluation(**settings), datasets, LENGTHS, str(data_dir), seed)


def records_of(root, weights='any'):
    return ModelRecords(root, 'step_3', {'weights': weights})


@pytest.fixture(scope='module')
def evaluated_once(model, samples_dir, tmp_path_factory):
    root = tmp_path_factory.mktemp('evaluated')
    evaluate(lambda: model, eval_set_of(samples_dir), records_of(root))
    return root


@pytest.fixture
def evaluated(evaluated_once, tmp_path):
    """Records of the eval set, to be changed."""
    return records_of(shutil.copytree(evaluated_once, tmp_path / 'records'))


class Loads:
    """Gives a model, and counts how often."""

    def __init__(self, model):
        self.count, self._model = 0, model

    def __call__(self):
        self.count += 1
        return self._model


def test_what_is_on_record_is_not_evaluated_again(model, samples_dir, tmp_path):
    load, model_records = Loads(model), records_of(tmp_path)
    evaluate(load, eval_set_of(samples_dir), model_records)
    eval_set = eval_set_of(samples_dir, ('copa', 'natural_questions'), templates=(0, 1, 3))
    assert {(key.dataset, key.template) for key in unevaluated(eval_set, model_records)} == {
        ('copa', 3),
        *(('natural_questions', template) for template in (0, 1, 3)),
    }
    evaluate(load, eval_set, model_records)
    assert unevaluated(eval_set, model_records) == []
    evaluate(load, eval_set, model_records)
    assert load.count == 2


def test_damaged_records_are_named_and_evaluated_again(model, samples_dir, evaluated, capsys):
    eval_set, model_records = eval_set_of(samples_dir), evaluated
    key = eval_set.keys[0]
    path = model_records.folder(eval_set.settings(key)) / key.file
    before, whole = records.read(path.parent, key), path.read_bytes()
    path.write_bytes(whole.replace(b'"sum": -', b'"sum": -1', 1))
    others = {other: other.stat().mtime for other in path.parent.iterdir() if other != path}
    assert unevaluated(eval_set, model_records) == [key]
    evaluate(lambda: model, eval_set, model_records)
    assert f'{key.file} is damaged: line 1' in capsys.readouterr().err
    for found, expected in zip(records.read(path.parent, key), before, strict=True):
        assert found['prompt'] == expected['prompt']
        assert found['options'][0]['sum'] == pytest.approx(expected['options'][0]['sum'], rel=1e-5)
    assert others == {other: other.stat().mtime for other in others}


def test_records_hold_what_judging_takes(model, samples_dir, tmp_path):
    eval_set = eval_set_of(samples_dir, ('copa', 'wmt16_translate_deen'), splits=('test',))
    evaluate(lambda: model, eval_set, records_of(tmp_path))
    for key in eval_set.keys:
        found = records.read(records_of(tmp_path).folder(eval_set.settings(key)), key)
        assert [record['example'] for record in found] == [0, 1, 2] and found[0]['num_records'] == 3
        if key.dataset == 'copa':
            assert all(set(SCORES) < set(option) for record in found for option in record['options'])
            assert all(option['sum'] < 0 for record in found for option in record['options'])
        else:
            assert all(isinstance(record['prediction'], str) and record['variant'] for record in found)


def reversed_copy(samples_dir, folder):
    """The same samples in another order: as many examples of as many bytes, prepared anew."""
    shutil.copytree(f'{samples_dir}/super_glue/copa', folder / 'super_glue/copa')
    for path in (folder / 'super_glue/copa').rglob('*validation.tfrecord*'):
        examples = [example.numpy() for example in tf.data.TFRecordDataset(str(path))]
        with tf.io.TFRecordWriter(str(path)) as writer:
            for example in reversed(examples):
                writer.write(example)
    return folder


def test_answers_to_data_that_is_prepared_again_are_not_mixed(model, samples_dir, evaluated, tmp_path):
    before, model_records = eval_set_of(samples_dir), evaluated
    anew = eval_set_of(reversed_copy(samples_dir, tmp_path / 'data'))
    assert anew.keys == before.keys and unevaluated(anew, model_records) == anew.keys
    key = before.keys[-1]
    evaluate(lambda: model, anew, model_records)
    folders = [model_records.folder(eval_set.settings(key)) for eval_set in (before, anew)]
    prompts = [[record['prompt'] for record in records.read(folder, key)] for folder in folders]
    assert folders[0] != folders[1] and prompts[0] != prompts[1]


@pytest.mark.parametrize(
    'change', [{'limit': 2}, {'instructions': 'dataset_name', 'templates': ()}, {'weights': 'of another step'}]
)
def test_answers_of_other_settings_or_weights_do_not_count(samples_dir, evaluated_once, change):
    assert unevaluated(eval_set_of(samples_dir), records_of(evaluated_once)) == []
    weights = change.get('weights', 'any')
    eval_set = eval_set_of(samples_dir, **{name: value for name, value in change.items() if name != 'weights'})
    assert unevaluated(eval_set, records_of(evaluated_once, weights)) == eval_set.keys


def test_decoding_matters_to_answers_that_are_written_only(samples_dir, tmp_path):
    penalised = Greedy(processors=(RepetitionPenalty(1.2),))
    sets = [eval_set_of(samples_dir, ('copa', 'trivia_qa'), decoding=decoding) for decoding in (Greedy(), penalised)]
    folders = [{key: records_of(tmp_path).folder(s.settings(key)) for key in s.keys} for s in sets]
    for key in sets[0].keys:
        assert (folders[0][key] == folders[1][key]) == sets[0].datasets[key.dataset].has_options
    assert len({dataset.has_options for dataset in sets[0].datasets.values()}) == 2


def test_exemplars_matter_to_few_shot_records_only(samples_dir, tmp_path):
    keys = eval_set_of(samples_dir, shots=(0, 2)).keys
    folders = [
        {
            key: records_of(tmp_path).folder(eval_set_of(samples_dir, shots=(0, 2), seed=seed).settings(key))
            for key in keys
        }
        for seed in (0, 1)
    ]
    for key in keys:
        assert (folders[0][key] == folders[1][key]) == (key.shots == 0)


def test_records_that_are_cut_at_the_end_of_a_line_are_made_again(model, samples_dir, evaluated):
    eval_set, model_records = eval_set_of(samples_dir), evaluated
    path = model_records.folder(eval_set.settings(eval_set.keys[0])) / eval_set.keys[0].file
    whole = path.read_text()
    path.write_text(whole[: whole.index('\n') + 1])
    assert unevaluated(eval_set, model_records) == [eval_set.keys[0]]
    evaluate(lambda: model, eval_set, model_records)
    assert path.read_text().count('\n') == 3


def test_the_first_process_decides_what_is_missing(model, samples_dir, evaluated, monkeypatch):
    """Another job may have written in between; a process that believed its own eyes would wait for ever."""
    eval_set, again = eval_set_of(samples_dir), []
    real = evaluation.Evaluator.evaluate
    monkeypatch.setattr(jax, 'process_index', lambda: 1)
    monkeypatch.setattr(processes, 'broadcast_from_first', lambda value: [True] + [False] * (len(value) - 1))
    monkeypatch.setattr(evaluation.Evaluator, 'evaluate', lambda self, group: again.extend(group) or real(self, group))
    evaluate(lambda: model, eval_set, evaluated)
    assert again == eval_set.keys[:1]


@pytest.mark.parametrize('received', [signal.SIGTERM, signal.SIGINT])
def test_stopping_keeps_what_is_answered(model, samples_dir, tmp_path, monkeypatch, received):
    """A signal arrives while the first group is evaluated."""
    eval_set, model_records = eval_set_of(samples_dir), records_of(tmp_path)
    monkeypatch.setattr(evaluation, 'EXAMPLES_AT_A_TIME', 1)
    real = evaluation.Evaluator.evaluate

    def evaluate_and_stop(self, group):
        os.kill(os.getpid(), received)
        return real(self, group)

    monkeypatch.setattr(evaluation.Evaluator, 'evaluate', evaluate_and_stop)
    with pytest.raises(Preempted):
        evaluate(lambda: model, eval_set, model_records)
    assert unevaluated(eval_set, model_records) == eval_set.keys[1:]


def test_without_a_choice_all_templates_are_evaluated_but_inverted_ones(samples_dir):
    dataset = catalogue.dataset('copa')
    evaluated = {(key.split, key.template) for key in eval_set_of(samples_dir, templates=()).keys}
    forward = [index for index, template in enumerate(dataset.templates) if not template.inverted]
    assert evaluated == {(split, index) for split in ('validation', 'test') for index in forward}
    assert len(forward) < len(dataset.templates)


def test_a_template_that_is_not_there_is_refused(samples_dir):
    with pytest.raises(SettingsError, match=r'copa cannot be evaluated with template 99; allowed are 0, 1'):
        eval_set_of(samples_dir, templates=(0, 99))


@pytest.mark.parametrize('templates', [0, (0, -1), (0.0,)])
def test_what_is_no_tuple_of_templates_is_refused(samples_dir, templates):
    """0 stood for all templates."""
    with pytest.raises(SettingsError, match='Evaluation.templates='):
        eval_set_of(samples_dir, templates=templates)


def test_equal_options_have_equal_scores_and_examples_keep_their_order(model, samples_dir, tmp_path):
    eval_set = eval_set_of(samples_dir, ('record',), templates=(0,), splits=('test',))
    evaluate(lambda: model, eval_set, records_of(tmp_path))
    key = eval_set.keys[0]
    for record in records.read(records_of(tmp_path).folder(eval_set.settings(key)), key):
        by_text = {}
        for option in record['options']:
            assert by_text.setdefault(option['text'], option) == option
        assert np.isfinite([option['unconditional'] for option in record['options']]).all()


def test_options_are_scored_whole_and_records_say_what_is_cut(samples_dir):
    dataset = catalogue.dataset('cosmos_qa')
    said = set()
    for length in (24, 80):
        eval_set = EvalSet(Evaluation(templates=(0,)), [dataset], {'inputs': length, 'targets': 2}, samples_dir, 0)
        for example in eval_set.examples(eval_set.keys[0], Vocabulary(), Flan()):
            options = [Flan().encode_prompt(Vocabulary(), choice) for choice in example.choices]
            assert [tokens.tolist() for tokens in example.choice_tokens] == options
            assert len(example.prompt_tokens) <= length
            lost = Vocabulary().decode(example.prompt_tokens) != example.prompt
            assert (example.cut == 'end') == lost
            said.add(str(example_record(eval_set.keys[0], example)['cut']))
    assert said == {'long field', 'end'}
