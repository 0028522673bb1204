"""Few-shot tuning and evaluation by settings alone, and the other wordings that ablations take."""

import csv
import json

import pytest

from flan_jax.command import configuration, main
from flan_jax.data.formats.flan import Flan
from flan_jax.data.mixtures import tuning_mixture
from flan_jax.distributed.placement import DEFAULT_DEVICE
from flan_jax.errors import UserError
from flan_jax.evaluation.evaluate import evaluate
from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.prefill import SHORTEST_PREFIX, PrefixReader, shared_prefix
from flan_jax.model.decoder import Execution
from flan_jax.packing.pack import stream_recipe
from flan_jax.reports.result_lines import result_lines, results_by_model
from flan_jax.settings import SettingsError
from flan_jax.studies.run_evaluation import base_records, eval_set_of, models_of
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests.toy import random_params

RUN = '--gin_file=gin/runs/tiny.gin'

SMALL = {
    'MIXTURE_OR_TASK_NAME': 'sentiment',
    'HELD_OUT': None,
    'EVAL_TASKS': ('copa', 'wmt16_translate_deen'),
    'Evaluation.templates': (0, 1, 5),
    'EVAL_LIMIT': 3,
    'SHOTS': (0, 2),
    'Data.shots': 3,
    'TRAIN_STEPS': 2,
    'BATCH_SIZE': 2,
    'SEQUENCE_LENGTH': 512,
    'Stream.input_length': 320,
    'Stream.target_length': 8,
    'Stream.targets_per_sequence': 40,
    'lamda.d_model': 32,
    'lamda.head_dim': 16,
}


def bindings(**changes):
    return {name: str(value) for name, value in (SMALL | changes).items()}


def experiment(samples_dir, tmp_path, **changes):
    where = {'TFDS_DATA_DIR': samples_dir, 'MODEL_DIR': tmp_path / 'run', 'Stream.directory': tmp_path / 'streams'}
    return configuration.load(['gin/runs/tiny.gin'], bindings(**where, **changes))


