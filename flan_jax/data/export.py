"""Rendered examples as plain files, for people who train elsewhere."""

import itertools
import json
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow
import pyarrow.parquet

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.preview import rendered_examples
from flan_jax.files import whole_file
from flan_jax.progress import bar

_EXAMPLES_PER_GROUP = 10_000


def exported_examples(
    datasets: Iterable[Dataset], split: str, data_dir: str, limit: int = -1
) -> Iterator[dict[str, Any]]:
    """Every example in every template that counts: all for training, the forward ones for evaluation.

    An example holds dataset, cluster, split, template, inverted, inputs, targets, and the options and references of its
    template; one of a dialogue also history (earlier questions and answers in turn), system and context.
    """
    datasets = list(datasets)
    with bar('exporting', len(datasets)) as advance:
        for dataset in datasets:
            templates = enumerate(dataset.templates) if split == 'train' else dataset.forward_templates.items()
            chosen = list(templates)
            for ex in rendered_examples(dataset, split, data_dir, limit):
                for index, template in chosen:
                    inputs, targets = ex.prompts[index]
                    wants_answer = template.targets == '{answer}'  # not a reverse direction, or the question
                    yield {
                        'dataset': dataset.name,
                        'cluster': dataset.cluster.name,
                        'split': split,
                        'template': index,
                        'inverted': template.inverted,
                        'inputs': inputs,
                        'targets': targets,
                        'options': list(ex.choices) if wants_answer else [],
                        'references': list(ex.references) if wants_answer else [targets],
                    } | {name.removeprefix('dialogue_'): value for name, value in ex.before.items()}
            advance(1, dataset.name)


def write_examples(examples: Iterable[dict[str, Any]], path: pathlib.Path, file_format: str) -> int:
    """Writes examples as 'jsonl' or 'parquet'; returns their number. The file appears when it is complete."""
    write = {'jsonl': _write_jsonl, 'parquet': _write_parquet}[file_format]
    with whole_file(path) as unfinished:
        return write(iter(examples), pathlib.Path(unfinished))


def _write_jsonl(examples: Iterator[dict[str, Any]], path: pathlib.Path) -> int:
    count = 0
    with path.open('w', encoding='utf-8') as file:
        for count, ex in enumerate(examples, start=1):  # noqa: B007 - the count is wanted
            file.write(json.dumps(ex, ensure_ascii=False) + '\n')
    return count


def _write_parquet(examples: Iterator[dict[str, Any]], path: pathlib.Path) -> int:
    text = pyarrow.string()
    schema = pyarrow.schema(
        [
            *((name, text) for name in ('dataset', 'cluster', 'split')),
            ('template', pyarrow.int32()),
            ('inverted', pyarrow.bool_()),
            *((name, text) for name in ('inputs', 'targets')),
            *((name, pyarrow.list_(text)) for name in ('options', 'references', 'history')),
            *((name, text) for name in ('system', 'context')),  # like history null but for dialogues
        ]
    )
    count = 0
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        while group := list(itertools.islice(examples, _EXAMPLES_PER_GROUP)):
            writer.write_table(pyarrow.Table.from_pylist(group, schema))
            count += len(group)
    return count
