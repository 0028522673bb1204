"""The runs of STILTs: what starts from what, and what restarts share."""

import pytest

from flan_jax.command import configuration
from flan_jax.command.study_runs import load_runs
from flan_jax.data.members import members
from flan_jax.data.mixing.proportional import ProportionalMixing
from flan_jax.data.mixing.temperature import TemperatureMixing
from flan_jax.errors import UserError
from flan_jax.studies.pretraining import BASE_CHECKPOINT
from flan_jax.studies.stilts import ALL, DIRECT, GLUE, INTERMEDIATE, MULTI_TASK, TARGETS, THEN_SINGLE

GIVEN = {'TFDS_DATA_DIR': 'data', 'TRAIN_STEPS': '7'}


def loaded(seeds=2, **given):
    planned = GLUE.runs('small', 'root', (), GIVEN | given, seeds)
    return [(run, configuration.load(run.files, run.bindings)) for run in planned]


def test_every_run_starts_from_one_before_it():
    made = set()
    for planned, run in loaded():
        assert planned.waits_for == (run.initial_checkpoint or '')
        assert not planned.waits_for or planned.waits_for in made
        made.add(f'{run.model_dir}/checkpoints/7')
    assert len({planned.name for planned, _ in loaded()}) == len(made)
    assert len(made) == 2 + 2 * (1 + 3 * len(TARGETS))


def test_arms_differ_in_what_was_learned_before():
    tuned_on = {f'{run.model_dir}/checkpoints/7': run.data.mixture for _, run in loaded()}
    before = {}
    for planned, run in loaded():
        if not planned.prepares:
            before.setdefault(planned.arm, set()).add(tuned_on[run.initial_checkpoint])
    every = 'mnli_matched+rte+glue_mrpc+sst2+qnli'
    pretrained = 'tfds:cnn_dailymail:3.4.0:article'
    assert before == {
        DIRECT: {pretrained}, INTERMEDIATE: {'mnli_matched'}, MULTI_TASK: {pretrained}, THEN_SINGLE: {every},
    }  # fmt: skip


def test_a_model_is_asked_what_it_was_tuned_on():
    for planned, run in loaded():
        if not planned.prepares:
            targets = tuple(TARGETS.values()) if planned.held_out == ALL else (planned.held_out,)
            assert run.evaluation.targets == targets and run.data.held_out is None
            assert set(targets) <= {member.task for member in members(run.data)}


def test_restarts_share_what_is_learned_before_and_shuffle_differently():
    shared = {run.model_dir for planned, run in loaded() if planned.prepares}
    assert len(shared) == 2
    of_seed = [[run for planned, run in loaded() if planned.seed == seed and not planned.prepares] for seed in (0, 1)]
    for first, second in zip(*of_seed):
        assert first.data == second.data and first.stream.seed != second.stream.seed
        if 'root/seed' not in first.initial_checkpoint:
            assert first.initial_checkpoint == second.initial_checkpoint


def test_a_base_model_that_is_given_is_not_pretrained():
    runs = loaded(1, **{BASE_CHECKPOINT: 'mine/checkpoints/3', 'VOCABULARY': 'None'})
    assert runs[0][0].prepares and not runs[1][0].prepares
    assert {run.initial_checkpoint for planned, run in runs if planned.arm == DIRECT} == {'mine/checkpoints/3'}


def test_what_does_not_fit_is_refused():
    with pytest.raises(UserError, match='has only the scales small, own'):
        GLUE.runs('paper', 'root', (), GIVEN)
    with pytest.raises(UserError, match='MIXTURE_OR_TASK_NAME is set by stilts.glue'):
        GLUE.runs('small', 'root', (), GIVEN | {'MIXTURE_OR_TASK_NAME': 'rte'})
    with pytest.raises(UserError, match='set TRAIN_STEPS instead'):
        GLUE.runs('small', 'root', (), GIVEN | {'Training.steps': '9'})
    with pytest.raises(UserError, match='found by their step; set --gin.TRAIN_STEPS=N'):
        GLUE.runs('own', 'root', ('gin/runs/small.gin',), {'TFDS_DATA_DIR': 'data'})


def test_the_small_study_is_small_unless_the_user_says_otherwise():
    sizes = [
        {(run.training.steps, run.training.batch_size) for _, run in loaded(**given)}
        for given in ({}, {'TRAIN_STEPS': '9', 'BATCH_SIZE': '4'})
    ]
    assert sizes == [{(7, 8)}, {(9, 4)}]


def test_mixing_is_of_what_is_tuned_on_and_not_of_running_text():
    given = GIVEN | {'Data.mixing': '@TemperatureMixing()', 'TemperatureMixing.temperature': '4.0'}
    (_, pretraining), *others = load_runs(GLUE.runs('small', 'root', (), given), given)
    assert pretraining.data.mixing == ProportionalMixing()
    assert {run.data.mixing for _, run in others} == {TemperatureMixing(temperature=4.0)}


def test_epochs_are_refused():
    given = GIVEN | {'TRAIN_STEPS': 'None', 'Stream.epochs': '2'}
    with pytest.raises(UserError, match='computed from TRAIN_STEPS; set that instead'):
        load_runs(GLUE.runs('small', 'root', (), given), given)
