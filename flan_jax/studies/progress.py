"""The progress of a study's runs, read from their files."""

import dataclasses
from collections.abc import Callable

from etils import epath

from flan_jax.evaluation.evaluate import unevaluated
from flan_jax.evaluation.instruction_following.curve import stopped_at
from flan_jax.evaluation.records import ModelRecords
from flan_jax.evaluation.soft_prompts import each_prompt
from flan_jax.reports.page import HTML_FILE
from flan_jax.run import Run
from flan_jax.studies import run_evaluation
from flan_jax.training import checkpoints


@dataclasses.dataclass(frozen=True)
class Progress:
    """The progress of a run.

    Attributes:
      steps: number of steps at the newest checkpoint.
      total_steps: number of steps of the finished run.
      recorded: number of complete record files of both models.
      total_records: number of record files of the finished run.
      reported: whether the run's page exists, which is written last and linked from the study's page.
    """

    steps: int
    total_steps: int
    recorded: int
    total_records: int
    reported: bool

    @property
    def answered(self) -> bool:
        """Whether the model is tuned and both models have answered."""
        return self.steps >= self.total_steps and self.recorded == self.total_records

    @property
    def finished(self) -> bool:
        """Whether all stages of the run are finished."""
        return self.answered and self.reported

    def __str__(self) -> str:
        if self.finished:
            return 'finished'
        done = f'{self.steps} of {self.total_steps} steps, {self.recorded} of {self.total_records} files of records'
        return f'{done}, but no report' if self.answered else done


def progress_of(run: Run, waits_for: str = '') -> Progress:
    """The progress of a run, which may wait for another run's checkpoint; raises as `run_evaluation.eval_set_of`."""
    steps, reported = checkpoints.latest_step(run.model_dir), (run_evaluation.report_folder(run) / HTML_FILE).exists()
    total = _total_steps(run, steps)
    if not run_evaluation.evaluates(run):
        return Progress(steps, total, 0, 0, reported)
    eval_set = run_evaluation.eval_set_of(run)
    base = None if waits_for and not epath.Path(waits_for).exists() else _sound(run_evaluation.base_records, run)
    if base is None:
        return Progress(steps, total, 0, 2 * len(eval_set.keys), reported)
    asked = [(eval_set, base)]
    for tuned in _tuned_records(run):
        asked += each_prompt(eval_set, tuned)
    recorded = sum(len(part.keys) - len(unevaluated(part, model)) for part, model in asked)
    wanted = max(2 * len(eval_set.keys), sum(len(part.keys) for part, _ in asked))
    return Progress(steps, total, recorded, wanted, reported)


def _total_steps(run: Run, done: int) -> int:
    """The number of steps of a run; those done if it was stopped early."""
    curve = run.ifs_curve
    ended = stopped_at(curve, run.model_dir, done) if curve is not None and curve.ends_tuning else None
    return ended or run.training.num_steps


def _tuned_records(run: Run) -> list[ModelRecords]:
    """The records of the newest checkpoint; empty without a sound checkpoint."""
    found = _sound(run_evaluation.tuned_records, run)
    return [found] if found else []


def _sound(records: Callable[[Run], ModelRecords | None], run: Run) -> ModelRecords | None:
    """A model's records; None if its checkpoint is damaged, which resuming the run repairs."""
    try:
        return records(run)
    except checkpoints.CheckpointError:
        return None
