"""The scores of each soft prompt of a task, with their mean and standard deviation."""

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.records import ModelRecords
from flan_jax.evaluation.results import Result
from flan_jax.evaluation.soft_prompts import each_prompt, task_prompts
from flan_jax.reports.result_lines import model_results
from flan_jax.tuning.task_prompts import prompt_name


def prompt_lines(eval_set: EvalSet, tuned: ModelRecords) -> list[dict[str, Any]]:
    """One line per result and number of rows, for tasks with several prompts.

    Returns:
      Lines with name, rows, prompts (prompt name to score, which is the mean over templates), and the mean and sample
      standard deviation of the scores; the latter is None for a single prompt.
    """
    tuning, asked = task_prompts(tuned), each_prompt(eval_set, tuned)
    if tuning is None or len(asked) == 1:
        return []
    rows = dict(zip(tuning.prompt_names, tuning.lengths_of_prompts))
    scores: dict[tuple[str, int], dict[str, float]] = {}
    for prompt, result in _results(asked):
        scores.setdefault((_name(result), rows[prompt]), {})[prompt] = result.mean
    several = {name for (name, _), of_line in scores.items() if len(_of_name(scores, name)) > 1}
    return [_line(name, length, of_line) for (name, length), of_line in sorted(scores.items()) if name in several]


def _results(asked: Sequence[tuple[EvalSet, ModelRecords]]) -> Iterator[tuple[str, Result]]:
    """Every result with the name of its prompt."""
    for part, model in asked:
        for result in model_results(part, model):
            yield prompt_name(result.dataset, model.prompt), result


def _name(result: Result) -> str:
    return f'{result.name}, {result.shots} shots' if result.shots else result.name


def _of_name(scores, name: str) -> list[str]:
    return [prompt for (other, _), of_line in scores.items() if other == name for prompt in of_line]


def _line(name: str, rows: int, scores: dict[str, float]) -> dict[str, Any]:
    values = list(scores.values())
    return {
        'name': name,
        'rows': rows,
        'prompts': scores,
        'mean': statistics.mean(values),
        'std': statistics.stdev(values) if len(values) > 1 else None,
    }
