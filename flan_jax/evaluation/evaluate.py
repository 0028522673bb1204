"""Evaluates a model on an eval set and writes records, which are judged later (FLAN, section 3)."""

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
"""Note of the progress bar before the first answers."""

EXAMPLES_AT_A_TIME = 1000
"""Least number of examples that are evaluated and recorded together."""


def evaluate(load: Callable[[], LoadedModel], eval_set: EvalSet, model_records: ModelRecords) -> None:
    """Evaluates a model on everything that has no complete records yet.

    All processes read and compute the same; process 0 decides what is missing, and writes.

    Args:
      load: loads the model; called only if something is missing.
      eval_set: what to evaluate.
      model_records: location of the model's records.

    Raises:
      Preempted: after SIGTERM or Ctrl-C to any process, in all processes after the same group of examples.
      RecordsError: see `ModelRecords.open`.
    """
    missing = _missing_by_first_process(eval_set, model_records)
    if not missing:
        return
    model = load()
    prompt_of = functools.partial(_prompt_of, model, model_records.prompt)
    for key in missing:
        model.of_task(prompt_of(key))  # fails now, not after hours, if a task has no soft prompt
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
    """The keys of an eval set without complete records."""
    done = records.recorded(eval_set.keys, lambda key: model_records.folder(eval_set.settings(key)))
    return [key for key in eval_set.keys if key not in done]


def _missing_by_first_process(eval_set: EvalSet, model_records: ModelRecords) -> list[RecordKey]:
    """What process 0 finds missing: the others may already see what another job has written in the meantime."""
    missing = set(_missing(eval_set, model_records)) if jax.process_index() == 0 else set()
    is_missing = processes.broadcast_from_first([key in missing for key in eval_set.keys])
    return [key for key, missing in zip(eval_set.keys, is_missing) if missing]


def _missing(eval_set: EvalSet, model_records: ModelRecords) -> list[RecordKey]:
    """The keys to evaluate; damaged records are reported, and evaluated again."""
    for folder in {model_records.folder(eval_set.settings(key)) for key in eval_set.keys}:
        for damage in records.damaged(folder):
            CONSOLE.print(f'{damage}', soft_wrap=True)
    return unevaluated(eval_set, model_records)


def _groups(
    eval_set: EvalSet, keys: Sequence[RecordKey], model: LoadedModel, prompt_of: Callable[[RecordKey], str]
) -> Iterator[dict[RecordKey, list[EvalExample]]]:
    """Examples by key, in groups large enough to fill batches and small enough to lose little when interrupted.

    A key whose prompts all start with the same exemplars is a group by itself, so that the exemplars are computed once.
    All examples of a group use the same soft prompt.
    """
    group: dict[RecordKey, list[EvalExample]] = {}
    for key in keys:
        shares_prefix = eval_set.evaluation.fixed_exemplars and key.shots > 0
        other_prompt = bool(group) and prompt_of(key) != prompt_of(next(iter(group)))
        if (shares_prefix or other_prompt) and group:
            yield group
            group = {}
        group[key] = eval_set.examples(key, model.vocabulary, model.prompt_format)
        if shares_prefix or sum(map(len, group.values())) >= EXAMPLES_AT_A_TIME:
            yield group
            group = {}
    if group:
        yield group


def _prompt_of(model: LoadedModel, number: int, key: RecordKey) -> str:
    """The name of the soft prompt for a key's examples; empty if the model has at most one."""
    return prompt_name(key.dataset, number) if model.prompts else ''


def _evaluator(model: LoadedModel, eval_set: EvalSet, prompt: str) -> Evaluator:
    settings = eval_set.evaluation
    return Evaluator(model.of_task(prompt), eval_set.max_new_tokens, settings.batch_tokens, settings.decoding)


def _write(found: dict[RecordKey, list[dict]], eval_set: EvalSet, model_records: ModelRecords) -> None:
    for key, found_records in found.items():
        records.write(model_records.open(eval_set.settings(key)), key, found_records)
