"""Leave one cluster out: the runs that the paper's evaluation consists of, and how far they are (FLAN, section 3).

Every cluster has a run of its own that is tuned without it and the clusters related to it, and then evaluated on it.
The base model is evaluated once; all runs share its records. No run waits for another, so they may go on many
machines.
"""

import dataclasses
import os
from collections.abc import Sequence

from flan_jax import catalogue
from flan_jax.evaluation.evaluate import unevaluated
from flan_jax.run import Run
from flan_jax.studies import run_evaluation
from flan_jax.training import checkpoints

NAME = 'leave_one_cluster_out'

BASE = 'base'
"""Folder of the base model's records in the study's folder."""

SET_BY_THE_STUDY = ('HELD_OUT', 'Evaluation.base_dir', 'EVAL_TASKS')
"""What the study gives each of its runs."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
      steps: updates done at the newest checkpoint.
      total_steps: updates to be done.
      recorded: record files of both models that are complete.
      total_records: record files there will be.
    """

    steps: int
    total_steps: int
    recorded: int
    total_records: int

    @property
    def finished(self) -> bool:
        return self.steps >= self.total_steps and self.recorded == self.total_records

    def __str__(self) -> str:
        if self.finished:
            return 'finished'
        return f'{self.steps} of {self.total_steps} steps, {self.recorded} of {self.total_records} files of records'


def chosen_clusters(names: Sequence[str]) -> list[str]:
    """The clusters to hold out in turn: those named, or all; raises UnknownName."""
    return [catalogue.cluster(name).name for name in names or catalogue.CLUSTERS]


def run_folder(root: str, cluster: str) -> str:
    """MODEL_DIR of the run without `cluster`."""
    return os.path.join(root, cluster)  # buckets have paths, too


def base_folder(root: str) -> str:
    """The folder of the base model's records."""
    return os.path.join(root, BASE)


def run_bindings(root: str, cluster: str) -> dict[str, str]:
    """The bindings that make the study in `root` the run without `cluster`."""
    return {
        'MODEL_DIR': run_folder(root, cluster),
        'Evaluation.base_dir': base_folder(root),
        'HELD_OUT': cluster,
        'EVAL_TASKS': '()',  # a gin file may name something else
    }


def run_without(study: Run, cluster: str) -> Run:
    """The run without `cluster`, of a study that was configured as a run."""
    return dataclasses.replace(
        study,
        model_dir=run_folder(study.model_dir, cluster),
        data=dataclasses.replace(study.data, held_out=cluster),
        evaluation=dataclasses.replace(study.evaluation, base_dir=base_folder(study.model_dir), targets=()),
    )


def progress_of(run: Run) -> Progress:
    """How far a run is, from what is on disk; raises as `run_evaluation.eval_set_of` does."""
    eval_set = run_evaluation.eval_set_of(run)
    models = run_evaluation.models_of(run).values()
    recorded = sum(len(eval_set.keys) - len(unevaluated(eval_set, model)) for model in models)
    return Progress(checkpoints.latest_step(run.model_dir), run.training.steps, recorded, 2 * len(eval_set.keys))
