"""Folders of studies: a page for each that shares one, and no run with other settings than those it has begun with."""

import dataclasses
import json
import re

import pytest

from flan_jax import catalogue, manifest
from flan_jax.catalogue.forms import in_form
from flan_jax.command import configuration, start, study_runs
from flan_jax.command.study_runs import check_runs, load_runs, print_plan
from flan_jax.errors import UserError
from flan_jax.evaluation.selection import chosen_templates
from flan_jax.settings import as_plain
from flan_jax.studies.flan import STUDIES
from flan_jax.studies.head_to_head_tables import TABLE_4
from flan_jax.studies.hewitt_miniature import MINIATURE as HEWITT_MINIATURE
from flan_jax.studies.leave_one_out import TABLES
from flan_jax.studies.leave_one_out_report import write_study_report
from flan_jax.studies.pretraining import BASE_CHECKPOINT
from flan_jax.studies.study_report import write_study


def test_studies_that_share_a_folder_keep_a_page_each(samples_dir, tmp_path):
    given = {'TFDS_DATA_DIR': samples_dir, 'EVAL_LIMIT': '1'}

    def write(name):
        of_all = STUDIES[name]
        study = dataclasses.replace(
            of_all, arms=lambda scale: of_all.arms(scale)[:1], columns={'Commonsense': ('copa',)},
            held_out={'commonsense': ('Commonsense',)},
        )  # fmt: skip
        planned = study.runs('small', str(tmp_path), (), given)
        return write_study(
            tmp_path, study, 'small', [(run, configuration.load(run.files, run.bindings)) for run in planned]
        )

    first = write('flan.figure6')
    assert first == tmp_path / 'report.html'
    before = first.read_bytes()
    second = write('flan.figure11')
    assert second == tmp_path / 'flan.figure11' / 'report.html' and (second.parent / 'figure.svg').exists()
    assert first.read_bytes() == before and write('flan.figure6') == first
    assert json.loads((second.parent / 'report.json').read_text())['id'] == 'flan.figure11'
    assert not (first.parent / 'flan.figure6').exists()
    tables = configuration.load(['gin/runs/small.gin'], {**given, 'MODEL_DIR': str(tmp_path)})
    assert write_study_report(tables, ()) == tmp_path / 'leave_one_out' / 'report.html'
    assert first.read_bytes() == before


def test_an_arm_that_asks_the_model_of_another_has_a_page_of_its_own():
    given = {BASE_CHECKPOINT: 'base'}
    runs = TABLE_4.runs('paper', 'root', (), given)
    pages = [run.bindings.get('Evaluation.report_dir') for run in runs]
    assert len({run.bindings['MODEL_DIR'] for run in runs}) == 1 and pages[0] is None
    assert len(set(pages)) == len(pages) and 'root/seed_0/instruction_tuning/without_the_EOS_rule' in pages
    alone = HEWITT_MINIATURE.runs('small', 'root', (), {})
    assert not any('Evaluation.report_dir' in run.bindings for run in alone), 'no other arm asks its models'


def test_the_page_of_a_table_says_what_of_that_table_is_missing_and_how_to_go_on(samples_dir, tmp_path):
    files, given = ['gin/runs/small.gin'], {'TFDS_DATA_DIR': samples_dir, 'MODEL_DIR': str(tmp_path)}
    expected = TABLES['flan.table1'].clusters
    page = write_study_report(configuration.load(files, given), expected, 'flan-jax reproduce flan.table1').read_text()
    assert 'flan-jax reproduce flan.table1' in page and 'Commonsense' not in page
    assert json.loads((tmp_path / 'report.json').read_text())['not_begun'] == ['Translation', 'Struct to text']


def test_a_run_that_has_begun_with_other_settings_is_refused_before_any_work(samples_dir, tmp_path):
    given = {'TFDS_DATA_DIR': samples_dir, 'EVAL_LIMIT': '1', 'TRAIN_STEPS': '9'}
    planned = STUDIES['flan.figure6'].runs('small', str(tmp_path), (), given)[1]
    run = configuration.load(planned.files, planned.bindings)
    before = dataclasses.replace(run, training=dataclasses.replace(run.training, steps=7))
    (tmp_path / run.model_dir).mkdir(parents=True)
    begun = {'run': as_plain(before), 'stream': {'recipe': {}}}
    (tmp_path / run.model_dir / manifest.FILE).write_text(json.dumps(begun))
    with pytest.raises(manifest.ManifestError, match='training.steps: 7 before, 9 now'):
        check_runs([(planned, run)])
    for command in ('run', 'train', 'evaluate'):  # and not after a stream of other length is packed
        with pytest.raises(manifest.ManifestError, match='training.steps: 7 before, 9 now'):
            start.start_run(command, planned.files, planned.bindings)


