"""Results in the format of lm-evaluation-harness, for programs that read its files.

The format is that of `EvaluationTracker.save_results_aggregated` in version 0.4, with a file for each model and number
of shots.
"""

import time
from collections.abc import Sequence
from typing import Any

import flan_jax
from flan_jax import catalogue
from flan_jax.evaluation.results import Result
from flan_jax.metrics.metrics import METRICS

NAMES = {'accuracy': 'acc', 'em': 'exact_match'}
"""Our names of scores to lm-evaluation-harness's, if they differ."""

FRACTIONS = ('acc', 'f1', 'exact_match')
"""Metrics that are from 0 to 1 in lm-evaluation-harness; ours are in per cent."""

_INTERVAL = 2 * 1.96
"""Width of a 95 % confidence interval in standard errors."""


def lm_eval_results(model: str, results: Sequence[Result], limit: int | None) -> dict[str, Any]:
    """The content of the file for one model at one number of shots.

    Every dataset is a task, scored by the mean over its templates; every template is a task, too.

    Args:
      model: the model's folder.
      results: its results.
      limit: largest number of examples of each dataset and template; None for all.
    """
    tasks = {name: (result, values) for result in results for name, values in _tasks(result).items()}
    return {
        'results': {name: {'alias': name, **values} for name, (_, values) in tasks.items()},
        'group_subtasks': {},
        'configs': {
            name: {'task': name, 'num_fewshot': result.shots, 'output_type': _kind(result)}
            for name, (result, _) in tasks.items()
        },
        'versions': {name: flan_jax.__version__ for name in tasks},
        'n-shot': {name: result.shots for name, (result, _) in tasks.items()},
        'higher_is_better': {name: {_metric(r): not _smaller_is_better(r)} for name, (r, _) in tasks.items()},
        'n-samples': {
            name: {'original': result.num_examples, 'effective': result.num_examples}
            for name, (result, _) in tasks.items()
        },
        'config': {'model': 'flan_jax', 'model_args': {'path': model}, 'limit': limit, 'bootstrap_iters': None},
        'model_source': 'flan_jax',
        'model_name': model,
        'date': time.time(),
    }


def _tasks(result: Result) -> dict[str, dict[str, float | str]]:
    """Task name to scores: for the mean over templates with its standard error, and for each template."""
    name, scale = result.name.replace(' ', '_'), _scale(result)
    error = (result.interval[1] - result.interval[0]) / _INTERVAL
    found = {name: _values(result, result.mean * scale, error * scale)}
    for template in result.templates:
        score = template.test[result.headline] * scale
        found[f'{name}_template_{template.template}'] = _values(result, score, 'N/A')
    return found


def _values(result: Result, score: float, error: float | str) -> dict[str, float | str]:
    return {f'{_metric(result)},none': score, f'{_metric(result)}_stderr,none': error}


def _metric(result: Result) -> str:
    return NAMES.get(result.headline, result.headline)


def _scale(result: Result) -> float:
    return 0.01 if _metric(result) in FRACTIONS else 1.0


def _kind(result: Result) -> str:
    return 'multiple_choice' if result.by_score else 'generate_until'


def _smaller_is_better(result: Result) -> bool:
    return METRICS[catalogue.dataset(result.dataset).metrics[0]].smaller_is_better
