"""Writes a run's settings, scores and example answers for TensorBoard, in addition to the training metrics."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax

from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.judges.exact import judgement
from flan_jax.evaluation.records import ModelRecords, RecordKey, read, step_of
from flan_jax.evaluation.results import Result
from flan_jax.reports.result_lines import ResultsByModel, folder_of
from flan_jax.run import Run
from flan_jax.settings import as_plain
from flan_jax.training.metrics_log import event_writer


def show_settings(run: Run) -> None:
    """Writes all settings of a run as hyper-parameters."""
    if jax.process_index() == 0:
        writer = event_writer(run.model_dir)
        writer.write_hparams(dict(_flat(as_plain(run))))
        writer.close()


def show_evaluation(run: Run, eval_set: EvalSet, models: Mapping[str, ModelRecords], found: ResultsByModel) -> None:
    """Writes the score of every dataset and an example answer, at the step of the evaluated checkpoint.

    Those of the base model are at step 0. Writing the same again, as resumed runs do, does not change what is shown.

    Args:
      run: the run whose folder holds the events.
      eval_set: the evaluated datasets.
      models: the records of each model.
      found: the results of each model.
    """
    writer = event_writer(run.model_dir)
    for label, model in models.items():
        step = step_of(model.model)
        writer.write_scalars(step, {f'evaluation/{_name(result)}': result.mean for result in found[label]})
        texts = {f'answers/{_name(result)}': _answer(result, eval_set, model) for result in found[label]}
        writer.write_texts(step, texts)
    writer.close()


def _name(result: Result) -> str:
    return f'{result.name} {result.shots}-shot' if result.shots else result.name


def _answer(result: Result, eval_set: EvalSet, model: ModelRecords) -> str:
    """The first test example of the first template, in Markdown, as TensorBoard reads texts."""
    template = result.templates[0].template
    key = RecordKey(result.dataset, result.variant, template, 'test', result.shots)
    record = read(folder_of(eval_set, model)(key), key)[0]
    said = judgement(record, eval_set.evaluation.score).prediction
    parts = {'prompt': record['prompt'], 'answer': said, 'reference': ' / '.join(record['references'])}
    return '\n\n'.join(f'**{name}**\n\n{_indented(text)}' for name, text in parts.items())


def _indented(text: str) -> str:
    """The text as a Markdown code block."""
    return '\n'.join(f'    {line}' for line in text.splitlines() or [''])


def _flat(plain: Any, name: str = '') -> Iterator[tuple[str, bool | int | float | str]]:
    """Nested settings as dotted names; values of types that TensorBoard lacks become text."""
    if isinstance(plain, Mapping):
        for key, value in plain.items():
            yield from _flat(value, f'{name}.{key}' if name else str(key))
    else:
        yield name, plain if isinstance(plain, bool | int | float | str) else str(plain)
