"""The paper in miniature, short: a model learns a world, is tuned on questions about it, and answers unseen ones.

It is the system's own end-to-end experiment. A fault in mask, packing, mixing, template, format or score makes the
effect vanish; the control, whose instructions name wrong topics, must fail whatever happens.
"""

import dataclasses
import json
import pathlib

import pytest

from flan_jax import catalogue
from flan_jax.command import configuration
from flan_jax.command.run import complete
from flan_jax.command.start import start_run
from flan_jax.data.members import members
from flan_jax.studies.miniature import HELD_OUT, MINIATURE
from flan_jax.studies.study_report import write_study

ARMS = ('all clusters', 'wrong topics')


@pytest.fixture(scope='module')
def given(miniature, tmp_path_factory):
    """The bindings of a small world."""
    from flan_jax.tasks import miniature_data

    root = tmp_path_factory.mktemp('miniature')
    miniature_data.prepare(str(root / 'data'), sizes=miniature_data.Sizes(prose=12_000, train=400, test=30))
    return {
        'MODEL_DIR': str(root),
        'TFDS_DATA_DIR': str(root / 'data'),
        'VOCABULARY': str(root / 'data' / 'words'),
        'Stream.directory': str(root / 'streams'),
        'Evaluation.templates': '(0, 1, 2)',
    }


def carry_out(planned):
    """Every run in turn; returns them with their settings."""
    for run in planned:
        complete(*start_run('run', run.files, run.bindings))
    return [(run, configuration.load(run.files, run.bindings)) for run in planned]


@pytest.mark.miniature
def test_tuning_surfaces_what_instructions_name(given):
    root = given['MODEL_DIR']
    arms = [arm for arm in MINIATURE.arms('small') if arm.name in ARMS]
    study = dataclasses.replace(MINIATURE, arms=lambda scale: arms, pretraining_steps=350)
    planned = study.runs('small', root, (), given)
    study.check(carry_out([run for run in planned if run.prepares]))  # every topic's cloze questions
    write_study(root, study, 'small', carry_out([run for run in planned if not run.prepares]))
    found = json.loads((pathlib.Path(root) / 'report.json').read_text())
    ours, base = ({arm: found[model][arm]['Reworded']['mean'] for arm in ARMS} for model in ('ours', 'base'))
    assert ours['all clusters'] - base['all clusters'] >= 20
    assert ours['all clusters'] - ours['wrong topics'] >= 20


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
