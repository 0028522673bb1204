"""The runs of a study of soft prompts: what starts from what."""

import dataclasses
import shutil

import jax.numpy as jnp
import pytest

from flan_jax.command import configuration
from flan_jax.command.study_runs import load_runs, print_plan
from flan_jax.errors import UserError
from flan_jax.studies.flan import FIGURE_10
from flan_jax.studies.progress import progress_of
from flan_jax.studies.prompt_study import BASE_CHECKPOINT, PROMPTS
from flan_jax.training import checkpoints

GIVEN = {'TFDS_DATA_DIR': 'data', 'TRAIN_STEPS': '7'}


def loaded(scale, **given):
    planned = FIGURE_10.runs(scale, 'root', (), GIVEN | given)
    return [(run, configuration.load(run.files, run.bindings)) for run in planned]


def test_every_run_starts_from_one_before_it_and_learns_the_prompts_of_what_that_held_out():
    made, held_out_by = set(), {}
    runs = loaded('small')
    for planned, run in runs:
        if planned.waits_for:
            assert planned.waits_for == run.initial_checkpoint and planned.waits_for in made
        made.add(f'{run.model_dir}/checkpoints/{run.training.steps}')
        held_out_by[f'{run.model_dir}/checkpoints/7'] = run.data.held_out
        if not planned.prepares:
            assert run.tuning.tasks == run.evaluation.targets and run.data.held_out is None
            assert '+'.join(run.tuning.tasks) == run.data.mixture
            base = held_out_by[run.initial_checkpoint]
            assert base == (planned.held_out if planned.arm.startswith('FLAN') else None)
    assert [planned.prepares for planned, _ in runs] == [True] * 7 + [False] * 24
    tasks = {task for planned, run in runs if not planned.prepares for task in run.tuning.tasks}
    assert tasks == {name for column in FIGURE_10.columns.values() for name in column}
    few = [run.data.examples_per_dataset for planned, run in runs if not planned.prepares]
    assert sorted(few, key=bool) == [None] * 12 + [32] * 12
    assert len({run.model_dir for _, run in runs}) == len(runs)


def test_seeds_are_prompts_of_one_run_that_learn_as_much_each():
    once, thrice = (FIGURE_10.runs('small', 'root', (), GIVEN, seeds) for seeds in (1, 3))
    assert [planned.name for planned in once] == [planned.name for planned in thrice]
    for alone, packed in zip(once, thrice):
        one, three = (configuration.load(planned.files, planned.bindings) for planned in (alone, packed))
        if alone.prepares:
            assert one == three
        else:
            assert three.tuning.tasks == one.tuning.tasks * 3 and three.evaluation == one.evaluation
            assert three.training.steps == 3 * one.training.steps
            assert three.tuning.stopping.every == 3 * one.tuning.stopping.every


def test_steps_are_a_number():
    with pytest.raises(UserError, match='set TRAIN_STEPS'):
        FIGURE_10.runs('small', 'root', (), GIVEN | {'TRAIN_STEPS': 'None'})


def test_a_base_model_that_is_given_is_not_pretrained():
    given = {BASE_CHECKPOINT: 'mine/checkpoints/3', 'VOCABULARY': 'None'}
    runs = loaded('paper', **given)
    assert len(runs) == 6 + 24
    starts = {run.initial_checkpoint for planned, run in runs if planned.prepares or not planned.waits_for}
    assert starts == {'mine/checkpoints/3'}


@pytest.mark.parametrize(
    ('given', 'message'),
    [({}, f'--gin.{BASE_CHECKPOINT}'), ({BASE_CHECKPOINT: 'x', 'HELD_OUT': 'nli'}, 'HELD_OUT is set by flan.figure10')],
)
def test_what_does_not_fit_is_refused(given, message):
    with pytest.raises(UserError, match=message):
        FIGURE_10.runs('paper', 'root', (), given)


def test_a_binding_belongs_to_the_runs_that_read_it():
    """The models before the prompts have no early stopping; a class that no run has is a mistake."""
    given = GIVEN | {'EarlyStopping.patience': '3'}
    runs = load_runs(FIGURE_10.runs('small', 'root', (), given), given)
    assert {run.tuning.stopping.patience for planned, run in runs if not planned.prepares} == {3}
    for planned, run in runs:
        assert configuration.load(planned.files, planned.bindings) == run
        assert ('EarlyStopping.patience' in planned.bindings) == (not planned.prepares)
    given = GIVEN | {'Linear.end': '0.1'}
    with pytest.raises(UserError, match=r'Linear.end: Training.schedule is @Constant'):
        load_runs(FIGURE_10.runs('small', 'root', (), given), given)


def test_a_run_whose_newest_checkpoint_is_damaged_is_not_finished(samples_dir, tmp_path):
    """The run itself puts it aside and goes on from the one before."""
    planned = FIGURE_10.runs('small', str(tmp_path), (), GIVEN | {'TFDS_DATA_DIR': samples_dir})
    run = next(configuration.load(one.files, one.bindings) for one in planned if not one.waits_for and one.prepares)
    run = dataclasses.replace(run, evaluation=dataclasses.replace(run.evaluation, targets=('sst2',)))
    newest = tmp_path / run.model_dir / checkpoints.FOLDER / '7'
    checkpoints.save_params(newest, {'a': jnp.ones(3)}, {})
    shutil.rmtree(newest / 'params')
    progress = progress_of(run)
    assert progress.steps == progress.total_steps == 7 and not progress.finished
    waiting = next(one for one in planned if one.waits_for == str(newest))
    dependent = configuration.load(waiting.files, waiting.bindings)
    assert not progress_of(dependent, waiting.waits_for).recorded, 'nor does what begins from it end in an error'


def test_the_plan_parts_what_can_go_on_at_the_same_time(samples_dir, tmp_path, capsys):
    planned = FIGURE_10.runs('small', str(tmp_path), (), GIVEN | {'TFDS_DATA_DIR': samples_dir})
    some = [run for run in planned if run.held_out in ('', 'commonsense')]
    print_plan(
        [(run, configuration.load(run.files, run.bindings)) for run in some], 'flan-jax reproduce flan.figure10 --join'
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines] == ['f', '#', 'f', 'f', '#', 'f', 'f', 'f', 'f']  # base, tuned, prompts, join
    assert all(f'{name}={value}' in lines[5].replace("'", '') for name, value in PROMPTS.items())
