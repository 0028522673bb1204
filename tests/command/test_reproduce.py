"""Studies: leaving out clusters in turn, planned, killed, resumed and joined; and an ablation with two seeds."""

import csv
import dataclasses
import json
import shlex
import shutil

import pytest

from flan_jax import catalogue
from flan_jax.command import configuration, main
from flan_jax.command.run import complete
from flan_jax.command.start import parse_gin_arguments, start_run
from flan_jax.data.overlap.raw_texts import raw_texts
from flan_jax.run import Run
from flan_jax.studies import contamination, run_evaluation
from flan_jax.studies.flan import STUDIES
from flan_jax.studies.leave_one_out import TABLES
from flan_jax.studies.progress import progress_of
from flan_jax.studies.study_report import write_study
from tests import forked
from tests.command.test_run import bindings
from tests.training.test_train import wait_for

CLUSTERS = ('sentiment', 'commonsense')


def arguments(folder, streams, data_dir):
    where = {'MODEL_DIR': folder, 'Stream.directory': streams, 'TFDS_DATA_DIR': data_dir}
    macros = bindings(**where, MIXTURE_OR_TASK_NAME='+'.join(CLUSTERS))
    chosen = [macro for macro in macros if 'HELD_OUT' not in macro and 'EVAL_TASKS' not in macro]
    return [
        'reproduce',
        'flan.clusters',
        '--scale=own',
        '--gin_file=gin/runs/tiny.gin',
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
    *runs, join = capsys.readouterr().out.splitlines()
    assert join.startswith('flan-jax reproduce flan.clusters') and join.endswith('--join')
    assert len(runs) == len(CLUSTERS)
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
    lines = list(csv.DictReader((uninterrupted / 'table.csv').open()))
    told = {
        (cluster['name'], line['name'], model, str(scores['mean']))
        for cluster in found['clusters']
        for line in cluster['results']
        for model, scores in line['models'].items()
    }
    assert {(line['cluster'], line['dataset'], line['model'], line['mean']) for line in lines} == told
    assert {line['paper'] for line in lines if line['dataset'] == 'copa'} == {'90.0', '90.6'}
    for cluster in CLUSTERS:
        assert (uninterrupted / f'figure_{cluster}.png').read_bytes().startswith(b'\x89PNG')
        assert (uninterrupted / f'figure_{cluster}.svg').read_text() in (uninterrupted / 'report.html').read_text()
    assert all(cluster['finished'] for cluster in found['clusters']) and len(found['not_begun']) == 10
    lines = {line['name']: line for cluster in found['clusters'] for line in cluster['results']}
    assert set(lines) >= {'copa', 'hellaswag', 'piqa', 'story_cloze', 'imdb_reviews', 'sst2'}
    assert lines['copa']['paper']['mean'] == 90.6 and set(lines['copa']['models']) == {'base', 'tuned'}
    low, high = lines['copa']['models']['tuned']['interval']
    assert low <= lines['copa']['models']['tuned']['mean'] <= high
    assert found['formats'] == {'base': 'plain', 'tuned': 'flan'}
    page = (uninterrupted / 'report.html').read_text()
    assert 'Only templates 0, 1 of each dataset are evaluated' in page and '± ' in page
    assert page.count('<svg') == 2 and 'Table 2' in page and 'no scientific meaning' in page


def test_no_model_is_tuned_on_its_cluster_and_the_base_is_evaluated_once(uninterrupted):
    for cluster in CLUSTERS:
        manifest = json.loads((uninterrupted / cluster / 'manifest.json').read_text())
        assert cluster not in manifest['stream']['clusters'] and manifest['stream']['clusters']
        assert not (uninterrupted / cluster / 'evaluation' / 'base').exists()
    folders = [path.name.rpartition('-')[0] for path in (uninterrupted / 'base/evaluation/base').iterdir()]
    assert {'copa', 'imdb_reviews'} <= set(folders) and len(folders) == len(set(folders))


def test_contamination_is_told_by_the_runs_that_are_there(uninterrupted, samples_dir, streams, tmp_path):
    """By the streams of the runs, then by a corpus of two of the examples that are evaluated."""
    shutil.copytree(uninterrupted, tmp_path / 'study')
    command = [*arguments(tmp_path / 'study', streams, samples_dir), '--join']
    command[1] = 'flan.contamination'
    assert main.main(command) == 0
    found = read_report(tmp_path / 'study/contamination')
    assert set(found['read']) == set(CLUSTERS) and not found['without'] and not found['overlaps']
    lines = {(line['name'], line['model']): line for line in found['lines']}
    copa = lines['copa', 'tuned']
    assert {'base', 'tuned'} == {model for _, model in lines} and copa['clean_share'] == 100
    assert copa['scores']['clean'] == copa['scores']['total'] and copa['scores']['dirty'] is None
    assert found['paper']['copa']['clean_share'] == 91 and found['paper']['drop']['difference'] == pytest.approx(
        47.3, abs=0.1
    )
    rows = [row for rows in raw_texts(catalogue.dataset('imdb_reviews'), 'test', samples_dir) for row in rows]
    (tmp_path / 'corpus.txt').write_text(f'Before it. {rows[1][0]} After it.\n')
    assert main.main([*command, f'--corpus=text:{tmp_path}/corpus.txt']) == 0
    line = next(
        line
        for line in read_report(tmp_path / 'study/contamination')['lines']
        if (line['name'], line['model']) == ('imdb_reviews', 'tuned')
    )
    assert (line['examples']['total'], line['examples']['dirty']) == (2, 1)
    assert len(list(csv.DictReader((tmp_path / 'study/contamination/table.csv').open()))) == len(lines)


def snapshot(folder):
    """When each checkpoint and file of records was written."""
    files = [*folder.glob('*/checkpoints/*/params'), *folder.glob('*/evaluation/*/*/*.jsonl')]
    return {path: path.stat().st_mtime_ns for path in files}


def test_a_killed_study_goes_on_and_ends_as_if_it_had_not_been(uninterrupted, samples_dir, streams, tmp_path):
    command = arguments(tmp_path, streams, samples_dir)
    child = forked.Process('flan_jax', command)
    wait_for(lambda: list(tmp_path.glob('sentiment/evaluation/step_*/*/*.jsonl')), child, seconds=600)
    child.kill()
    child.communicate()
    before = snapshot(tmp_path)
    assert before and not (tmp_path / 'report.json').exists()
    assert main.main(command) == 0
    assert before.items() <= snapshot(tmp_path).items(), 'what was finished was made again'
    ours, expected = read_report(tmp_path), read_report(uninterrupted)
    for cluster, twin in zip(ours['clusters'], expected['clusters']):
        assert cluster['results'] == twin['results']


def test_a_run_that_was_killed_before_its_report_gets_one(uninterrupted, samples_dir, streams):
    """The study's page leads to it."""
    report, before = uninterrupted / 'sentiment' / 'report.html', snapshot(uninterrupted)
    whole = report.read_bytes()
    report.unlink()
    assert main.main(arguments(uninterrupted, streams, samples_dir)) == 0
    assert report.read_bytes() == whole and snapshot(uninterrupted) == before


def test_what_the_study_sets_itself_is_refused(samples_dir, streams, tmp_path, capsys):
    command = arguments(tmp_path, streams, samples_dir)
    assert main.main([*command, '--gin.HELD_OUT=sentiment']) == 2
    assert 'HELD_OUT is set by flan.clusters; remove it' in capsys.readouterr().err
    assert main.main([*command, '--clusters=sentimant']) == 2
    assert 'did you mean sentiment' in capsys.readouterr().err


def test_the_former_command_says_what_it_is_now(capsys):
    assert main.main(['experiment', 'leave_one_cluster_out']) == 2
    assert "'experiment leave_one_cluster_out' is 'reproduce flan.clusters'" in capsys.readouterr().err


def test_the_list_names_every_study_with_its_cost(capsys):
    assert main.main(['reproduce', '--list']) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip().startswith('flan.')}
    assert set(lines) == {*TABLES, *STUDIES, contamination.TABLE.id}
    assert 'Number of clusters' in lines['flan.figure6']
    tunings = {name: line.split()[-4::2] for name, line in lines.items()}
    assert tunings['flan.figure7'] == ['3', '5'], 'three widths stand for five sizes'
    assert tunings['flan.figure10'] == ['31', '30'], 'a small base is pretrained'


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['flan.figure66'], "unknown study 'flan.figure66'; did you mean flan.figure6"),
        ([], 'give the id of one table or figure, or --list'),
        (['flan.figure6', '--seeds=0'], '--seeds=0: must be at least 1'),
        (['flan.figure6', '--clusters=sentiment'], 'flan.figure6 has fixed held-out clusters'),
        (['flan.figure6', '--gin.MIXTURE_OR_TASK_NAME=flan'], 'MIXTURE_OR_TASK_NAME is set by flan.figure6; remove it'),
        (['flan.figure7', '--scale=own'], 'use --scale=small or --scale=paper'),
        (['flan.table1', '--seeds=2'], 'flan.table1 has one run per cluster'),
        (['flan.table1', '--corpus=text:a.txt'], 'only flan.contamination searches a corpus'),
        (['flan.contamination', '--corpus=text:nowhere.txt'], 'no file matches nowhere.txt'),
    ],
)
def test_bad_words_are_refused(samples_dir, words, message, capsys):
    given = [f'--gin.TFDS_DATA_DIR={samples_dir}'] if words else []
    assert main.main(['reproduce', *words, *given]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('words', [['flan.figur6'], ['flan.figure6', '--limit=0'], ['miniature', '--clusters=nli']])
def test_no_data_is_made_for_words_that_are_refused(words, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv('TFDS_DATA_DIR', raising=False)
    monkeypatch.chdir(tmp_path)
    assert main.main(['reproduce', *words]) == 2
    assert not list(tmp_path.iterdir())


def test_every_study_of_flan_is_of_the_catalogue_and_of_arms_that_the_paper_has():
    for study in STUDIES.values():
        assert {name for column in study.columns.values() for name in column} <= set(catalogue.DATASETS)
        arms = [arm.name for arm in study.arms('paper')]
        assert set(arms) <= set(study.paper) and len({arm.folder for arm in study.arms('paper')}) <= len(arms)
        for held_out, columns in study.held_out.items():
            clusters = {catalogue.dataset(name).cluster.name for c in columns for name in study.columns[c]}
            assert clusters <= set(catalogue.clusters_left_out(held_out)), 'what is evaluated is held out'


def test_an_ablation_asks_one_model_in_two_ways_and_has_intervals_over_seeds(samples_dir, streams, tmp_path, capsys):
    """Two arms and a column of Figure 8, as all would take minutes; runs, records and page are the command's own."""
    study = dataclasses.replace(
        STUDIES['flan.figure8'],
        arms=lambda scale: STUDIES['flan.figure8'].arms(scale)[2:],
        held_out={'sentiment': ('Sentiment',)},
        columns={'Sentiment': ('imdb_reviews', 'sst2')},
    )
    given = dict(word.removeprefix('--gin.').split('=', 1) for word in arguments(tmp_path, streams, samples_dir)[6:])
    given |= {'TRAIN_STEPS': '2', 'EVAL_LIMIT': '2'}
    given['Evaluation.templates'] = '(0,)'  # all that a dataset's name has
    planned = study.runs('own', str(tmp_path), ('gin/runs/tiny.gin',), given, seeds=2)
    assert len(planned) == 2 * 2 and len({run.bindings['MODEL_DIR'] for run in planned}) == 2
    for run in planned:
        complete(*start_run('run', run.files, run.bindings))
    loaded = [(run, configuration.load(run.files, run.bindings)) for run in planned]
    assert all(progress_of(run).finished for _, run in loaded)
    pages = [run_evaluation.report_folder(run) for _, run in loaded]
    told = [read_report(page)['manifest']['run']['evaluation']['instructions'] for page in pages]
    assert told == ['templates', 'dataset_name'] * 2
    page = write_study(tmp_path, study, 'own', loaded).read_text()
    assert 'not finished' not in page
    content = json.loads((tmp_path / 'report.json').read_text())
    for arm in study.arms('own'):
        cell = content['ours'][arm.name]['Sentiment']
        assert cell['seeds'] == 2 and cell['low'] <= cell['mean'] <= cell['high']
        assert content['ours'][arm.name]['Average'] == cell, 'of one column'
    assert (tmp_path / 'figure.png').read_bytes().startswith(b'\x89PNG') and (tmp_path / 'figure.svg').exists()
    lines = list(csv.DictReader((tmp_path / 'table.csv').open()))
    assert len([line for line in lines if line['model'] != 'paper']) == 2 * 2 * 2
    (pages[0] / 'report.html').unlink()
    assert [progress_of(run).finished for _, run in loaded] == [False, True, True, True], 'each has a page of its own'
