"""The report of several models on the same datasets, side by side."""

import pathlib
from collections.abc import Mapping
from typing import Any

from etils import epath

from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.results import Result
from flan_jax.reports.page import page_of, write_files
from flan_jax.reports.report import from_samples
from flan_jax.reports.result_lines import Models, ResultsByModel, not_evaluated
from flan_jax.settings import as_plain

_TEMPLATE = pathlib.Path(__file__).parent / 'models.html'


def write_models_report(
    folder: epath.PathLike, eval_set: EvalSet, models: Models, paths: Mapping[str, str], found: ResultsByModel
) -> epath.Path:
    """Writes report.json and report.html; returns the latter.

    Args:
      folder: where to.
      eval_set: what was evaluated.
      models: the models' records, by name.
      paths: the models' folders, by name.
      found: their results, by name.
    """
    content = {
        'models': {
            name: {'path': paths[name], 'prompt_format': models[name].settings['prompt_format']['name']}
            for name in models
        },
        'results': [
            {'name': name, 'shots': shots, 'metric': some.headline, 'num_examples': some.num_examples}
            | {'models': as_plain(by_model)}
            for (name, shots), by_model in lines(found).items()
            for some in [next(iter(by_model.values()))]
        ],
        'not_evaluated': not_evaluated(eval_set, found),
        'score': eval_set.evaluation.score,
        'limit': eval_set.evaluation.limit,
        'from_samples': from_samples(list(eval_set.datasets), eval_set.data_dir),
    }
    return write_files(folder, content, _page(content))


def lines(found: ResultsByModel) -> dict[tuple[str, int], dict[str, Result]]:
    """The results of each dataset, or variant of one, at each number of shots, by model."""
    by_line: dict[tuple[str, int], dict[str, Result]] = {}
    for model, results in found.items():
        for result in results:
            by_line.setdefault((result.name, result.shots), {})[model] = result
    return by_line


def _page(content: Mapping[str, Any]) -> str:
    return page_of(_TEMPLATE, content)
