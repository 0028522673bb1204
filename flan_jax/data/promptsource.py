"""Prompts of promptsource, such as T0's, beside our templates: every one of them becomes a dataset of its own.

For its options are its own, and so are the rows that it applies to. It has the name of the dataset that it is for and a
number, such as `copa_promptsource_3`, and is of the same cluster, so that it is held out and evaluated with it.
"""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Choice, Dataset, FreeText, Keep, MetricName, Template, TfdsExample
from flan_jax.catalogue.promptsource import OURS, PromptsourceTemplate, read
from flan_jax.data.filters import both
from flan_jax.data.prepared_source import PreparedSource, keep_usable
from flan_jax.data.rendering import read_values
from flan_jax.data.source import MissingDataError
from flan_jax.errors import UserError
from flan_jax.settings import fingerprint

NAMES = {
    'GEM/web_nlg/en': 'gem/web_nlg_en',
    'GEM/wiki_lingua/en': 'gem/wiki_lingua_english_en',
    'ag_news': 'ag_news_subset',
    'anli': 'anli/',
    'cnn_dailymail/3.0.0': 'cnn_dailymail',
    'common_gen': 'gem/common_gen',
    'dart': 'gem/dart',
    'e2e_nlg_cleaned': 'gem/e2e_nlg',
    'imdb': 'imdb_reviews/plain_text',
    'openbookqa/main': 'openbookqa',
    'paws/labeled_final': 'paws_wiki/labeled_final_tokenized',
    'squad': 'squad/v1.1',
    'squad_v2': 'squad/v2.0',
    'super_glue/boolq': 'bool_q',
    'super_glue/wsc.fixed': 'super_glue/wsc',
    'trivia_qa/unfiltered': 'trivia_qa/unfiltered.nocontext',
    'winogrande/winogrande_xl': 'winogrande',
    'yelp_polarity': 'yelp_polarity_reviews',
}
"""promptsource's name of a dataset to that of TFDS, or to how several begin, where they differ."""


_MADE = '_promptsource_'
"""Stands in the names of the datasets that prompts become."""


def add_prompts(paths: Iterable[str], data_dir: str) -> None:
    """Adds the prompts of promptsource files to the catalogue.

    Prompts that ask for something else than the dataset's own task are left out, as in T0's evaluation.

    Raises:
      UserError: if a file cannot be read, is for no dataset of the catalogue, or has a prompt that does not fit its
        first row.
    """
    for path in paths:
        name, templates = read(path)
        datasets = _datasets_called(name)
        if not datasets:
            raise UserError(f'Data.promptsource: {path} is for {name}, which is not in the catalogue')
        for dataset in datasets:
            added = {made.name: made for made in prompts_of(dataset, templates)}
            if not added:
                raise UserError(f'Data.promptsource: no prompt in {path} is for the task of {name}')
            _require_one_file(added.values(), name, path)
            _try(dataset, templates, data_dir, path)
            catalogue.DATASETS.update(added)


def _require_one_file(added: Iterable[Dataset], name: str, path: str) -> None:
    for made in added:
        before = catalogue.DATASETS.get(made.name, made)
        if list(before.fields) != list(made.fields):
            raise UserError(f'Data.promptsource: {path} is a second file for {name}; merge the two files')


def prompts_of(dataset: Dataset, templates: Iterable[PromptsourceTemplate]) -> Iterator[Dataset]:
    """A dataset for every template that asks for the dataset's own task."""
    for index, template in enumerate(templates):
        if template.original_task:
            yield _dataset_of(dataset, template, f'{dataset.name}{_MADE}{index}')


