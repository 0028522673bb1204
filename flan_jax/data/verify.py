"""Checks every example of a dataset in every template."""

import collections
import dataclasses
import re
from collections.abc import Iterator

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data import source
from flan_jax.data.prepared_source import PreparedSource
from flan_jax.data.preview import RenderedExample, rendered_from
from flan_jax.data.source import SAMPLES


@dataclasses.dataclass(frozen=True)
class Verification:
    """The result of verifying a dataset.

    Attributes:
      dataset: the dataset.
      from_samples: whether its examples are the bundled samples.
      examples: number of examples, over all splits, that were rendered in all templates.
      dropped: number of examples that the documented filter left out.
      problems: number of affected examples or renderings for each problem.
    """

    dataset: Dataset
    from_samples: bool
    examples: int
    dropped: int
    problems: dict[str, int]


def verify(dataset: Dataset, data_dir: str, limit: int = -1) -> Verification:
    """Renders and checks the examples of all splits, of the first `limit` rows of each unless it is negative.

    Raises:
      MissingDataError: if the dataset is not prepared.
    """
    rows = PreparedSource(dataset, data_dir, limit)
    splits = '+'.join(rows.splits)
    problems: collections.Counter[str] = collections.Counter()
    examples = 0
    for ex in rendered_from(rows, splits) if splits else ():
        examples += 1
        problems.update(problems_of(dataset, ex))
    dropped = rows.num_input_examples(splits) - examples if splits else 0
    if dropped and dataset.keep is None:
        problems['an example is skipped, but no filter is documented'] = dropped
    samples = source.origin(dataset.source, data_dir) == SAMPLES
    return Verification(dataset, samples, examples, dropped, dict(problems))


def problems_of(dataset: Dataset, ex: RenderedExample) -> Iterator[str]:
    """The problems of an example, one line each."""
    if not ex.answer.strip():
        yield 'the answer is empty'
    if not ex.references or not all(reference.strip() for reference in ex.references):
        yield 'a reference is missing or empty'
    if dataset.has_options:
        yield from _problems_of_options(ex)
    for index, (inputs, targets) in enumerate(ex.prompts):
        for problem in _problems_of_prompt(dataset, index, inputs, targets, ex):
            yield f'template {index}: {problem}'


def _problems_of_options(ex: RenderedExample) -> Iterator[str]:
    if len(ex.choices) < 2 or not all(choice.strip() for choice in ex.choices):
        yield 'there are fewer than two options, or an empty one'
    if [choice for choice, right in zip(ex.choices, ex.right) if right] != list(ex.references):
        yield 'the references are not the correct options'
    if ex.answer != ex.references[0]:
        yield 'the answer is not the first correct option'
    if ex.choices.count(ex.answer) != 1:
        yield 'the answer is not among the options exactly once'


def _problems_of_prompt(dataset: Dataset, index: int, inputs: str, targets: str, ex: RenderedExample) -> Iterator[str]:
    template = dataset.templates[index]
    if not inputs or not targets or inputs != inputs.strip() or targets != targets.strip():
        yield 'inputs or targets are empty, or start or end with white space'
    own_words = _without_values(inputs, ex)
    if re.search(r'[{}]', own_words):
        yield 'a stray brace'
    if '??' in own_words:
        yield 'a double question mark'
    if template.inverted:
        return
    if template.targets == '{answer}' and targets != ex.answer.strip():
        yield 'the targets do not equal the answer'
    if dataset.has_options and not all(f'\n- {choice}' in inputs for choice in ex.choices):
        yield 'an option is not shown'


def _without_values(text: str, ex: RenderedExample) -> str:
    """The template's words, with a question mark for every value that ends with one."""
    for value in sorted({*ex.fields.values(), *ex.choices, ex.answer}, key=len, reverse=True):
        text = text.replace(value, '?' if value.endswith('?') else '')
    return text
