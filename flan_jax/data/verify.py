"""Every row of a dataset in every template, and what is wrong with them."""

import collections
import dataclasses
import re
from collections.abc import Iterator

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data import source
from flan_jax.data.prepare import SAMPLES
from flan_jax.data.preview import RenderedRow, rendered_rows


@dataclasses.dataclass(frozen=True)
class Verification:
    """What came of verifying a dataset.

    Attributes:
      dataset: the dataset.
      from_samples: whether its rows are the bundled samples.
      rows: rows rendered in all templates, over all splits.
      dropped: rows that the documented filter left out.
      problems: what is wrong, to the number of rows or renderings it concerns.
    """

    dataset: Dataset
    from_samples: bool
    rows: int
    dropped: int
    problems: dict[str, int]


def verify(dataset: Dataset, data_dir: str, limit: int = -1) -> Verification:
    """Renders the rows of all splits, at most `limit` of each unless it is negative, and checks them.

    Raises:
      MissingDataError: if the dataset is not prepared.
    """
    rows, dropped = 0, 0
    problems: collections.Counter[str] = collections.Counter()
    for split, all_rows in source.split_slices(dataset, data_dir).items():
        usable = 0
        for row in rendered_rows(dataset, split, data_dir, limit):
            usable += 1
            problems.update(problems_of(dataset, row))
        rows += usable
        if limit < 0:
            dropped += len(all_rows) - usable
    if dropped and dataset.keep is None:
        problems['a row is lost, and no filter is documented'] = dropped
    samples = source.origin(dataset.source, data_dir) == SAMPLES
    return Verification(dataset, samples, rows, dropped, dict(problems))


def problems_of(dataset: Dataset, row: RenderedRow) -> Iterator[str]:
    """What is wrong with a row, one line each."""
    if not row.answer.strip():
        yield 'the answer is empty'
    if not row.references or not all(reference.strip() for reference in row.references):
        yield 'a reference is missing or empty'
    if dataset.has_options:
        yield from _problems_of_options(row)
    for index, (inputs, targets) in enumerate(row.prompts):
        for problem in _problems_of_prompt(dataset, index, inputs, targets, row):
            yield f'template {index}: {problem}'


def _problems_of_options(row: RenderedRow) -> Iterator[str]:
    if len(row.choices) < 2 or not all(choice.strip() for choice in row.choices):
        yield 'there are fewer than two options, or an empty one'
    if [choice for choice, right in zip(row.choices, row.right) if right] != list(row.references):
        yield 'the references are not the options marked right'
    if row.answer != row.references[0]:
        yield 'the answer is not the first right option'
    if row.choices.count(row.answer) != 1:
        yield 'the answer is not among the options exactly once'


def _problems_of_prompt(dataset: Dataset, index: int, inputs: str, targets: str, row: RenderedRow) -> Iterator[str]:
    template = dataset.templates[index]
    if not inputs or not targets or inputs != inputs.strip() or targets != targets.strip():
        yield 'inputs or targets are empty or begin or end with blanks'
    own_words = _without_values(inputs, row)
    if re.search(r'[{}]', own_words):
        yield 'a stray brace'
    if '??' in own_words:
        yield 'a doubled question mark'
    if template.inverted:
        return
    if template.targets == '{answer}' and targets != row.answer.strip():
        yield 'the targets are not the answer'
    if dataset.has_options and not all(f'\n- {choice}' in inputs for choice in row.choices):
        yield 'an option is not shown'


def _without_values(text: str, row: RenderedRow) -> str:
    """The template's own words, with a question mark for every value that ends in one."""
    for value in sorted({*row.fields.values(), *row.choices, row.answer}, key=len, reverse=True):
        text = text.replace(value, '?' if value.endswith('?') else '')
    return text
