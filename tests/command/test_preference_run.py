"""Preferences from a file to a report: prepared, packed, compared with the reference model, learned, rated unseen."""

import json
import random
import shutil

import numpy as np
import pytest

from flan_jax.command import main
from flan_jax.data.own_instructions import declare_prepared
from flan_jax.training import metrics_log
from tests.command.converted_base import run_command, settings_on_base, write_base

STEPS = 24


def rankings(count, seed):
    """Rows with two to four answers, of which one with fewer words is better."""
    draw = random.Random(seed)
    words = ['yes', 'no', 'good', 'is', 'it', 'a', 'man', 'walks', 'sitting', 'to']
    for _ in range(count):
        sizes = draw.sample(range(1, 9), draw.randint(2, 4))
        answers = [' '.join(draw.choices(words, k=size)) for size in sizes]
        yield {'prompt': ' '.join(draw.choices(words, k=3)), 'responses': answers, 'scores': [-size for size in sizes]}


@pytest.fixture(scope='module')
def settings(tmp_path_factory):
    """A folder with a converted base model and prepared rankings, and the settings of a run on both."""
    folder = write_base(tmp_path_factory.mktemp('preferences'), 'Full')
    for split, (count, seed) in {'train': (150, 0), 'test': (20, 1)}.items():
        (folder / f'{split}.jsonl').write_text('\n'.join(map(json.dumps, rankings(count, seed))))
    files = [f'{split}={folder / split}.jsonl' for split in ('train', 'test')]
    data_dir = f'--data_dir={folder / "data"}'
    assert main.main(['data', 'prepare', 'brevity', '--from', *files, '--format=ranked', data_dir]) == 0
    return (
        folder,
        settings_on_base(folder, str(folder / 'data'))
        | {
            'MIXTURE_OR_TASK_NAME': 'brevity', 'TRAIN_STEPS': STEPS, 'BATCH_SIZE': 4, 'LEARNING_RATE': 0.03,
            'Stream.input_length': 32, 'Stream.target_length': 32, 'Stream.targets_per_sequence': None,
            'Run.objective': '@Dpo()', 'Dpo.beta': 0.5, 'Training.log_every': 1,
        },
    )  # fmt: skip


def test_a_run_learns_a_preference_and_reports_it(settings, capfd):
    folder, given = settings
    declare_prepared(given['TFDS_DATA_DIR'])
    arguments = [f'--gin.{name}={value}' for name, value in given.items()]
    assert main.main(['pack', f'--gin_file={folder / "run.gin"}', '--reference', *arguments]) in (0, None)
    (column,) = folder.glob('streams/*/reference-*.safetensors')
    written = column.stat().mtime
    assert run_command('run', folder, given) == 0
    assert column.stat().mtime == written and len(list(folder.glob('streams/*/reference-*'))) == 1

    lines = metrics_log.read(given['MODEL_DIR'])
    first, last = ([line for line in lines if 'loss' in line][index] for index in (0, -1))
    np.testing.assert_allclose(first['loss'], np.log(2), atol=1e-6)
    assert last['accuracy'] > 0.9 and last['chosen_reward'] > last['rejected_reward']
    (held_out,) = [line for line in lines if 'test/accuracy' in line]
    assert held_out['step'] == STEPS and held_out['test/accuracy'] > 0.9
    report = json.loads((folder / 'run' / 'report.json').read_text())['preferences']
    (of_source,) = report['sources']  # by ratings of every answer on disk, and by the objective on the device
    assert (report['step'], of_source['source'], of_source['prompts']) == (STEPS, 'brevity', 20)
    for name in ('accuracy', 'margin'):
        np.testing.assert_allclose(of_source[name], held_out[f'test/{name}'], rtol=1e-5)
    for name in ('chosen', 'others'):
        np.testing.assert_allclose(sum(report['distribution'][name]), 1)
    np.testing.assert_allclose(sum(found['weight'] for found in report['reliability']), 1)
    page = (folder / 'run' / 'report.html').read_text()
    assert 'pairs ranked right' in page and 'of test pairs' in page and page.count('<svg') == 4
    with (folder / 'run' / metrics_log.FILE).open('a') as file:  # as a step leaves whose answers are all ties
        file.write(json.dumps({'step': STEPS + 1, 'loss': 0.7}) + '\n')
    assert run_command('report', folder, given) == 0
    assert 'pairs ranked right' in (folder / 'run' / 'report.html').read_text()


def test_other_weights_under_the_same_path_are_refused(settings, capfd):
    """The folder of the initial checkpoint now holds another model: a run that goes on would compare with it."""
    folder, given = settings
    checkpoint = folder / 'base' / 'checkpoint'
    given = given | {
        'MODEL_DIR': folder / 'moved',
        'Run.initial_checkpoint': repr(str(folder / 'copy')),
        'TRAIN_STEPS': 2,
    }
    shutil.copytree(checkpoint, folder / 'copy')
    assert run_command('train', folder, given) == 0
    shutil.rmtree(folder / 'copy')
    shutil.copytree(folder / 'run' / 'checkpoints' / str(STEPS), folder / 'copy')
    capfd.readouterr()
    assert run_command('train', folder, given) == 2
    assert 'was trained with the reference model' in capfd.readouterr().err


def test_another_reference_is_computed_ahead_and_read(settings, capfd):
    """The run before is compared with: the loss does not begin at ln 2."""
    folder, given = settings
    other = folder / 'run' / 'checkpoints' / str(STEPS)
    arguments = [f'--gin.{name}={value}' for name, value in given.items()]
    before = set(folder.glob('streams/*/reference-*'))
    assert main.main(['pack', f'--gin_file={folder / "run.gin"}', f'--reference={other}', *arguments]) in (0, None)
    assert f"Dpo.reference = '{other}'" in capfd.readouterr().err.replace('\n', '')
    (column,) = set(folder.glob('streams/*/reference-*')) - before
    written = column.stat().mtime
    compared = given | {'MODEL_DIR': folder / 'compared', 'Dpo.reference': repr(str(other))}
    assert run_command('train', folder, compared) == 0
    first = metrics_log.read(folder / 'compared')[0]
    assert abs(first['loss'] - np.log(2)) > 0.1 and column.stat().mtime == written


def test_an_adapter_by_itself_is_no_model_to_start_from_or_to_compare_with(settings, capfd):
    folder, given = settings
    adapter = given | {'MODEL_DIR': folder / 'adapter', 'Run.tuning': '@Lora()', 'TRAIN_STEPS': 1}
    assert run_command('train', folder, adapter) == 0
    for name in ('Run.initial_checkpoint', 'Dpo.reference'):
        wrong = given | {'MODEL_DIR': folder / 'unbegun', name: repr(str(folder / 'adapter' / 'checkpoints' / '1'))}
        capfd.readouterr()
        assert run_command('train', folder, wrong) == 2
        assert 'merge it into that by `flan-jax adapter merge`' in capfd.readouterr().err.replace('\n', ' ')
        assert not (folder / 'unbegun' / 'manifest.json').exists()


def test_reference_goes_with_objectives_that_rank(settings, capfd):
    folder, given = settings
    arguments = [
        f'--gin.{name}={value}'
        for name, value in (given | {'Run.objective': '@NextToken()'}).items()
        if name != 'Dpo.beta'
    ]
    assert main.main(['pack', f'--gin_file={folder / "run.gin"}', '--reference', *arguments]) == 2
    assert '--reference goes with an objective that ranks responses' in capfd.readouterr().err
