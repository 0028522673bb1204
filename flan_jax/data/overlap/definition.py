"""The definition of overlaps between rows: by shingles of 8 to 13 words, and for short rows by all of their texts.

Brown et al. (2020, appendix C) compare n-grams of words, where n is the 5th percentile of a dataset's example length,
at least 8 and at most 13; Wei et al. (2022, appendix C) do the same. Here, length is that of a row's longest text,
since texts of different fields are not joined. A row overlaps another in one of three ways, from strong to weak:

- equal: one of its texts with at least 8 words equals a text of the other; or all of its texts are shorter, the longest
  has at least 4 words, and they equal all texts of the other.
- contained: one of its texts with at least 8 words is contained in a text of the other. If all texts of a row are
  shorter than 8 words, a single one means little ("what is the name of the"); the row is contained if its texts that
  are contained in texts of the other have at least 8 words in total, and the longest of them at least 4. Texts that are
  contained in another text of the same row are not counted.
- shared: n consecutive words of one of its texts occur in a text of the other.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

SHORTEST, LONGEST = 8, 13
"""Bounds of a shingle in words (Brown et al. 2020, appendix C)."""

SHORTEST_ROW = 4
"""Least number of words of a row's longest text; shorter rows are not searched for."""

NONE, SHARED, CONTAINED, EQUAL = range(4)
"""Kinds of overlap; larger is stronger."""

_FILTER_BITS = 22


def shingle_size(longest: np.ndarray) -> int:
    """Words of a shingle for rows whose longest texts have these lengths."""
    percentile = int(np.percentile(longest, 5)) if len(longest) else SHORTEST
    return min(max(percentile, SHORTEST), LONGEST)


class Table:
    """A multimap from hashes to numbers."""

    def __init__(self, hashes: np.ndarray, values: np.ndarray):
        order = np.argsort(hashes, kind='stable')
        self.hashes, self.values = hashes[order], values[order]
        self._seen = np.zeros(1 << _FILTER_BITS, bool)  # a filter that rules out most absent hashes without a search
        self._seen[hashes >> np.uint64(64 - _FILTER_BITS)] = True

    @classmethod
    def of(cls, parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> 'Table':
        """The table of several pairs of hashes and values."""
        hashes, values = (np.concatenate(found) for found in zip(*parts))
        return cls(hashes, values.astype(np.int32))

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """The indices of the hashes that are in the table."""
        maybe = np.flatnonzero(self._seen[hashes >> np.uint64(64 - _FILTER_BITS)])
        wanted = hashes[maybe]
        place = np.searchsorted(self.hashes, wanted)
        return maybe[self.hashes[np.minimum(place, len(self.hashes) - 1)] == wanted]

    def values_of(self, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All values of hashes, and for each value the index of its hash."""
        first, last = (np.searchsorted(self.hashes, hashes, side) for side in ('left', 'right'))
        counts = last - first
        index = np.repeat(np.arange(len(hashes)), counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.values[first[index] + within], index


@dataclasses.dataclass(frozen=True)
class Matches:
    """Overlaps of R wanted rows with other texts.

    Attributes:
      kinds: strongest overlap of each wanted row, int8 [R].
      at: index of the overlap among the words of the other texts, [R]; -1 for none.
      others: whether each row of the other texts overlaps any wanted row, bool.
    """

    kinds: np.ndarray
    at: np.ndarray
    others: np.ndarray

    @classmethod
    def none(cls, rows: int, others: int) -> 'Matches':
        return cls(np.zeros(rows, np.int8), np.full(rows, -1), np.zeros(others, bool))

    def mark(self, rows: np.ndarray, at: np.ndarray, kind: int) -> None:
        """Notes that rows overlap at the given words, with this kind of overlap."""
        stronger = self.kinds[rows] < kind
        self.at[rows[stronger]] = at[stronger]
        self.kinds[rows[stronger]] = kind
