"""The lines of a report's table: each result with both models' scores and the paper's, from records alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from flan_jax import catalogue
from flan_jax.evaluation import records
from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.model_identity import SAVED
from flan_jax.evaluation.records import ModelRecords, RecordKey
from flan_jax.evaluation.results import FolderOf, Result, baselines, results, unfinished
from flan_jax.metrics.metrics import METRICS
from flan_jax.reports.paper import paper_result
from flan_jax.settings import as_plain

Models = Mapping[str, ModelRecords]
"""The records of models by the names of their columns, 'base' and 'tuned'."""

ResultsByModel = Mapping[str, Sequence[Result]]
"""Their results, see `results_by_model`."""


def folder_of(eval_set: EvalSet, model: ModelRecords) -> FolderOf:
    """The folder of a model's records of a key."""
    return lambda key: model.folder(eval_set.settings(key))


def model_results(eval_set: EvalSet, model: ModelRecords) -> list[Result]:
    """What of an eval set a model has answered."""
    return results(eval_set.keys, folder_of(eval_set, model), eval_set.evaluation.score)


def results_by_model(eval_set: EvalSet, models: Models) -> dict[str, list[Result]]:
    """What of an eval set each model has answered, judged once for all that is made of it."""
    return {label: model_results(eval_set, model) for label, model in models.items()}


def result_lines(eval_set: EvalSet, models: Models, found: ResultsByModel) -> list[dict[str, Any]]:
    """One line per dataset and variant that any model has answered; without zero-shot results one for each of shots."""
    by_name: dict[str, dict[int, dict[str, Result]]] = {}
    for label, of_model in found.items():
        for result in of_model:
            by_name.setdefault(result.name, {}).setdefault(result.shots, {})[label] = result
    return [_line(name, of, eval_set, models) for name, by_shots in by_name.items() for of in _together(by_shots)]


def _together(by_shots: Mapping[int, Mapping[str, Result]]) -> list[Mapping[int, Mapping[str, Result]]]:
    """What a line shows: zero-shot results with any others beside them, or else those of one number of shots."""
    return [by_shots] if 0 in by_shots else [{shots: by_shots[shots]} for shots in sorted(by_shots)]


def not_evaluated(eval_set: EvalSet, found: ResultsByModel) -> dict[str, list[str]]:
    """By model, the names of what it has not answered, or not in all templates."""
    missing = {label: unfinished(eval_set.keys, of_model) for label, of_model in found.items()}
    return {label: names for label, names in missing.items() if names}


def lines_by_step(eval_set: EvalSet, models: Models, found: ResultsByModel) -> list[dict[str, Any]]:
    """Scores that grow as a model gets better, by step of tuning; none if it was evaluated at the end only."""
    between = earlier_steps(models['tuned']) if 'tuned' in models else []
    if not between:
        return []
    by_step = {0: found['base']}
    by_step |= {records.step_of(model.model): model_results(eval_set, model) for model in between}
    by_step[records.step_of(models['tuned'].model)] = found['tuned']
    return [
        {'step': step, 'name': result.name, 'mean': result.mean}
        for step, of_step in by_step.items()
        for result in of_step
        if result.shots == of_step[0].shots
        and not METRICS[catalogue.dataset(result.dataset).metrics[0]].smaller_is_better
    ]


def earlier_steps(tuned: ModelRecords) -> list[ModelRecords]:
    """The records of the same run's model after earlier steps.

    Their checkpoints may be gone; of several that a step has left records of, the one that was saved last counts.
    """
    last = records.step_of(tuned.model)
    steps = [step for step in map(records.step_of, records.models_in(tuned.root)) if 0 < step < last]
    found = (_same_run_at(records.step_model(step), tuned) for step in steps)
    return [model for model in found if model is not None]


def _same_run_at(name: str, tuned: ModelRecords) -> ModelRecords | None:
    folders = records.folders_in(records.model_folder(tuned.root, name))
    settings = [records.settings_of(folder)['model'] for folder in folders]
    same_run = [found for found in settings if _trained_as(found) == _trained_as(tuned.settings)]
    newest = max(same_run, key=lambda found: found['weights'][SAVED], default=None)
    return None if newest is None else ModelRecords(tuned.root, name, newest)


def _trained_as(settings: Mapping[str, Any]) -> str:
    """A fingerprint of a model's settings without what changes from step to step."""
    weights = {name: value for name, value in settings['weights'].items() if name not in ('step', SAVED)}
    return records.fingerprint({**settings, 'weights': weights})


def _line(name: str, by_shots: Mapping[int, Mapping[str, Result]], eval_set: EvalSet, models: Models) -> dict[str, Any]:
    by_model, *others = ({'shots': shots, 'models': found} for shots, found in sorted(by_shots.items()))
    label, result = list(by_shots[min(by_shots)].items())[-1]
    key = next(k for k in eval_set.keys if k.without_template == (result.dataset, result.variant, result.shots))
    test_key = RecordKey(key.dataset, key.variant, result.templates[0].template, 'test', key.shots)
    asked = records.read(models[label].folder(eval_set.settings(test_key)), test_key)
    needs_no_model = baselines(asked, result.headline)
    paper = paper_result(name, result.shots)
    return {
        'name': name,
        'dataset': result.dataset,
        'ranked': bool(result.by_score),
        'metric': result.headline,
        'num_examples': result.num_examples,
        'chance': needs_no_model.chance,
        'majority': needs_no_model.majority,
        **as_plain(by_model),
        'few_shot': as_plain(others),
        'paper': as_plain(paper) if paper else None,
    }
