"""Hewitt et al. 2024: the runs of its tables, and the paper's values."""

import dataclasses
import os
from collections.abc import Mapping, Sequence

from flan_jax import catalogue
from flan_jax.data.source import MissingDataError, split_slices
from flan_jax.errors import UserError
from flan_jax.run import Run
from flan_jax.studies.pretraining import BASE_CHECKPOINT, check_steps, last_checkpoint, pretraining_run
from flan_jax.studies.study import BASE, SET_BY_STUDIES, Arm, PlannedRun, Scale, refuse_own

PRETRAINING_STEPS = '600'
"""Default number of steps of the small base model, unless TRAIN_STEPS is set."""

TUNED_ON, RANKED = 'lima', 'alpaca'
"""Names of the prepared datasets that models are tuned on, and whose responses they rank."""

PREPARE = {
    TUNED_ON: 'flan-jax data prepare lima --from lima_messages.jsonl --format messages',
    RANKED: 'flan-jax data prepare alpaca --from test=alpaca_data.json --format alpaca',
}
"""The commands that prepare the datasets, to be completed by `--data_dir`."""


@dataclasses.dataclass(frozen=True)
class TuningTable:
    """A table of base models and models tuned from them; its values are computed after its runs.

    Attributes:
      id: its name for `flan-jax reproduce`.
      title: the question it answers.
      source: the paper's table.
      arms: the ways to tune.
      files: the gin files of a run at each scale.
      prepare: for each of its datasets the command that prepares it.
      asked: the dataset whose prompts every model answers; empty if no answers are needed.
    """

    id: str
    title: str
    source: str
    arms: Sequence[Arm]
    files: Mapping[str, tuple[str, ...]]
    prepare: Mapping[str, str]
    asked: str = ''

    def runs(
        self, scale: Scale, root: str, files: Sequence[str], given: Mapping[str, str], seeds: int = 1
    ) -> list[PlannedRun]:
        """All runs: every arm tunes the base model, which is pretrained first at the small scale unless it is given.

        Args:
          scale: the size of models and data.
          root: the study's folder.
          files: gin files to be read after the scale's.
          given: the user's bindings.
          seeds: number of runs of each arm, with different seeds and the same base model.

        Raises:
          UserError: for a binding that the table sets itself.
        """
        refuse_own(self.id, {*SET_BY_STUDIES, *(name for arm in self.arms for name in arm.bindings)}, given)
        shared, pretraining = dict(given), []
        if scale == 'small' and BASE_CHECKPOINT not in given:
            check_steps(self.id, given)
            steps = {'TRAIN_STEPS': PRETRAINING_STEPS, **given}
            pretraining = [pretraining_run(0, root, ('', *files), steps)]
            shared[BASE_CHECKPOINT] = last_checkpoint(pretraining[0])
        waits_for = shared[BASE_CHECKPOINT] if pretraining else ''
        every = [(seed, arm) for seed in range(seeds) for arm in self.arms_with_data(given)]
        return [*pretraining, *(self._run(arm, seed, scale, root, files, shared, waits_for) for seed, arm in every)]

    def arms_with_data(self, given: Mapping[str, str]) -> Sequence[Arm]:
        """The arms to run; a table may leave out those without data, which its page then says."""
        return self.arms

    def _run(self, arm, seed, scale, root, files, shared, waits_for) -> PlannedRun:
        folder = os.path.join(root, f'seed_{seed}', arm.folder)
        of_study = {
            'MODEL_DIR': folder,
            'Evaluation.base_dir': os.path.join(root, BASE),
            'HELD_OUT': 'None',
            'EVAL_TASKS': repr((self.asked,) if self.asked else ()),
            'SEED': str(seed),
        }
        files = (*self.files[scale], *files)
        bindings = {**shared, **of_study, **arm.bindings_in(folder, self.arms)}
        return PlannedRun(arm.name, '', seed, files, bindings, waits_for)

    def check_data(self, run: Run) -> None:
        """Raises UserError without a base model, or unless the table's datasets are prepared."""
        if run.initial_checkpoint is None:
            raise UserError(f'{self.id} tunes a base model; set it with --gin.{BASE_CHECKPOINT}=CHECKPOINT')
        missing = [name for name in self.prepare if not _is_prepared(name, run.data.tfds_data_dir)]
        if missing:
            commands = '; '.join(f'{self.prepare[name]} --data_dir={run.data.tfds_data_dir}' for name in missing)
            raise UserError(
                f'{self.id}: {" and ".join(missing)} {"is" if len(missing) == 1 else "are"} not prepared in '
                f'{run.data.tfds_data_dir}; docs/hewitt.md describes where to get the files: {commands}'
            )


@dataclasses.dataclass(frozen=True)
class RankingTable(TuningTable):
    """A table of response ranking.

    Attributes:
      paper: the paper's values by base model and arm, in per cent.
    """

    paper: Mapping[str, Mapping[str, float]] = dataclasses.field(kw_only=True)


def _is_prepared(name: str, data_dir: str) -> bool:
    try:
        return name in catalogue.DATASETS and bool(split_slices(catalogue.DATASETS[name], data_dir))
    except MissingDataError:
        return False


MIXTURE = 'MIXTURE_OR_TASK_NAME'

FILES = {'small': ('gin/runs/hewitt_small.gin',), 'paper': ('gin/runs/hewitt_llama2_7b.gin',), 'own': ()}
"""The gin files of a run of each table."""

INSTRUCTION_TUNING = Arm('instruction tuning', {MIXTURE: TUNED_ON})
RESPONSE_TUNING = Arm('response tuning', {MIXTURE: f'{TUNED_ON}_response_only'})

TABLE_2 = RankingTable(
    id='hewitt.table2',
    title='Response ranking: is an instruction’s own response more likely than others?',
    source='Table 2, section 4.4',
    arms=(INSTRUCTION_TUNING, RESPONSE_TUNING),
    paper={
        'Llama-2-7B': {'base': 80.4, 'instruction tuning': 77.4},
        'OLMo-7B-Feb2024': {'base': 74.5, 'instruction tuning': 74.3},
    },
    files=FILES,
    prepare=PREPARE,
)

STUDIES = {study.id: study for study in (TABLE_2,)}
