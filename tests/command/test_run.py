"""The whole path by the command: pack, tune, ask, report; again, and with what must be refused."""

import json
import os
import re
import shutil

import pytest
import train_vocabulary
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util.tensor_util import make_ndarray

from flan_jax.command import main
from flan_jax.distributed.lock import only_run
from flan_jax.evaluation import records
from flan_jax.evaluation.option_scores import SCORES
from flan_jax.training import metrics_log
from tests import forked

RUN = ['run', '--gin_file=gin/runs/tiny.gin']


def bindings(**changes):
    small = {
        'MIXTURE_OR_TASK_NAME': 'sentiment',
        'HELD_OUT': None,
        'EVAL_TASKS': ('copa', 'natural_questions'),
        'TRAIN_STEPS': 3,
        'BATCH_SIZE': 2,
        'SEQUENCE_LENGTH': 160,
        'Stream.input_length': 120,
        'Stream.target_length': 8,
        'lamda.d_model': 32,
        'lamda.head_dim': 16,
        'Stream.targets_per_sequence': 40,
        'EVAL_LIMIT': 3,
        'Evaluation.templates': (0, 1),
    }
    return [f'--gin.{name}={value}' for name, value in (small | changes).items()]


@pytest.fixture(scope='module')
def finished(samples_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp('finished')
    where = {'MODEL_DIR': folder / 'run', 'Stream.directory': folder / 'streams', 'TFDS_DATA_DIR': samples_dir}
    assert main.main([*RUN, *bindings(**where)]) == 0
    return where


def test_the_manifest_tells_what_was_run(finished):
    manifest = json.loads((finished['MODEL_DIR'] / 'manifest.json').read_text())
    assert manifest['run']['training']['steps'] == 3
    assert manifest['command'].startswith('flan-jax run --gin_file=gin/runs/tiny.gin')
    assert 'TRAIN_STEPS = 3' in manifest['gin']
    assert manifest['versions']['jax'] and manifest['versions']['seqio'] == '0.0.20'
    assert re.fullmatch(r'[0-9a-f]{16}', manifest['stream']['fingerprint'])
    assert sum(manifest['stream']['recipe']['rates'].values()) == pytest.approx(1)
    assert manifest['stream']['recipe']['data']['sst2']['source'] == 'glue/sst2:2.0.0'


def test_there_is_a_record_for_every_row_and_template(finished):
    for model in ('base', 'step_3'):
        folder = finished['MODEL_DIR'] / 'evaluation' / model
        copa = read_lines(the_only(folder, 'copa-*/test_template_0.jsonl'))
        assert len(copa) == 3 and len(list(folder.glob('copa-*/*.jsonl'))) == 2 * 2
        for record in copa:
            assert record['references'][0] in [option['text'] for option in record['options']]
            assert record['options'][0]['sum'] < 0 and 'OPTIONS:' in record['prompt']
        answered = read_lines(the_only(folder, 'natural_questions-*/test_template_0.jsonl'))[0]
        assert isinstance(answered['prediction'], str) and answered['references']


def test_the_report_says_what_was_found(finished):
    report = json.loads((finished['MODEL_DIR'] / 'report.json').read_text())
    assert [row['name'] for row in report['results']] == ['copa', 'natural_questions']
    copa = report['results'][0]
    assert copa['chance'] == 50.0 and copa['num_examples'] == 3 and copa['paper']['mean'] == 90.6
    assert set(copa['models']) == {'base', 'tuned'} and len(copa['models']['tuned']['templates']) == 2
    assert len(report['loss']) == 2 and report['from_samples'] is True
    assert [line['answers'] for line in report['answers']] == [2 * 3, 2 * 3], 'every example in each template'
    beside = {'results.csv', 'templates.csv', 'results.tex', 'scores.svg', 'scores.png', 'loss.svg', 'loss.png'}
    assert beside <= set(os.listdir(finished['MODEL_DIR']))
    page = (finished['MODEL_DIR'] / 'report.html').read_text()
    assert 'no scientific meaning' in page and page.count('<svg') == 2
    assert not re.search(r'(src|href)="http', page), 'the page must stand alone'


def test_tensorboard_shows_what_training_and_evaluation_say(finished):
    events = EventAccumulator(str(finished['MODEL_DIR'] / 'tensorboard')).Reload()
    tags = [tag for tag in events.Tags()['tensors'] if not tag.startswith('_hparams_')]
    shown = {tag: {event.step: tensor_value(event) for event in events.Tensors(tag)} for tag in tags}
    lines = metrics_log.read(finished['MODEL_DIR'])
    for name in ('loss', 'learning_rate', 'gradient_norm'):
        assert shown[name] == {line['step']: pytest.approx(line[name]) for line in lines if name in line}
    report = json.loads((finished['MODEL_DIR'] / 'report.json').read_text())
    for row in report['results']:
        means = {step: row['models'][label]['mean'] for step, label in ((0, 'base'), (3, 'tuned'))}
        assert shown[f'evaluation/{row["name"]}'] == pytest.approx(means)
    copa = the_only(finished['MODEL_DIR'] / 'evaluation/step_3', 'copa-*/test_template_0.jsonl')
    prompt = read_lines(copa)[0]['prompt']
    text = shown['answers/copa'][3].decode()
    assert all(f'    {line}' in text for line in prompt.splitlines()) and '**reference**' in text
    settings = events.summary_metadata['_hparams_/session_start_info'].plugin_data.content
    started = HParamsPluginData.FromString(settings).session_start_info.hparams
    assert started['training.steps'].number_value == 3 and started['model.d_model'].number_value == 32


def tensor_value(event):
    value = make_ndarray(event.tensor_proto)
    return value.item() if value.ndim == 0 else value[0]


def test_several_runs_have_one_page(finished, tmp_path, capsys):
    runs = [str(finished['MODEL_DIR']), f'again={finished["MODEL_DIR"]}']
    assert main.main(['report', *runs, f'--output={tmp_path}']) == 0
    report = json.loads((tmp_path / 'report.json').read_text())
    alone = json.loads((finished['MODEL_DIR'] / 'report.json').read_text())
    names = ['base', finished['MODEL_DIR'].name, 'again']
    assert list(report['models']) == names and report['models']['base']['notes'] == 'not tuned'
    for line, expected in zip(report['results'], alone['results'], strict=True):
        means = [line['models'][name]['mean'] for name in names]
        assert means == [expected['models'][model]['mean'] for model in ('base', 'tuned', 'tuned')]
    assert main.main(['report', str(tmp_path)]) == 2
    assert 'not the folder of a run' in capsys.readouterr().err


def test_a_second_run_does_nothing_and_says_the_same(finished):
    before = {path: path.stat().st_mtime_ns for path in finished['MODEL_DIR'].rglob('*.jsonl')}
    report = (finished['MODEL_DIR'] / 'report.json').read_text()
    assert main.main([*RUN, *bindings(**finished)]) == 0
    unchanged = {path: path.stat().st_mtime_ns for path in before if path.name != 'metrics.jsonl'}
    assert unchanged.items() <= before.items()
    assert json.loads(report)['results'] == json.loads((finished['MODEL_DIR'] / 'report.json').read_text())['results']


def test_while_a_run_is_at_work_it_can_be_reported_on_but_nobody_else_writes(finished, capsys):
    words = ['--gin_file=gin/runs/tiny.gin', *bindings(**finished)]
    with only_run(finished['MODEL_DIR']):
        for command in ('run', 'train', 'evaluate', 'certify'):
            capsys.readouterr()
            assert main.main([command, *words]) == 2
            assert 'another process is using this folder: process' in ' '.join(capsys.readouterr().err.split())
        assert main.main(['report', *words]) == 0
        assert main.main(['status', str(finished['MODEL_DIR'])]) == 0
    for command in ('evaluate', 'certify'):
        assert main.main([command, *words]) == 0


def test_a_model_asked_while_it_is_tuned_becomes_the_same_model(finished, tmp_path, monkeypatch):
    """Evaluated after steps 1 and 2 of 3; stopped in the middle of that, it goes on where it was."""
    where = finished | {'MODEL_DIR': tmp_path / 'run', 'EVAL_PERIOD': 1}
    with monkeypatch.context() as patch:
        patch.setattr(records, 'write', _fails_at('step_2'))
        assert main.main([*RUN, *bindings(**where)]) == 130
    assert sorted(os.listdir(tmp_path / 'run/checkpoints')) == ['1', '2']
    assert main.main([*RUN, *bindings(**where)]) == 0
    evaluation = tmp_path / 'run/evaluation'
    assert sorted(os.listdir(evaluation)) == ['base', 'step_1', 'step_2', 'step_3']
    file = 'copa-*/test_template_0.jsonl'
    answers = {folder.name: the_only(folder, file).read_text() for folder in evaluation.iterdir()}
    assert answers['step_3'] == the_only(finished['MODEL_DIR'] / 'evaluation/step_3', file).read_text()
    assert len(set(answers.values())) == 4
    report = json.loads((tmp_path / 'run/report.json').read_text())
    assert [line['step'] for line in report['while_tuning'] if line['name'] == 'copa'] == [0, 1, 2, 3]
    assert (tmp_path / 'run/report.html').read_text().count('<svg') == 3


def _fails_at(name):
    write = records.write

    def write_unless(folder, key, found):
        if folder.parent.name == name:
            raise KeyboardInterrupt
        write(folder, key, found)

    return write_unless


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'LEARNING_RATE': 0.5}, 'training.learning_rate: 0.01 before, 0.5 now'),
        ({'lamda.num_layers': 3}, 'model.num_layers: 2 before, 3 now'),
        ({'MIXTURE_OR_TASK_NAME': 'paraphrase'}, 'data.mixture: sentiment before, paraphrase now'),
        ({'SEED': 1}, 'stream.seed: 0 before, 1 now'),
    ],
)
def test_another_configuration_is_refused_with_the_difference(finished, capsys, change, message):
    assert main.main([*RUN, *bindings(**finished | change)]) == 2
    assert message in capsys.readouterr().err


