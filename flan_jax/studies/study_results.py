"""The table of a study: scores by arm and column with confidence intervals over seeds, from the records of its runs."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flan_jax import manifest
from flan_jax.evaluation.results import Result
from flan_jax.evaluation.soft_prompts import each_prompt
from flan_jax.reports.result_lines import model_results
from flan_jax.reports.study_charts import AVERAGE
from flan_jax.run import Run
from flan_jax.studies.run_evaluation import eval_set_of, models_of
from flan_jax.studies.study import PlannedRun, Study

Scores = Mapping[str, Mapping[str, list[float]]]
"""Arm to column to a score per seed."""

Cell = Mapping[str, Any]


def scores_of(study: Study, runs: Sequence[tuple[PlannedRun, Run]], label: str) -> tuple[Scores, set[str]]:
    """The scores of the base or tuned models (`label`) by arm and column, for the columns that they have answered.

    Several soft prompts of a task that were trained in one run count as seeds.

    Returns:
      The scores, and the names of the datasets that they are computed from.
    """
    by_seed: dict[tuple[str, int, int], dict[str, float]] = {}
    seen = set()
    for planned, run in runs:
        for prompt, found in _results(run, label):
            seen |= {result.dataset for result in found}
            of_arm = by_seed.setdefault((planned.arm, planned.seed, prompt), {})
            for column in study.held_out[planned.held_out]:
                if means := [result.mean for result in found if result.dataset in study.columns[column]]:
                    of_arm[column] = statistics.mean(means)
    for of_arm in by_seed.values():
        if set(of_arm) == set(study.columns):
            of_arm[AVERAGE] = statistics.mean(of_arm.values())
    scores: dict[str, dict[str, list[float]]] = {}
    for (arm, *_), of_arm in sorted(by_seed.items(), key=lambda item: item[0][1:]):
        for column, score in of_arm.items():
            scores.setdefault(arm, {}).setdefault(column, []).append(score)
    return scores, seen


def cells(scores: Scores) -> dict[str, dict[str, Cell]]:
    """The mean over seeds of every score; with several seeds also the standard deviation and the 95 % confidence
    interval by Student's t."""
    return {arm: {column: _cell(values) for column, values in of_arm.items()} for arm, of_arm in scores.items()}


def _cell(values: Sequence[float]) -> Cell:
    mean = statistics.mean(values)
    half = _half_interval(values) if len(values) > 1 else None
    return {
        'mean': mean,
        'std': None if half is None else statistics.stdev(values),
        'low': None if half is None else mean - half,
        'high': None if half is None else mean + half,
        'seeds': len(values),
    }


def _half_interval(values: Sequence[float]) -> float:
    import scipy.stats

    quantile = float(scipy.stats.t.ppf(0.975, len(values) - 1))
    return quantile * statistics.stdev(values) / len(values) ** 0.5


def _results(run: Run, label: str) -> Iterator[tuple[int, list[Result]]]:
    """The results of a run's base or tuned model for each of its soft prompts, with the prompt's number."""
    models = models_of(run) if manifest.exists(run.model_dir) else {}
    if label in models:
        for part, model in each_prompt(eval_set_of(run), models[label]):
            yield model.prompt, model_results(part, model)
