"""Rows that fill in the templates of a dataset's page: prepared ones, else the bundled samples."""

import dataclasses
import itertools
from collections.abc import Mapping

from flan_jax.catalogue.declaration import ANSWER, HISTORY, OPTIONS, Dataset
from flan_jax.data import source
from flan_jax.data.preview import RenderedExample, rendered_examples
from flan_jax.data.source import SAMPLES

SHOWN = 5
"""Rows of a page at most."""

LONGEST = 700
"""Characters of a value that a page shows; the whole stands in the data."""


@dataclasses.dataclass(frozen=True)
class Rows:
    """Examples of one dataset.

    Attributes:
      examples: under all templates.
      split: the split that they are of.
      from_samples: whether they are bundled samples.
    """

    examples: tuple[RenderedExample, ...] = ()
    split: str = ''
    from_samples: bool = False


def rows_of(dataset: Dataset, *data_dirs: str) -> Rows:
    """Up to `SHOWN` examples of the first folder that holds a dataset, of its training split where it has one."""
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
    """What stands for each placeholder, long texts cut."""
    values = example.fields | {ANSWER: example.answer, OPTIONS: example.options}
    return {name: shortened(text) for name, text in values.items() if text or name != OPTIONS}


def shown_turns(before: Mapping) -> list[str]:
    """The questions and answers before the question of a dialogue, in turn."""
    return [shortened(turn) for turn in before.get(HISTORY, ())]


def shortened(text: str) -> str:
    """A text of at most `LONGEST` characters, and how many more there are."""
    more = len(text) - LONGEST
    return text if more <= 0 else f'{text[:LONGEST]} [… {more:,} more characters]'
