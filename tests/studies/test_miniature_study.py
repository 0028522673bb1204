"""The paper in miniature, short: a model learns a world, is tuned on questions about it, and answers unseen ones.

It is the system's own end-to-end experiment, by the commands that `make quickstart` gives a newcomer. A fault in mask,
packing, mixing, template, format or score makes the effect vanish; the control, whose instructions name wrong topics,
must fail whatever happens.
"""

import dataclasses
import json
import pathlib
import shlex
import subprocess

import pytest

from flan_jax import catalogue
from flan_jax.command import configuration, main
from flan_jax.data.members import members
from flan_jax.studies.miniature import HELD_OUT, MINIATURE, mini
from flan_jax.studies.study import PlannedRun
from flan_jax.studies.study_report import write_study

ROOT = pathlib.Path(__file__).parents[2]
PRETRAINED, TUNED = ('gin/runs/miniature_pretrain.gin',), ('gin/runs/miniature.gin',)
ARMS = {arm.name: arm for arm in MINIATURE.arms('small') if arm.name in ('all clusters', 'wrong topics')}
CONTROL = ARMS['wrong topics'].bindings | {
    'MODEL_DIR': 'out/miniature/control',
    'Evaluation.base_dir': 'out/miniature/tuned',  # the quickstart has asked the base model
    'Evaluation.templates': '(0, 1, 2)',
}


def quickstart():
    """The commands that `make quickstart` runs, as words after `flan-jax`."""
    printed = subprocess.run(['make', '--dry-run', 'quickstart'], cwd=ROOT, capture_output=True, text=True, check=True)
    return [shlex.split(line)[1:] for line in printed.stdout.splitlines() if '/flan-jax ' in line]


@pytest.mark.miniature
def test_tuning_surfaces_what_instructions_name(miniature, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (*quickstart(), ['run', f'--gin_file={TUNED[0]}', *(f'--gin.{k}={v}' for k, v in CONTROL.items())]):
        assert main.main(words) == 0
    base = PlannedRun('base', '', 0, PRETRAINED, {}, prepares=True)
    MINIATURE.check([(base, configuration.load(PRETRAINED, {}))])  # every topic's cloze questions
    study = dataclasses.replace(MINIATURE, arms=lambda scale: list(ARMS.values()))
    bindings = {'all clusters': {}, 'wrong topics': CONTROL}
    runs = [PlannedRun(arm, mini(HELD_OUT), 0, TUNED, of_arm) for arm, of_arm in bindings.items()]
    write_study('out', study, 'small', [(run, configuration.load(run.files, run.bindings)) for run in runs])
    found = json.loads(pathlib.Path('out/report.json').read_text())
    ours, base = ({arm: found[model][arm]['Reworded']['mean'] for arm in ARMS} for model in ('ours', 'base'))
    assert ours['all clusters'] - base['all clusters'] >= 20
    assert ours['all clusters'] - ours['wrong topics'] >= 20


@pytest.fixture
def given(miniature, tmp_path):
    """The bindings of a small world, which nothing prepares."""
    from flan_jax.tasks import miniature_data

    miniature_data.write_vocabulary(tmp_path / 'words')
    return {'MODEL_DIR': str(tmp_path), 'TFDS_DATA_DIR': str(tmp_path), 'VOCABULARY': str(tmp_path / 'words')}


def test_every_arm_is_of_the_miniature_and_tunes_on_nothing_that_is_held_out(given):
    for planned in MINIATURE.runs('small', given['MODEL_DIR'], (), given):
        if planned.prepares:
            continue
        run = configuration.load(planned.files, planned.bindings)
        clusters = {member.dataset.cluster.name for member in members(run.data)}
        assert clusters and not clusters & {f'mini_{topic}' for topic in HELD_OUT}
        assert {name for column in MINIATURE.columns.values() for name in column} <= set(catalogue.DATASETS)


def test_runs_of_a_seed_and_size_share_a_base_model(given):
    planned = MINIATURE.runs('small', given['MODEL_DIR'], (), given, seeds=2)
    bases = [run for run in planned if run.prepares]
    loaded = [configuration.load(base.files, base.bindings) for base in bases]
    folders = {f'{run.model_dir}/checkpoints/{run.training.steps}': run for run in loaded}
    assert len(folders) == len(bases) == 2 * 3
    for run in (configuration.load(each.files, each.bindings) for each in planned if not each.prepares):
        base = folders[str(run.initial_checkpoint)]
        assert (run.model, run.training.seed) == (base.model, base.training.seed)
