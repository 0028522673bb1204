"""Example rows for the templates on a dataset's page: prepared ones, or else the bundled samples."""

import dataclasses
import itertools
from collections.abc import Mapping

from flan_jax.catalogue.declaration import ANSWER, HISTORY, OPTIONS, Dataset
from flan_jax.data import source
from flan_jax.data.preview import RenderedExample, rendered_examples
from flan_jax.data.source import SAMPLES

SHOWN = 5
"""Largest number of rows on a page."""

LONGEST = 700
"""Longest value on a page in characters; longer ones are shortened."""


@dataclasses.dataclass(frozen=True)
class Rows:
    """Examples of one dataset.

    Attributes:
      examples: the examples, rendered with all templates.
      split: their split.
      from_samples: whether they are bundled samples.
    """

    examples: tuple[RenderedExample, ...] = ()
    split: str = ''
    from_samples: bool = False


def rows_of(dataset: Dataset, *data_dirs: str) -> Rows:
    """Up to `SHOWN` examples from the first folder with the dataset, of its training split if it has one."""
    for data_dir in data_dirs:
        try:
            splits = source.split_slices(dataset, data_dir)
        except source.MissingDataError:
            continue
        split = next(iter(splits))
        examples = tuple(itertools.islice(rendered_examples(dataset, split, data_dir, SHOWN), SHOWN))
        return Rows(examples, split, source.origin(dataset.source, data_dir) == SAMPLES)
    return Rows()


def shown_values(example: RenderedExample) -> dict[str, str]:
    """Placeholder to its text, with long texts shortened."""
    values = example.fields | {ANSWER: example.answer, OPTIONS: example.options}
    return {name: shortened(text) for name, text in values.items() if text or name != OPTIONS}


def shown_turns(before: Mapping) -> list[str]:
    """The questions and answers before the question of a dialogue, in turn."""
    return [shortened(turn) for turn in before.get(HISTORY, ())]


def shortened(text: str) -> str:
    """The first `LONGEST` characters of a text, with the number of the others."""
    more = len(text) - LONGEST
    return text if more <= 0 else f'{text[:LONGEST]} [… {more:,} more characters]'
