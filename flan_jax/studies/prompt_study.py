"""Studies of soft prompts: prompts for held-out tasks, on a base model and on models that were tuned without them.

Unlike the runs of `Study`, these depend on each other: the base model is pretrained unless it is given; from it a model
is tuned without each cluster; and on both models the prompts of that cluster's tasks are trained, all prompts of a
cluster in one packed run. Seeds are several prompts of each task on one model, as in Lester et al. 2021, trained in the
same run.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from flan_jax.catalogue import JOIN
from flan_jax.errors import UserError
from flan_jax.studies.pretraining import BASE_CHECKPOINT, check_steps, last_checkpoint, pretraining_run
from flan_jax.studies.study import BASE, SCALE_FILES, Arm, PlannedRun, Scale, Study
from flan_jax.tuning.early_stopping import EarlyStopping

STEPS: Mapping[Scale, int] = {'small': 600, 'paper': 30_000, 'own': 30_000}
"""Default number of steps of every model and of the prompts, unless TRAIN_STEPS is set."""

PROMPTS = {
    'Run.tuning': '@TaskPrompts()',
    'TaskPrompts.lengths': '(10,)',
    'TaskPrompts.stopping': '@EarlyStopping()',
    'LEARNING_RATE': '0.3',
    'Training.weight_decay': '1e-4',
}
"""Settings of FLAN, section 4.5, with the learning rate of Lester et al. 2021."""

TUNED, ON_BASE = 'FLAN', 'base'
"""Values of `MODEL` in an arm's bindings: the model that its prompts are trained on."""

MODEL = 'model'


@dataclasses.dataclass(frozen=True)
class PromptStudy(Study):
    """A study whose arms train soft prompts; each arm's bindings name its model under `MODEL`."""

    def runs(
        self, scale: Scale, root: str, files: Sequence[str], given: Mapping[str, str], seeds: int = 1
    ) -> list[PlannedRun]:
        """All runs of the study, each after those it starts from; see `Study.runs`.

        The prompts of all seeds share the batches of one run, which therefore has `seeds` times as many steps, and as
        many between the validations for early stopping.
        """
        self.check_given(scale, given)
        check_steps(self.id, given)
        if scale != 'small' and BASE_CHECKPOINT not in given:
            raise UserError(f'{self.id} trains prompts on a base model; set it with --gin.{BASE_CHECKPOINT}=CHECKPOINT')
        given = {'TRAIN_STEPS': str(STEPS[scale]), **given}
        folder, files = os.path.join(root, 'seed_0'), (*SCALE_FILES[scale], *files)
        shared = {**given, 'SEED': '0', 'Evaluation.base_dir': os.path.join(root, BASE)}
        pretraining = []
        if BASE_CHECKPOINT not in given:
            pretraining.append(pretraining_run(0, folder, files, given))
            shared[BASE_CHECKPOINT] = last_checkpoint(pretraining[0])
        waits_for = shared[BASE_CHECKPOINT] if pretraining else ''
        tuned, prompts = [], []
        for held_out in self.held_out:
            shared['MODEL_DIR'] = os.path.join(folder, held_out)
            base = PlannedRun(TUNED, held_out, 0, files, shared, waits_for)
            tuned.append(self._tuned_from(base))
            of_tuned = _starting_from(base, last_checkpoint(tuned[-1]))
            starts = {ON_BASE: base, TUNED: of_tuned}
            prompts += [self._prompts_on(starts[arm.bindings[MODEL]], arm, seeds) for arm in self.arms(scale)]
        return [*pretraining, *tuned, *prompts]

    def own_bindings(self, scale: Scale) -> set[str]:
        of_prompts = {*PROMPTS, 'MIXTURE_OR_TASK_NAME', 'TaskPrompts.tasks'}
        return super().own_bindings(scale) | of_prompts - {'LEARNING_RATE'}

    def _tuned_from(self, base: PlannedRun) -> PlannedRun:
        """The run that tunes a model without a cluster."""
        bindings = {
            'MODEL_DIR': os.path.join(base.bindings['MODEL_DIR'], TUNED),
            'HELD_OUT': base.held_out,
            'EVAL_TASKS': repr(self._datasets(base.held_out)),
        }
        return dataclasses.replace(base, bindings={**base.bindings, **bindings}, prepares=True)

    def _prompts_on(self, model: PlannedRun, arm: Arm, seeds: int) -> PlannedRun:
        """The run that trains the prompts of a cluster's tasks on one model, `seeds` prompts per task."""
        datasets = self._datasets(model.held_out)
        bindings = {
            **PROMPTS,
            'MODEL_DIR': os.path.join(model.bindings['MODEL_DIR'], arm.folder),
            'MIXTURE_OR_TASK_NAME': JOIN.join(datasets),
            'TaskPrompts.tasks': repr(datasets * seeds),
            **{name: str(seeds * steps) for name, steps in _steps(model.bindings).items()},
            'HELD_OUT': 'None',
            'EVAL_TASKS': repr(datasets),
            **{name: value for name, value in arm.bindings.items() if name != MODEL},
        }
        return dataclasses.replace(model, arm=arm.name, bindings={**model.bindings, **bindings})

    def _datasets(self, held_out: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for column in self.held_out[held_out] for name in self.columns[column]))


def _steps(bindings: Mapping[str, str]) -> dict[str, int]:
    """The number of steps with one prompt per task, and between validations; raises UserError unless numbers."""
    steps: dict[str, Any] = {'EarlyStopping.every': EarlyStopping.every, **bindings}
    try:
        return {name: int(steps[name]) for name in ('TRAIN_STEPS', 'EarlyStopping.every')}
    except ValueError as error:
        raise UserError(f'a study of prompts needs numbers of steps: {error}; set TRAIN_STEPS to an integer') from error


def _starting_from(run: PlannedRun, checkpoint: str) -> PlannedRun:
    """The run, starting from another's checkpoint."""
    return dataclasses.replace(run, bindings={**run.bindings, BASE_CHECKPOINT: checkpoint}, waits_for=checkpoint)
