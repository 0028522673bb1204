"""How far a run of a study is, from what is on disk."""

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
    """How far a run is.

    Attributes:
      steps: updates done at the newest checkpoint.
      total_steps: updates to be done.
      recorded: record files of both models that are complete.
      total_records: record files there will be.
      reported: whether the run's own page is there, which it writes last and the study's page leads to.
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
        """Whether nothing is left to do."""
        return self.answered and self.reported

    def __str__(self) -> str:
        if self.finished:
            return 'finished'
        done = f'{self.steps} of {self.total_steps} steps, {self.recorded} of {self.total_records} files of records'
        return f'{done}, but no report' if self.answered else done


def progress_of(run: Run, waits_for: str = '') -> Progress:
    """How far a run is, which may wait for the checkpoint of another; raises as `run_evaluation.eval_set_of` does."""
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
    """The updates of a run, or those until a rule ended tuning."""
    curve = run.ifs_curve
    ended = stopped_at(curve, run.model_dir, done) if curve is not None and curve.ends_tuning else None
    return ended or run.training.num_steps


def _tuned_records(run: Run) -> list[ModelRecords]:
    """Where the records of the newest checkpoint are; none where there is none."""
    found = _sound(run_evaluation.tuned_records, run)
    return [found] if found else []


def _sound(records: Callable[[Run], ModelRecords | None], run: Run) -> ModelRecords | None:
    """Where a model's records are; None where its checkpoint is damaged, which its own run mends by itself."""
    try:
        return records(run)
    except checkpoints.CheckpointError:
        return None
