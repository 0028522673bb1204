"""Studies of soft prompts: prompts for held-out tasks, on a base model and on models that were tuned without them.

The runs of a study of FLAN's kind do not wait for each other; these do. Where no base model is given, one is
pretrained; from it a model is tuned without each cluster; and from both the prompts of that cluster's tasks are
learned, all of a cluster in one packed run. Seeds are several prompts of each task on one model, as in Lester et al.
2021, learned in that same run.
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
"""Updates of every model and of all prompts, where TRAIN_STEPS does not say."""

PROMPTS = {
    'Run.tuning': '@TaskPrompts()',
    'TaskPrompts.lengths': '(10,)',
    'TaskPrompts.stopping': '@EarlyStopping()',
    'LEARNING_RATE': '0.3',
    'Training.weight_decay': '1e-4',
}
"""FLAN, section 4.5; the learning rate as Lester et al. 2021."""

TUNED, ON_BASE = 'FLAN', 'base'
"""What an arm learns its prompts on, as its bindings say it by `MODEL`."""

MODEL = 'model'


@dataclasses.dataclass(frozen=True)
class PromptStudy(Study):
    """A study whose arms learn soft prompts; each arm's bindings hold its model under `MODEL`."""

    def runs(
        self, scale: Scale, root: str, files: Sequence[str], given: Mapping[str, str], seeds: int = 1
    ) -> list[PlannedRun]:
        """Every run of the study, each after those it starts from; see `Study.runs`.

        The prompts of all seeds share the sequences of one run, so that it takes `seeds` times as many steps, and as
        many between the validations that stop them.
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
        """The model that is tuned without a cluster."""
        bindings = {
            'MODEL_DIR': os.path.join(base.bindings['MODEL_DIR'], TUNED),
            'HELD_OUT': base.held_out,
            'EVAL_TASKS': repr(self._datasets(base.held_out)),
        }
        return dataclasses.replace(base, bindings={**base.bindings, **bindings}, prepares=True)

    def _prompts_on(self, model: PlannedRun, arm: Arm, seeds: int) -> PlannedRun:
        """The prompts of a cluster's tasks on one model, so many of each."""
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
    """Steps of a run with one prompt of each task, and between its validations; raises UserError for no number."""
    steps: dict[str, Any] = {'EarlyStopping.every': EarlyStopping.every, **bindings}
    try:
        return {name: int(steps[name]) for name in ('TRAIN_STEPS', 'EarlyStopping.every')}
    except ValueError as error:
        raise UserError(f'a study of prompts needs numbers of steps: {error}; set TRAIN_STEPS to an integer') from error


def _starting_from(run: PlannedRun, checkpoint: str) -> PlannedRun:
    """A run as it is from another's checkpoint."""
    return dataclasses.replace(run, bindings={**run.bindings, BASE_CHECKPOINT: checkpoint}, waits_for=checkpoint)
