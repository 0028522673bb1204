"""Studies of soft prompts: prompts for held-out tasks, on a base model and on models that were tuned without them.

The runs of a study of FLAN's kind do not wait for each other; these do. Where no base model is given, one is
pretrained; from it a model is tuned without each cluster; and from both the prompts of that cluster's tasks are
learned, all of a cluster in one packed run.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence

from flan_jax.catalogue import JOIN
from flan_jax.errors import UserError
from flan_jax.studies.pretraining import BASE_CHECKPOINT, last_checkpoint, pretraining_run
from flan_jax.studies.study import BASE, SCALE_FILES, Arm, PlannedRun, Scale, Study

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
        """Every run of the study, each after those it starts from; see `Study.runs`."""
        self.check_given(scale, given)
        if scale != 'small' and BASE_CHECKPOINT not in given:
            raise UserError(f'{self.id} learns prompts on a base model; name it: --gin.{BASE_CHECKPOINT}=CHECKPOINT')
        given = {'TRAIN_STEPS': str(STEPS[scale]), **given}
        planned: list[PlannedRun] = []
        for seed in range(seeds):
            planned += self._of_seed(seed, scale, root, files, given)
        return planned

    def own_bindings(self, scale: Scale) -> set[str]:
        of_prompts = {*PROMPTS, 'MIXTURE_OR_TASK_NAME', 'TaskPrompts.tasks'}
        return super().own_bindings(scale) | of_prompts - {'LEARNING_RATE'}

    def _of_seed(self, seed, scale, root, files, given) -> list[PlannedRun]:
        """Base model, tuned models, prompts: in this order."""
        folder, files = os.path.join(root, f'seed_{seed}'), (*SCALE_FILES[scale], *files)
        shared = {**given, 'SEED': str(seed), 'Evaluation.base_dir': os.path.join(root, BASE)}
        pretraining = []
        if BASE_CHECKPOINT not in given:
            pretraining.append(pretraining_run(seed, folder, files, given))
            shared[BASE_CHECKPOINT] = last_checkpoint(pretraining[0])
        waits_for = shared[BASE_CHECKPOINT] if pretraining else ''
        tuned, prompts = [], []
        for held_out in self.held_out:
            shared['MODEL_DIR'] = os.path.join(folder, held_out)
            base = PlannedRun(TUNED, held_out, seed, files, shared, waits_for)
            tuned.append(self._tuned_from(base))
            of_tuned = _starting_from(base, last_checkpoint(tuned[-1]))
            starts = {ON_BASE: base, TUNED: of_tuned}
            prompts += [self._prompts_on(starts[arm.bindings[MODEL]], arm) for arm in self.arms(scale)]
        return [*pretraining, *tuned, *prompts]

    def _tuned_from(self, base: PlannedRun) -> PlannedRun:
        """The model that is tuned without a cluster."""
        bindings = {
            'MODEL_DIR': os.path.join(base.bindings['MODEL_DIR'], TUNED),
            'HELD_OUT': base.held_out,
            'EVAL_TASKS': repr(self._datasets(base.held_out)),
        }
        return dataclasses.replace(base, bindings={**base.bindings, **bindings}, prepares=True)

    def _prompts_on(self, model: PlannedRun, arm: Arm) -> PlannedRun:
        """The prompts of a cluster's tasks on one model."""
        datasets = self._datasets(model.held_out)
        bindings = {
            **PROMPTS,
            'MODEL_DIR': os.path.join(model.bindings['MODEL_DIR'], arm.folder),
            'MIXTURE_OR_TASK_NAME': JOIN.join(datasets),
            'TaskPrompts.tasks': repr(datasets),
            'HELD_OUT': 'None',
            'EVAL_TASKS': repr(datasets),
            **{name: value for name, value in arm.bindings.items() if name != MODEL},
        }
        return dataclasses.replace(model, arm=arm.name, bindings={**model.bindings, **bindings})

    def _datasets(self, held_out: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for column in self.held_out[held_out] for name in self.columns[column]))


def _starting_from(run: PlannedRun, checkpoint: str) -> PlannedRun:
    """A run as it is from another's checkpoint."""
    return dataclasses.replace(run, bindings={**run.bindings, BASE_CHECKPOINT: checkpoint}, waits_for=checkpoint)