def test_a_run_of_another_storage_of_streams_is_refused_before_any_work(samples_dir, tmp_path):
    given = {'TFDS_DATA_DIR': samples_dir, 'MODEL_DIR': str(tmp_path), 'TRAIN_STEPS': '9'}
    run = configuration.load(['gin/runs/tiny.gin'], given)
    begun = {'run': as_plain(run), 'stream': {'recipe': {'storage': 1}}}
    (tmp_path / manifest.FILE).write_text(json.dumps(begun))
    for command in ('run', 'train'):
        with pytest.raises(manifest.ManifestError, match='of another version of flan_jax'):
            start.start_run(command, ['gin/runs/tiny.gin'], given)
    start.start_run('evaluate', ['gin/runs/tiny.gin'], given)


def test_a_first_look_may_ask_every_dataset_by_template_0_in_every_arm():
    """docs/evaluation.md says so."""
    asked = {arm.bindings.get('Evaluation.instructions') for study in STUDIES.values() for arm in study.arms('small')}
    assert asked == {None, 'dataset_name'}
    for instructions in ('templates', 'dataset_name'):
        for dataset in catalogue.DATASETS.values():
            assert chosen_templates(in_form(dataset, instructions), (0,)) == [0], dataset.name


def test_lines_of_a_plan_that_may_go_on_at_the_same_time_are_of_different_folders(samples_dir, tmp_path, capsys):
    """Figure 8 asks one model in two ways: two machines would tune it in one folder."""
    given = {'TFDS_DATA_DIR': samples_dir, 'EVAL_LIMIT': '1', 'Evaluation.templates': '(0,)'}
    planned = STUDIES['flan.figure8'].runs('small', str(tmp_path), (), given)
    some = [run for run in planned if run.held_out in ('translation', 'closed_book_qa')]
    print_plan(
        [(run, configuration.load(run.files, run.bindings)) for run in some], 'flan-jax reproduce flan.figure8 --join'
    )
    stages = re.split('^#.*$', capsys.readouterr().out, flags=re.MULTILINE)
    folders = [re.findall(r'flan-jax run .*--gin.MODEL_DIR=(\S+)', stage) for stage in stages]
    assert [len(found) for found in folders] == [6, 2]
    assert all(len(set(found)) == len(found) for found in folders) and set(folders[1]) < set(folders[0])


def test_the_page_names_the_runs_that_prepare_others_as_they_are_carried_out(samples_dir, tmp_path):
    given = {'TFDS_DATA_DIR': samples_dir, 'EVAL_LIMIT': '1', 'TRAIN_STEPS': '7', 'Evaluation.templates': '(0,)'}
    of_all = STUDIES['flan.figure10']
    study = dataclasses.replace(of_all, held_out={'commonsense': ('CoPA',)}, columns={'CoPA': ('copa',)})
    loaded = load_runs(study.runs('small', str(tmp_path), (), given), given)
    for planned, run in loaded[:2]:  # the base, and the model that is tuned from it
        (tmp_path / run.model_dir).mkdir(parents=True)
        begun = {'run': as_plain(run), 'command': f'flan-jax run of {planned.name}'}
        (tmp_path / run.model_dir / manifest.FILE).write_text(json.dumps(begun))
    write_study(tmp_path, study, 'small', loaded)
    found = json.loads((tmp_path / 'report.json').read_text())
    assert found['commands'] == [f'flan-jax run of {planned.name}' for planned, _ in loaded[:2]]
    assert list(found['unfinished']) == [planned.name for planned, _ in loaded]
    assert loaded[0][0].name == 'pretraining, seed 0' and set(found['paper']) == {arm['name'] for arm in found['arms']}


def test_runs_are_counted_through_and_none_begins_before_its_base_is_sound(samples_dir, tmp_path, monkeypatch, capsys):
    given = {'TFDS_DATA_DIR': samples_dir, 'EVAL_LIMIT': '1', 'TRAIN_STEPS': '7', 'Evaluation.templates': '(0,)'}
    study = dataclasses.replace(STUDIES['flan.figure10'], held_out={'commonsense': ('CoPA',)})
    loaded = load_runs(study.runs('small', str(tmp_path), (), given), given)
    begun = []
    monkeypatch.setattr(study_runs, 'start_run', lambda command, files, bindings: (bindings['MODEL_DIR'], command))
    monkeypatch.setattr(study_runs, 'complete', lambda folder, command: begun.append(folder))

    def refuse(prepared):
        assert [run.model_dir for _, run in prepared] == begun == [run.model_dir for _, run in loaded[:2]]
        raise UserError('has learned nothing')

    with pytest.raises(UserError, match='has learned nothing'):
        study_runs.carry_out(loaded, refuse)
    begun.clear()
    study_runs.carry_out(loaded, lambda prepared: None)
    assert begun == [run.model_dir for _, run in loaded]
    said = capsys.readouterr().err
    assert all(f'\n{planned.name}\n' in said for planned, _ in loaded)
    counted = re.findall(r'run (\d+) of (\d+)', said)
    assert counted == [(str(number), '6') for number in (1, 2, 1, 2, 3, 4, 5, 6)]
