"""Leave one cluster out: the runs that the paper's evaluation consists of, and how far they are (FLAN, section 3).

Every cluster has a run of its own that is tuned without it and the clusters akin to it, and then asked about it. The
base model is asked once; all runs share its records. No run waits for another, so they may go on many machines.
"""

import dataclasses
import os
from collections.abc import Sequence

from flan_jax import catalogue
from flan_jax.evaluation import records
from flan_jax.evaluation.evaluate import EvalSet, unanswered
from flan_jax.run import Run
from flan_jax.training import checkpoints

NAME = 'leave_one_cluster_out'

BASE = 'base'
"""Folder of the base model's records in the experiment's folder."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
      steps: updates done at the newest checkpoint.
      total_steps: updates to be done.
      answered: record files of both models that are complete.
      total_answers: record files there will be.
    """

    steps: int
    total_steps: int
    answered: int
    total_answers: int

    @property
    def finished(self) -> bool:
        return self.steps >= self.total_steps and self.answered == self.total_answers

    def __str__(self) -> str:
        if self.finished:
            return 'finished'
        return f'{self.steps} of {self.total_steps} steps, {self.answered} of {self.total_answers} sets of answers'


def chosen_clusters(names: Sequence[str]) -> list[str]:
    """The clusters to hold out in turn: those named, or all; raises UnknownName."""
    return [catalogue.cluster(name).name for name in names or catalogue.CLUSTERS]


def run_folder(root: str, cluster: str) -> str:
    """MODEL_DIR of the run without `cluster`."""
    return os.path.join(root, cluster)  # buckets have paths, too


def run_bindings(root: str, cluster: str) -> dict[str, str]:
    """The macros that make the experiment in `root` the run without `cluster`."""
    return {
        'MODEL_DIR': run_folder(root, cluster),
        'Evaluation.base_dir': os.path.join(root, BASE),
        'HELD_OUT': cluster,
        'EVAL_TASKS': '()',  # a gin file may name something else
    }


def progress_of(run: Run) -> Progress:
    """How far a run is, from what is on disk; raises as `EvalSet` does."""
    latest = checkpoints.latest_folder(run.model_dir)
    eval_set = EvalSet(run)
    missing = sum(len(unanswered(run, eval_set, model)) for model in records.MODELS)
    total = len(eval_set.keys) * len(records.MODELS)
    return Progress(int(latest.name) if latest else 0, run.training.steps, total - missing, total)
