"""STILTs (Phang, Févry & Bowman 2018): an intermediate task before the target; many tasks at once, then the target.

Target tasks are tuned in four ways, each with several seeds: directly; after the intermediate task; together with all
other tasks; after training on all tasks. Runs of different seeds share the pretrained and the intermediate model, and
differ in the order of their data.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence

from flan_jax.catalogue import JOIN
from flan_jax.errors import UserError
from flan_jax.studies.pretraining import BASE_CHECKPOINT, check_steps, last_checkpoint, pretraining_run
from flan_jax.studies.study import BASE, SCALE_FILES, Arm, PlannedRun, Scale, Study

DIRECT, INTERMEDIATE, MULTI_TASK, THEN_SINGLE = 'direct', 'from MNLI', 'multi-task', 'multi-task, then single'

ALL = 'all'
"""The datasets that runs of the multi-task arm are evaluated on."""

SMALL = {'TRAIN_STEPS': '150', 'BATCH_SIZE': '8'}
"""Default settings of tuning at the small scale: about two epochs of 2,000 examples."""


class TransferRun(PlannedRun):
    """A run that is evaluated on the datasets that it is tuned on, instead of held-out ones."""

    @property
    def name(self) -> str:
        return f'{self.arm}, on {self.held_out}, seed {self.seed}'


@dataclasses.dataclass(frozen=True)
class TransferStudy(Study):
    """A study whose arms start from the pretrained model, or from models that it tunes on other tasks.

    Attributes:
      intermediate: the dataset of the intermediate task.
    """

    intermediate: str = 'mnli_matched'

    def runs(
        self, scale: Scale, root: str, files: Sequence[str], given: Mapping[str, str], seeds: int = 1
    ) -> list[PlannedRun]:
        """All runs of the study, each after those it starts from; see `Study.runs`."""
        self.require_scale(scale)
        self.check_given(scale, given)
        check_steps(self.id, given)
        if scale == 'own' and 'TRAIN_STEPS' not in given:
            raise UserError(
                f'{self.id}: runs start from the last checkpoints of other runs, which are found by their step; '
                'set --gin.TRAIN_STEPS=N'
            )
        files = (*self.files[scale], *files)
        given = {**(SMALL if scale == 'small' else {}), 'Evaluation.base_dir': os.path.join(root, BASE), **given}
        planned = []
        if BASE_CHECKPOINT not in given:
            planned.append(pretraining_run(0, root, files, given))
            given[BASE_CHECKPOINT] = last_checkpoint(planned[0])
        base = TransferRun('', '', 0, files, given, given[BASE_CHECKPOINT] if planned else '')
        intermediate = self._tuned(base, INTERMEDIATE, self.intermediate, os.path.join(root, 'intermediate'))
        planned.append(dataclasses.replace(intermediate, arm='intermediate', prepares=True))
        for seed in range(seeds):
            folder = os.path.join(root, f'seed_{seed}')
            planned += self._restart(dataclasses.replace(base, seed=seed), last_checkpoint(intermediate), folder)
        return planned

    def own_bindings(self, scale: Scale) -> set[str]:
        return super().own_bindings(scale) | {'MIXTURE_OR_TASK_NAME'}

    def _restart(self, base: PlannedRun, intermediate: str, folder: str) -> list[PlannedRun]:
        """The runs of a seed in the table."""
        multi_task = self._tuned(base, MULTI_TASK, ALL, os.path.join(folder, ALL))
        starts = {DIRECT: base, INTERMEDIATE: _from(base, intermediate)}
        starts[THEN_SINGLE] = _from(base, last_checkpoint(multi_task))
        targets = [target for target in self.held_out if target != ALL]
        return [
            multi_task,
            *(
                self._tuned(start, arm, target, os.path.join(folder, target, arm.replace(', ', '_').replace(' ', '_')))
                for arm, start in starts.items()
                for target in targets
            ),
        ]

    def _tuned(self, start: PlannedRun, arm: str, target: str, folder: str) -> PlannedRun:
        """The run that tunes on a dataset or on all datasets, and is evaluated on the same."""
        targets = [name for name in self.held_out if name != ALL]
        tuned_on = [self.intermediate, *targets] if target == ALL else [target]
        bindings = {
            'MODEL_DIR': folder,
            'SEED': str(start.seed),
            'HELD_OUT': 'None',
            'MIXTURE_OR_TASK_NAME': JOIN.join(tuned_on),
            'EVAL_TASKS': repr(tuple(targets if target == ALL else tuned_on)),
        }
        return dataclasses.replace(start, arm=arm, held_out=target, bindings={**start.bindings, **bindings})


def _from(run: PlannedRun, checkpoint: str) -> PlannedRun:
    return dataclasses.replace(run, bindings={**run.bindings, BASE_CHECKPOINT: checkpoint}, waits_for=checkpoint)


TARGETS = {'RTE': 'rte', 'MRPC': 'glue_mrpc', 'SST-2': 'sst2', 'QNLI': 'qnli'}

GLUE = TransferStudy(
    id='stilts.glue',
    title='Intermediate tasks and multi-task learning',
    source='Phang et al. 2018 (1811.01088), development sets of GLUE',
    arms=lambda scale: [Arm(name, {}) for name in (DIRECT, INTERMEDIATE, MULTI_TASK, THEN_SINGLE)],
    held_out={dataset: (column,) for column, dataset in TARGETS.items()} | {ALL: tuple(TARGETS)},
    columns={column: (dataset,) for column, dataset in TARGETS.items()},
    paper={INTERMEDIATE: {'RTE': 84.1, 'MRPC': 90.4, 'SST-2': 93.9, 'QNLI': 92.3}},
    figure='bars',
    y_label='score on the development set, %',
    note='The published values are of BERT-large with a classifier (the authors’ repository); here a decoder '
    'generates the answers. A column is the task of tuning and evaluation; no cluster is held out.',
    files={'small': SCALE_FILES['small'], 'own': ()},
)

STUDIES = {GLUE.id: GLUE}
