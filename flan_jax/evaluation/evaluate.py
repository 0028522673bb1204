"""Evaluating a model on an eval set, and keeping what it answered: records first, judged later (FLAN, section 3)."""

import functools
from collections.abc import Callable, Iterator, Sequence

import jax

from flan_jax.distributed import processes
from flan_jax.distributed.preemption import termination_noted
from flan_jax.evaluation import records
from flan_jax.evaluation.eval_set import EvalExample, EvalSet
from flan_jax.evaluation.evaluator import Evaluator
from flan_jax.evaluation.records import ModelRecords, RecordKey
from flan_jax.inference.loaded import LoadedModel
from flan_jax.progress import CONSOLE, bar
from flan_jax.tuning.task_prompts import prompt_name

COMPILING = 'reading examples, and compiling for their lengths'
"""What goes on before the first answers."""

EXAMPLES_AT_A_TIME = 1000
"""Examples evaluated together, and recorded when all have answers."""


def evaluate(load: Callable[[], LoadedModel], eval_set: EvalSet, model_records: ModelRecords) -> None:
    """Evaluates a model on everything that is not on record yet.

    Every process reads and computes alike; the first decides what is missing, and writes.

    Args:
      load: gives the model; called only where something is missing.
      eval_set: what to evaluate.
      model_records: where the model's records are.

    Raises:
      Preempted: after SIGTERM or Ctrl-C to any process, in all of them after the same group of examples.
      RecordsError: see `ModelRecords.open`.
    """
    missing = _decided_by_first(eval_set, model_records)
    if not missing:
        return
    model = load()
    prompt_of = functools.partial(_prompt_of, model, model_records.prompt)
    for key in missing:
        model.of_task(prompt_of(key))  # one without a prompt is better known before hours of evaluation
    evaluator_of = functools.cache(functools.partial(_evaluator, model, eval_set))
    total = len(eval_set.keys)
    title = f'evaluating {model_records.name}'
    with termination_noted() as should_stop, bar(title, total, total - len(missing), first=COMPILING) as advance:
        for group in _groups(eval_set, missing, model, prompt_of):
            if should_stop():
                raise should_stop.stopped(f'stopped {title}; what it answered is on record')
            found = evaluator_of(prompt_of(next(iter(group)))).evaluate(group)
            if jax.process_index() == 0:
                _write(found, eval_set, model_records)
            advance(len(group), next(iter(group)).dataset)


def unevaluated(eval_set: EvalSet, model_records: ModelRecords) -> list[RecordKey]:
    """What of an eval set is not on record, or not completely."""
    done = records.recorded(eval_set.keys, lambda key: model_records.folder(eval_set.settings(key)))
    return [key for key in eval_set.keys if key not in done]


def _decided_by_first(eval_set: EvalSet, model_records: ModelRecords) -> list[RecordKey]:
    """What process 0 finds missing; the others may see a disk on which another job has written in the meantime."""
    missing = set(_missing(eval_set, model_records)) if jax.process_index() == 0 else set()
    is_missing = processes.broadcast_from_first([key in missing for key in eval_set.keys])
    return [key for key, missing in zip(eval_set.keys, is_missing) if missing]


def _missing(eval_set: EvalSet, model_records: ModelRecords) -> list[RecordKey]:
    """What is to be evaluated; records that are damaged are named, and evaluated anew."""
    for folder in {model_records.folder(eval_set.settings(key)) for key in eval_set.keys}:
        for damage in records.damaged(folder):
            CONSOLE.print(f'{damage}', soft_wrap=True)
    return unevaluated(eval_set, model_records)


def _groups(
    eval_set: EvalSet, keys: Sequence[RecordKey], model: LoadedModel, prompt_of: Callable[[RecordKey], str]
) -> Iterator[dict[RecordKey, list[EvalExample]]]:
    """Examples by key in groups large enough to fill batches, small enough to lose little when interrupted.

    Where all prompts of a key begin with the same exemplars it is a group by itself, so that those are computed once. A
    group reads one soft prompt.
    """
    group: dict[RecordKey, list[EvalExample]] = {}
    for key in keys:
        shares_prefix = eval_set.evaluation.fixed_exemplars and key.shots > 0
        reads_another = bool(group) and prompt_of(key) != prompt_of(next(iter(group)))
        if (shares_prefix or reads_another) and group:
            yield group
            group = {}
        group[key] = eval_set.examples(key, model.vocabulary, model.prompt_format)
        if shares_prefix or sum(map(len, group.values())) >= EXAMPLES_AT_A_TIME:
            yield group
            group = {}
    if group:
        yield group


def _prompt_of(model: LoadedModel, number: int, key: RecordKey) -> str:
    """The soft prompt that a key's examples are asked with; empty where the model has but one, or none."""
    return prompt_name(key.dataset, number) if model.prompts else ''


def _evaluator(model: LoadedModel, eval_set: EvalSet, prompt: str) -> Evaluator:
    settings = eval_set.evaluation
    return Evaluator(model.of_task(prompt), eval_set.max_new_tokens, settings.batch_tokens, settings.decoding)


def _write(found: dict[RecordKey, list[dict]], eval_set: EvalSet, model_records: ModelRecords) -> None:
    for key, of_key in found.items():
        records.write(model_records.open(eval_set.settings(key)), key, of_key)