@pytest.fixture(scope='module')
def finished(samples_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp('few_shot')
    where = {'MODEL_DIR': folder / 'run', 'Stream.directory': folder / 'streams', 'TFDS_DATA_DIR': samples_dir}
    assert main.main(['run', RUN, *(f'--gin.{name}={value}' for name, value in bindings(**where).items())]) == 0
    return folder / 'run'


def test_records_of_each_number_of_shots_have_a_file(finished):
    for split, shots in (('test', 0), ('test', 2), ('validation', 2)):
        stem = f'{split}_template_1' + (f'_{shots}_shot' if shots else '')
        (file,) = finished.glob(f'evaluation/step_2/copa-*/{stem}.jsonl')
        for line in file.read_text().splitlines():
            record = json.loads(line)
            assert record['shots'] == shots == record['exemplars']
            assert record['prompt'].count('OPTIONS:') == shots + 1


def test_the_report_shows_few_shot_beside_zero_shot(finished):
    report = json.loads((finished / 'report.json').read_text())
    names = ['copa', 'wmt16_translate_deen de-en', 'wmt16_translate_deen en-de']
    assert [(row['name'], row['shots']) for row in report['results']] == [(name, 0) for name in names]
    lines = [(line['name'], line['model'], line['shots']) for line in report['few_shot']]
    assert lines == [
        *((name, model, 2) for name in names for model in ('base', 'tuned')),
        *(('mean over datasets', model, 2) for model in ('base', 'tuned')),
    ]
    tuned = {line['name']: line for line in report['few_shot'] if line['model'] == 'tuned'}
    few_shot = report['results'][0]['few_shot'][0]['models']['tuned']
    assert tuned['copa']['few_shot'] == [few_shot['mean'], few_shot['std']]
    stds = [tuned[name]['few_shot'][1] for name in names]
    assert tuned['mean over datasets']['few_shot'][1] == pytest.approx(sum(stds) / 3)
    page = (finished / 'report.html').read_text()
    assert 'Few-shot compared with zero-shot' in page and '88.5 ± 3.8' in page  # the paper's, for CoPA
    for table in ('results.csv', 'templates.csv'):
        rows = list(csv.DictReader((finished / table).open()))
        assert {(row['dataset'], row['shots']) for row in rows} == {(name, shots) for name in names for shots in '02'}


def test_without_zero_shot_the_papers_few_shot_scores_stand_beside(samples_dir, finished):
    run = experiment(samples_dir, finished.parent, SHOTS=(2,), EVAL_TASKS=('copa',))
    eval_set, models = eval_set_of(run), models_of(run)
    (line,) = result_lines(eval_set, models, results_by_model(eval_set, models))
    assert (line['shots'], line['few_shot']) == (2, [])
    assert [line['paper'][name] for name in ('base', 'mean', 'std', 'best_dev')] == [89.0, 88.5, 3.8, None]


def test_a_few_shot_stream_is_another_stream(samples_dir, tmp_path):
    def recipe(**changes):
        settings = experiment(samples_dir, tmp_path, **changes)
        return stream_recipe(tuning_mixture(settings.data), settings.data, settings.stream, 4)

    variants = [{}, {'Data.shots': 0}, {'Data.instructions': 'none'}, {'Data.templates_per_dataset': 4}]
    recipes = [json.dumps(recipe(**changes), sort_keys=True) for changes in variants]
    assert len(set(recipes)) == len(variants)


def test_fixed_exemplars_are_computed_once_for_all_examples(samples_dir, tmp_path, monkeypatch):
    settings = experiment(
        samples_dir, tmp_path, EVAL_TASKS=('copa',), SHOTS=(2,), **{'Evaluation.fixed_exemplars': True}
    )
    eval_set, read = eval_set_of(settings), []
    prefill = PrefixReader.prefill
    monkeypatch.setattr(PrefixReader, 'prefill', lambda self, tokens: read.append(len(tokens)) or prefill(self, tokens))
    params = random_params(settings.model)
    model = LoadedModel(settings.model, params, Vocabulary(), Flan(), Execution(), DEFAULT_DEVICE)
    evaluate(lambda: model, eval_set, base_records(settings))
    prompts = {
        key: [example.prompt_tokens for example in eval_set.examples(key, model.vocabulary, model.prompt_format)]
        for key in eval_set.keys
    }
    assert read == [shared_prefix(of_key) for of_key in prompts.values()] and len(read) == 2 * 3
    assert min(read) >= SHORTEST_PREFIX


def test_other_wordings_have_one_template_for_each_variant(samples_dir, tmp_path):
    changes = {'Evaluation.instructions': 'dataset_name', 'Evaluation.templates': ()}
    settings = experiment(samples_dir, tmp_path, SHOTS=(0,), **changes)
    eval_set = eval_set_of(settings)
    prompts = {
        (key.dataset, key.template, key.variant): eval_set.examples(key, Vocabulary(), Flan())[0].prompt
        for key in eval_set.keys
    }
    assert list(prompts) == [
        ('copa', 0, ''),
        ('wmt16_translate_deen', 0, 'en-de'),
        ('wmt16_translate_deen', 1, 'de-en'),
    ]
    copa, german, english = prompts.values()
    assert copa.startswith('[Commonsense: CoPA] ')
    assert german.startswith('[Translation: WMT-16 EN/DE to German] ')
    assert english.startswith('[Translation: WMT-16 EN/DE to English] ')


def test_datasets_without_training_examples_are_evaluated_zero_shot_only(samples_dir, tmp_path):
    settings = experiment(samples_dir, tmp_path, EVAL_TASKS=('wsc273', 'wsc'), **{'Evaluation.templates': (0,)})
    evaluated = {(key.dataset, key.shots) for key in eval_set_of(settings).keys}
    assert evaluated == {('wsc273', 0), ('wsc', 0), ('wsc', 2)}
    twice = experiment(
        samples_dir, tmp_path, EVAL_TASKS=('wsc',), SHOTS=(2, 2), **{'Evaluation.splits': ('test', 'test')}
    )
    assert len(eval_set_of(twice).keys) == len(set(eval_set_of(twice).keys))
    few_shot_only = experiment(samples_dir, tmp_path, EVAL_TASKS=('wsc273', 'wsc'), SHOTS=(2,))
    with pytest.raises(SettingsError, match=r'SHOTS=\(2,\): wsc273 has no training examples'):
        eval_set_of(few_shot_only).require_exemplars()
    assert {key.dataset for key in eval_set_of(few_shot_only).keys} == {'wsc'}


def test_templates_that_are_not_there_are_refused(samples_dir, tmp_path):
    settings = experiment(samples_dir, tmp_path, **{'Evaluation.templates': (2, 12)})
    with pytest.raises(
        SettingsError, match=r'Evaluation.templates=\(2, 12\): copa cannot be evaluated with template 2'
    ):
        eval_set_of(settings)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'SHOTS': (0, 17)}, r'SHOTS=\(0, 17\): must'),
        ({'SHOTS': ()}, r'SHOTS=\(\): must'),
        ({'Data.shots': -1}, 'Data.shots=-1: must'),
        ({'Data.templates_per_dataset': 0}, 'Data.templates_per_dataset=0: must'),
    ],
)
def test_impossible_numbers_are_refused(change, message, samples_dir, tmp_path):
    with pytest.raises(UserError, match=message):
        experiment(samples_dir, tmp_path, **change)