def _dataset_of(dataset: Dataset, template: PromptsourceTemplate, name: str) -> Dataset:
    rendered = functools.partial(_rendered, dataset, template)
    # Streams and records tell templates apart by their texts, so the name of the field stands for the prompt.
    field = f'prompt_{fingerprint(dataclasses.asdict(template))}'

    def is_right(ex: TfdsExample) -> tf.Tensor:
        _, target, choices = rendered(ex)
        return choices == target

    def applies(ex: TfdsExample) -> tf.Tensor:
        prompt = rendered(ex)[0]
        return (prompt != '') & (tf.reduce_any(is_right(ex)) if template.answer_choices else True)

    answer: Choice | FreeText
    metrics: tuple[MetricName, ...]
    if template.answer_choices:
        answer, metrics = Choice(options=lambda ex: rendered(ex)[2], label=is_right), ('accuracy',)
    else:
        answer = FreeText(answer=lambda ex: rendered(ex)[1])
        metrics = ('exact_match',) if dataset.has_options else dataset.metrics
    return dataclasses.replace(
        dataset,
        name=name,
        paper_name='',
        fields={field: lambda ex: rendered(ex)[0]},
        answer=answer,
        templates=(Template(f'{{{field}}}'),),
        metrics=metrics,
        long_fields=(),
        revealing=(),
        keep=both(
            dataset.keep, Keep('the prompt does not apply to such rows, or its target is not an option', applies)
        ),
        note=f'promptsource: {template.name}',
    )


def _rendered(dataset: Dataset, template: PromptsourceTemplate, ex: TfdsExample) -> tuple[tf.Tensor, ...]:
    """Prompt and target, scalar strings, and options, strings [n]; this runs Python."""
    values = {'fields': read_values(dataset, ex), 'row': columns_of(ex)}

    def in_python(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        row = row_of(template, dataset, tf.nest.pack_sequence_as(values, arrays))
        prompt, target, choices = template.render(row)
        return np.array(prompt, object), np.array(target, object), np.array(choices, object)

    outputs = tf.numpy_function(in_python, tf.nest.flatten(values), (tf.string,) * 3, stateful=False)
    for output, shape in zip(outputs, ([], [], [None])):
        output.set_shape(shape)
    return tuple(outputs)


def row_of(template: PromptsourceTemplate, dataset: Dataset, values: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What a template may name: the columns of a row, then our fields; for a template of ours the other way round."""
    fields, row = _plain(values['fields']), _plain(values['row'])
    if dataset.has_options and True in fields['right']:
        fields['label'] = fields['right'].index(True)
    return row | fields if template.reference == OURS else fields | row


def _try(dataset: Dataset, templates: Iterable[PromptsourceTemplate], data_dir: str, path: str) -> None:
    """Renders every template for the first row of a dataset, where it is prepared."""
    try:
        source = PreparedSource(dataset, data_dir)
        examples = keep_usable(source.get_dataset(source.splits[0], shuffle=False), dataset).take(1)
    except MissingDataError:
        return
    for ex in examples:
        values = tfds.as_numpy({'fields': read_values(dataset, ex), 'row': columns_of(ex)})
        for template in templates:
            try:
                template.render(row_of(template, dataset, values))
            except UserError as error:
                raise UserError(f'Data.promptsource: {path}, {error}') from error


def _datasets_called(name: str) -> list[Dataset]:
    ours = NAMES.get(name, name)
    return [
        dataset
        for dataset in catalogue.DATASETS.values()
        if _MADE not in dataset.name
        and (dataset.source_name == ours or (ours.endswith('/') and dataset.source_name.startswith(ours)))
    ]


def columns_of(ex: TfdsExample) -> dict[str, Any]:
    """The features of an example but for lists of lists, which few datasets have and no template of T0 names."""
    ragged = (name for name, value in ex.items() if any(isinstance(v, tf.RaggedTensor) for v in tf.nest.flatten(value)))
    left_out = set(ragged)
    return {name: value for name, value in ex.items() if name not in left_out}


def _plain(values: Any) -> Any:
    """Arrays of a row as Python has them: strings, numbers, lists, in mappings."""
    if isinstance(values, Mapping):
        return {name: _plain(value) for name, value in values.items()}
    return _text(values.tolist() if isinstance(values, np.ndarray | np.generic) else values)


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [_text(part) for part in value]
    return value.decode() if isinstance(value, bytes) else value