def test_records_of_other_settings_are_not_mixed(finished, tmp_path):
    shutil.copytree(finished['MODEL_DIR'], tmp_path / 'run')
    given = bindings(**finished | {'EVAL_LIMIT': 2, 'MODEL_DIR': tmp_path / 'run'})
    assert main.main(['report', RUN[1], *given]) == 0
    report = json.loads((tmp_path / 'run/report.json').read_text())
    assert report['results'] == [] and report['not_evaluated'] == {
        label: ['copa', 'natural_questions'] for label in ('base', 'tuned')
    }
    assert main.main(['evaluate', RUN[1], *given]) == 0
    assert {len(read_lines(path)) for path in tmp_path.glob('run/evaluation/*/copa-*/test_*.jsonl')} == {2, 3}


def test_another_vocabulary_is_refused(finished, capsys, tmp_path):
    texts = [f'{a} {b} {c}' for a in 'abcdefgh' for b in 'ijklmnop' for c in 'qrstuvwxyz']
    train_vocabulary.train(texts, str(tmp_path / 'other'), 287)
    other = {'VOCABULARY': tmp_path / 'other.model', 'MODEL_DIR': tmp_path / 'run'}
    checkpoint = {'INITIAL_CHECKPOINT_PATH': finished['MODEL_DIR'] / 'checkpoints' / '3'}
    assert main.main(['train', RUN[1], *bindings(**finished | other | checkpoint)]) == 2
    assert 'was trained with vocabulary' in capsys.readouterr().err
    assert main.main(['train', RUN[1], *bindings(**finished | other | {'lamda.vocab_size': 100})]) == 2
    assert 'has 287 pieces, but the model has only 100' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'HELD_OUT': 'sentimant'}, "unknown cluster 'sentimant'; did you mean sentiment"),
        ({'EVAL_TASKS': ('copaa',)}, "unknown cluster or dataset 'copaa'; did you mean copa"),
        ({'MIXTURE_OR_TASK_NAME': 'sentimental'}, "unknown mixture 'sentimental'; did you mean sentiment"),
        ({'TFDS_DATA_DIR': '/nowhere'}, '`flan-jax data prepare --samples --data_dir=/nowhere`'),
        ({'INITIAL_CHECKPOINT_PATH': '/nowhere/1'}, '/nowhere/1: no such folder'),
        ({'VOCABULARY': '/nowhere.model'}, "VOCABULARY='/nowhere.model': no such"),
        ({'FSDP': 3}, 'must divide the 1 devices'),
        ({'Stream.targets_per_sequence': 4}, 'Stream.targets_per_sequence=4 is less than the Stream.target_length=8'),
    ],
)
def test_bad_settings_are_refused_before_work_starts(finished, capsys, tmp_path, change, message):
    assert main.main([*RUN, *bindings(**finished | {'MODEL_DIR': tmp_path / 'run'} | change)]) == 2
    assert message in capsys.readouterr().err
    assert not list((tmp_path / 'run').glob('checkpoints/*'))


