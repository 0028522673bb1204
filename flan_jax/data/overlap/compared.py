"""The rows of evaluated datasets, which are searched for in what a model was trained on."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.overlap.chunks import Rows
from flan_jax.data.overlap.definition import CONTAINED, EQUAL, LONGEST, NONE, shingle_size
from flan_jax.data.overlap.raw_texts import raw_texts
from flan_jax.data.overlap.shingles import Texts, words_from
from flan_jax.data.overlap.wanted import Wanted
from flan_jax.data.source import MissingDataError, split_slices

EVALUATED_SPLITS = ('validation', 'test')


def is_evaluated(dataset: Dataset, data_dir: str) -> bool:
    """Whether a dataset is prepared with rows to evaluate."""
    try:
        return bool(split_slices(dataset, data_dir).keys() & set(EVALUATED_SPLITS))
    except MissingDataError:
        return False


@dataclasses.dataclass(frozen=True)
class Counts:
    """Numbers of rows of a dataset that overlap other texts.

    Attributes:
      examples: rows that overlap in any way.
      equal: rows with a text that equals one of the other texts.
      contained: rows with a text that is contained in a longer one of the other texts.
      of: all rows of the dataset.
      size: words of a shingle; the remaining overlapping rows share a shingle.
      text: some shared words, as an example.
    """

    examples: int
    equal: int
    contained: int
    of: int
    size: int
    text: str

    @property
    def shared(self) -> int:
        """Rows that only share a shingle."""
        return self.examples - self.equal - self.contained


class EvaluatedRows:
    """The validation and test rows of datasets."""

    def __init__(self, datasets: Sequence[Dataset], data_dir: str, advance: Callable = lambda amount, note: None):
        """Reads the rows; `advance(1, name)` is called after each dataset. Raises MissingDataError."""
        self.slices: dict[str, dict[str, slice]] = {}
        self.sizes: dict[str, int] = {}
        parts, sizes, first = [], [], 0
        for dataset in datasets:
            self.slices[dataset.name] = {}
            found: list[Texts] = []
            for split in EVALUATED_SPLITS:
                if split in split_slices(dataset, data_dir):
                    of_split = [Texts.of(rows) for rows in raw_texts(dataset, split, data_dir)]
                    last = first + sum(texts.num_rows for texts in of_split)
                    self.slices[dataset.name][split] = slice(first, last)
                    first, found = last, found + of_split
            longest = np.concatenate([np.zeros(0, np.int64), *(texts.longest for texts in found)])
            self.sizes[dataset.name] = shingle_size(longest)
            sizes.append(np.full(len(longest), self.sizes[dataset.name]))
            parts += found
            advance(1, dataset.name)
        self.wanted = Wanted(parts, np.concatenate([np.zeros(0, np.int64), *sizes]))

    def found_in(self, chunks: Iterable[Rows]) -> 'Found':
        """The overlaps of the rows with others, which are read in chunks."""
        found = Found(self)
        for rows in chunks:
            found.look_in(rows)
        return found

    def of(self, dataset: str, values: np.ndarray) -> np.ndarray:
        """The values, of one value per row, that belong to a dataset's rows."""
        return np.concatenate([values[:0], *(values[part] for part in self.slices[dataset].values())])


class Found:
    """Overlaps of evaluated rows with others.

    Attributes:
      kinds: the strongest overlap of each row; see `definition`.
      words: number of words that were searched.
    """

    def __init__(self, evaluated: EvaluatedRows):
        self._evaluated = evaluated
        self.kinds = np.zeros(evaluated.wanted.texts.num_rows, np.int8)
        self.words = 0
        self._passages: dict[str, str] = {}
        self._digest = hashlib.sha256()

    @property
    def fingerprint(self) -> str:
        """A fingerprint, sixteen hexadecimal digits, of the words that were searched."""
        return self._digest.hexdigest()[:16]

    def look_in(self, rows: Rows) -> np.ndarray:
        """Searches more rows; returns which of these any evaluated row overlaps."""
        others = Texts.of(rows)
        matches = self._evaluated.wanted.find(others)
        self.kinds = np.maximum(self.kinds, matches.kinds)
        self.words += len(others.words)
        self._digest.update(others.words.tobytes())
        for name in self._evaluated.slices.keys() - self._passages.keys():
            places = self._evaluated.of(name, matches.at)
            if (places >= 0).any():
                self._passages[name] = words_from(rows, others, int(places[places >= 0][0]), LONGEST)
        return matches.others

    def join(self, other: 'Found') -> None:
        """Merges overlaps of the same rows that were found elsewhere."""
        self.kinds = np.maximum(self.kinds, other.kinds)
        self.words += other.words
        self._passages = other._passages | self._passages
        self._digest.update(other._digest.digest())

    def counts(self) -> dict[str, Counts]:
        """The counts of each dataset with any overlapping row."""
        return {name: self._counts(name) for name in self._evaluated.slices if name in self._passages}

    def dirty(self, dataset: str, split: str) -> list[int]:
        """The indices, among a split's usable rows, of rows that overlap; empty if there is no such split."""
        of_split = self._evaluated.slices[dataset].get(split, slice(0))
        return np.flatnonzero(self.kinds[of_split] > NONE).tolist()

    def _counts(self, name: str) -> Counts:
        kinds, size = self._evaluated.of(name, self.kinds), self._evaluated.sizes[name]
        equal, contained = int((kinds == EQUAL).sum()), int((kinds == CONTAINED).sum())
        return Counts(int((kinds > NONE).sum()), equal, contained, len(kinds), size, self._passages[name])
