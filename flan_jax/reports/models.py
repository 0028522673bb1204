"""The report that compares several models, or runs, on the same datasets."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.results import Result
from flan_jax.reports import answers
from flan_jax.reports.answers import Answered
from flan_jax.reports.beside import write_beside
from flan_jax.reports.page import page_of, write_files
from flan_jax.reports.report import from_samples
from flan_jax.reports.result_lines import Models, ResultsByModel, not_evaluated
from flan_jax.settings import as_plain

_TEMPLATE = pathlib.Path(__file__).parent / 'models.html'


def write_models_report(
    folder: epath.PathLike, eval_set: EvalSet, models: Models, paths: Mapping[str, str], found: ResultsByModel
) -> epath.Path:
    """Writes report.json, report.html and its accompanying files; returns the path of the page.

    Args:
      folder: the folder to write to.
      eval_set: the evaluated datasets.
      models: the models' records by name.
      paths: the models' folders by name.
      found: the models' results by name.
    """
    described = {
        name: {'path': paths[name], 'prompt_format': models[name].settings['prompt_format']['name'], 'notes': ''}
        for name in models
    }
    more = {
        'not_evaluated': not_evaluated(eval_set, found),
        'score': eval_set.evaluation.score,
        'limit': eval_set.evaluation.limit,
        'from_samples': from_samples(list(eval_set.datasets), eval_set.data_dir),
    }
    answered = answers.answered(answers.folders_of(eval_set, models), eval_set.evaluation.score)
    return write_side_by_side(folder, described, found, answered, more)


def write_side_by_side(
    folder: epath.PathLike,
    models: Mapping[str, Mapping[str, str]],
    found: ResultsByModel,
    answered: Sequence[Answered],
    more: Mapping[str, Any],
    figures: Mapping[str, Any] | None = None,
) -> epath.Path:
    """Writes the report that compares models; returns the path of the page.

    Args:
      folder: the folder to write to.
      models: path, prompt_format and notes of each model by name.
      found: the models' results by name.
      answered: the models' answers.
      more: not_evaluated, score, limit and from_samples for the page.
      figures: additional figures by name; the page shows 'loss'.
    """
    results = [
        {'name': name, 'shots': shots, 'metric': some.headline, 'num_examples': some.num_examples}
        | {'models': as_plain(by_model)}
        for (name, shots), by_model in lines(found).items()
        for some in [next(iter(by_model.values()))]
    ]
    content = {'models': models, 'results': results, 'answers': list(map(answers.summary, answered)), **more}
    pictures = write_beside(folder, results, figures or {})
    shown = answers.shown_records(answered)
    return write_files(folder, content, page_of(_TEMPLATE, content, shown=shown, loss_chart=pictures.get('loss')))


def lines(found: ResultsByModel) -> dict[tuple[str, int], dict[str, Result]]:
    """Dataset (or variant) and number of shots to the results by model."""
    by_line: dict[tuple[str, int], dict[str, Result]] = {}
    for model, results in found.items():
        for result in results:
            by_line.setdefault((result.name, result.shots), {})[model] = result
    return by_line
