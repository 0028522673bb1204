"""Models with several soft prompts for a task: each prompt is evaluated, with separate records."""

import collections
import dataclasses

from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.records import ModelRecords
from flan_jax.tuning.task_prompts import TaskPrompts
from flan_jax.tuning.tuning import tuning_from_plain


def each_prompt(eval_set: EvalSet, model: ModelRecords) -> list[tuple[EvalSet, ModelRecords]]:
    """Evaluations with the first soft prompt of every task, with the second of tasks that have two, and so on.

    A model without several prompts for a task has a single evaluation of the whole eval set.
    """
    prompts = task_prompts(model)
    counts = collections.Counter(prompts.tasks if prompts else ())
    numbers = range(2, max(counts.values(), default=1) + 1)
    parts = [(number, eval_set.of_datasets([t for t in counts if counts[t] >= number])) for number in numbers]
    further = [(part, dataclasses.replace(model, prompt=number)) for number, part in parts if part.keys]
    return [(eval_set, model), *further]


def task_prompts(model: ModelRecords) -> TaskPrompts | None:
    """The tuning of a model's soft prompts, from its checkpoint; None for a model without a prompt per task."""
    plain = model.settings['weights'].get('metadata', {}).get('tuning')
    tuning = tuning_from_plain(plain) if plain else None
    return tuning if isinstance(tuning, TaskPrompts) else None
