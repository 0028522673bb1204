"""Scores on the examples that do not occur in training data, and on all examples (Wei et al. 2022, appendix C)."""

from collections.abc import Mapping
from typing import Any

from flan_jax import catalogue
from flan_jax.evaluation import records
from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.judges.exact import Exact
from flan_jax.evaluation.records import ModelRecords, RecordKey
from flan_jax.evaluation.results import Result
from flan_jax.reports.result_lines import model_results


def clean_lines(eval_set: EvalSet, model: ModelRecords, certificate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The scores on all test examples, clean ones and dirty ones, for each dataset and variant that a model answered.

    The score is that of one template, as in the paper: the best on validation, or the first without validation.

    Args:
      eval_set: the evaluated datasets.
      model: the model's records.
      certificate: which examples are dirty, see `flan_jax.evaluation.contamination`.
    """
    results = model_results(eval_set, model)
    return [_line(result, eval_set, model, certificate['datasets'][result.dataset]) for result in results]


def _line(result: Result, eval_set: EvalSet, model: ModelRecords, found: Mapping[str, Any]) -> dict[str, Any]:
    best = result.best_dev_template
    template = result.templates[0].template if best is None else best
    key = RecordKey(result.dataset, result.variant, template, 'test', result.shots)
    answered = records.read(model.folder(eval_set.settings(key)), key)
    dirty = set(found['dirty']['test'])
    parts = {
        'total': answered,
        'clean': [record for record in answered if record['example'] not in dirty],
        'dirty': [record for record in answered if record['example'] in dirty],
    }
    judge = Exact(catalogue.dataset(result.dataset), eval_set.evaluation.score)
    scores = {name: judge.scores(part)[judge.headline] if part else None for name, part in parts.items()}
    return {
        'name': result.name,
        'shots': result.shots,
        'metric': judge.headline,
        'template': template,
        'examples': {name: len(part) for name, part in parts.items()},
        'scores': scores,
        'clean_share': 100 * len(parts['clean']) / len(answered),
        'difference': _difference(scores['clean'], scores['total']),
    }


def _difference(clean: float | None, total: float | None) -> float | None:
    """The score on clean examples minus that on all, in per cent of the latter."""
    return None if clean is None or not total else 100 * (clean - total) / total