def test_missing_datasets_are_named_in_manifest_and_report(samples_dir, finished, tmp_path):
    partial = tmp_path / 'partial'
    for name in ('glue/sst2', 'imdb_reviews', 'super_glue/copa', 'natural_questions_open'):
        shutil.copytree(f'{samples_dir}/{name}', partial / name)
    given = finished | {'TFDS_DATA_DIR': partial, 'MODEL_DIR': tmp_path / 'run'}
    assert main.main([*RUN, *bindings(**given)]) == 2
    assert main.main([*RUN, *bindings(**given, **{'Data.allow_missing': True})]) == 0
    manifest = json.loads((tmp_path / 'run' / 'manifest.json').read_text())
    assert manifest['missing_datasets'] == ['sentiment140', 'yelp_polarity_reviews']
    assert 'sentiment140, yelp_polarity_reviews' in (tmp_path / 'run' / 'report.html').read_text()


def the_only(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def take_scores(record):
    """Takes all scores out of a record, and the checksum that depends on them."""
    record.pop('check')
    return [option.pop(score) for option in record.get('options', ()) for score in SCORES]


def test_any_checkpoint_is_evaluated_without_tuning_and_on_many_devices_alike(finished, tmp_path):
    """The tuned weights, evaluated as the base of another run on eight devices, answer as they did on one."""
    again = {
        'MODEL_DIR': tmp_path / 'run',
        'INITIAL_CHECKPOINT_PATH': finished['MODEL_DIR'] / 'checkpoints' / '3',
        'FSDP': 2,
        'Evaluation.base_format': '@Flan()',
    }
    arguments = [RUN[1], *bindings(**finished | again)]
    found = forked.run('flan_jax', ['evaluate', *arguments], forked.with_devices(8))
    assert found.returncode == 0, found.stderr
    files = sorted(finished['MODEL_DIR'].glob('evaluation/step_3/*/*.jsonl'))
    assert files and os.listdir(tmp_path / 'run/evaluation') == ['base']
    for path in files:
        dataset = path.parent.name.rpartition('-')[0]
        again = the_only(tmp_path / 'run/evaluation/base', f'{dataset}-*/{path.name}')
        for expected, found in zip(read_lines(path), read_lines(again), strict=True):
            assert take_scores(found) == pytest.approx(take_scores(expected), abs=2e-5)
            assert found == expected
    assert main.main(['report', *arguments]) == 0
    assert 'evaluated without any tuning' in (tmp_path / 'run/report.html').read_text()


def test_nothing_to_evaluate_is_refused(tmp_path, samples_dir, capsys):
    where = {'MODEL_DIR': tmp_path / 'run', 'TFDS_DATA_DIR': samples_dir, 'Stream.directory': tmp_path}
    assert main.main(['evaluate', RUN[1], *bindings(**where)]) == 2
    assert 'or set INITIAL_CHECKPOINT_PATH to evaluate a model without tuning' in capsys.readouterr().err


def test_a_run_answers_prompts(finished, capsys):
    assert main.main(['generate', f'--checkpoint={finished["MODEL_DIR"]}', '--max_new_tokens=3', 'Is it good?']) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 1
