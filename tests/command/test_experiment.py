"""Leaving out clusters in turn: planned, killed, resumed, joined."""

import json
import pathlib
import shlex
import subprocess
import sys

import pytest

from flan_jax.command import configuration, main
from flan_jax.command.start import parse_gin_arguments
from flan_jax.run import Run
from tests.command.test_run import bindings
from tests.training.test_train import wait_for

CLUSTERS = ('sentiment', 'commonsense')


def arguments(folder, streams, data_dir):
    where = {'MODEL_DIR': folder, 'Stream.directory': streams, 'TFDS_DATA_DIR': data_dir}
    macros = bindings(**where, MIXTURE_OR_TASK_NAME='+'.join(CLUSTERS))
    chosen = [macro for macro in macros if 'HELD_OUT' not in macro and 'EVAL_TASKS' not in macro]
    return [
        'experiment',
        'leave_one_cluster_out',
        '--gin_file=gin/runs/quickstart.gin',
        f'--clusters={",".join(CLUSTERS)}',
        '--limit=2',
        '--gin.Evaluation.templates=(0, 1)',
        *chosen,
    ]


@pytest.fixture(scope='module')
def streams(tmp_path_factory):
    return tmp_path_factory.mktemp('streams')


@pytest.fixture(scope='module')
def uninterrupted(samples_dir, streams, tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    assert main.main(arguments(folder, streams, samples_dir)) == 0
    return folder


def read_report(folder):
    return json.loads((folder / 'report.json').read_text())


def test_the_plan_is_commands_that_any_machine_can_run(samples_dir, streams, tmp_path, capsys):
    assert main.main([*arguments(tmp_path, streams, samples_dir), '--plan']) == 0
    *runs, report = capsys.readouterr().out.splitlines()
    assert report.startswith('flan-jax report') and len(runs) == len(CLUSTERS)
    for cluster, line in zip(CLUSTERS, runs):
        words = shlex.split(line)
        assert words[:2] == ['flan-jax', 'run']
        given = parse_gin_arguments('run', words[2:])
        run: Run = configuration.load(*given)
        assert (run.data.held_out, run.evaluation.limit) == (cluster, 2)
        assert (run.model_dir, run.evaluation.base_dir) == (f'{tmp_path}/{cluster}', f'{tmp_path}/base')
    assert not list(tmp_path.iterdir())


def test_the_report_joins_all_clusters(uninterrupted):
    found = read_report(uninterrupted)
    assert [cluster['name'] for cluster in found['clusters']] == ['commonsense', 'sentiment']  # the catalogue's order
    assert all(cluster['finished'] for cluster in found['clusters']) and len(found['not_begun']) == 10
    lines = {line['name']: line for cluster in found['clusters'] for line in cluster['results']}
    assert set(lines) >= {'copa', 'hellaswag', 'piqa', 'story_cloze', 'imdb_reviews', 'sst2'}
    assert lines['copa']['paper']['mean'] == 90.6 and set(lines['copa']['models']) == {'base', 'tuned'}
    low, high = lines['copa']['models']['tuned']['interval']
    assert low <= lines['copa']['models']['tuned']['mean'] <= high
    assert found['formats'] == {'base': 'plain', 'tuned': 'flan'}
    page = (uninterrupted / 'report.html').read_text()
    assert page.count('<svg') == 2 and 'Table 2' in page and 'mean nothing for science' in page


def test_no_model_is_tuned_on_its_cluster_and_the_base_is_evaluated_once(uninterrupted):
    for cluster in CLUSTERS:
        manifest = json.loads((uninterrupted / cluster / 'manifest.json').read_text())
        assert cluster not in manifest['stream']['clusters'] and manifest['stream']['clusters']
        assert not (uninterrupted / cluster / 'evaluation' / 'base').exists()
    folders = [path.name.rpartition('-')[0] for path in (uninterrupted / 'base/evaluation/base').iterdir()]
    assert {'copa', 'imdb_reviews'} <= set(folders) and len(folders) == len(set(folders))


def snapshot(folder):
    """When each checkpoint and file of records was written."""
    files = [*folder.glob('*/checkpoints/*/params'), *folder.glob('*/evaluation/*/*/*.jsonl')]
    return {path: path.stat().st_mtime_ns for path in files}


def test_a_killed_study_goes_on_and_ends_as_if_it_had_not_been(uninterrupted, samples_dir, streams, tmp_path):
    command = arguments(tmp_path, streams, samples_dir)
    child = subprocess.Popen([sys.executable, '-m', 'flan_jax', *command], cwd=pathlib.Path(__file__).parents[2])
    wait_for(lambda: list(tmp_path.glob('sentiment/evaluation/step_*/*/*.jsonl')), child, seconds=600)
    child.kill()
    child.wait()
    before = snapshot(tmp_path)
    assert before and not (tmp_path / 'report.json').exists()
    assert main.main(command) == 0
    assert before.items() <= snapshot(tmp_path).items(), 'what was finished was made again'
    ours, expected = read_report(tmp_path), read_report(uninterrupted)
    for cluster, twin in zip(ours['clusters'], expected['clusters']):
        assert cluster['results'] == twin['results']


def test_what_the_study_sets_itself_is_refused(samples_dir, streams, tmp_path, capsys):
    command = arguments(tmp_path, streams, samples_dir)
    assert main.main([*command, '--gin.HELD_OUT=sentiment']) == 2
    assert 'HELD_OUT is set by the study itself' in capsys.readouterr().err
    assert main.main([*command, '--clusters=sentimant']) == 2
    assert 'did you mean sentiment' in capsys.readouterr().err
