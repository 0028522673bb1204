"""Which rows share text with others: by shingles of 8 to 13 words, and the shorter ones by all their texts.

Brown et al. (2020, appendix C) compare n-grams of words, n the 5th percentile of a dataset's example length, but at
least 8 and at most 13; Wei et al. (2022, appendix C) do the same. Here length is that of a row's longest text, since a
text is never joined with the next field. A row overlaps another in one of three ways, the strongest first:

- equal: one of its texts of 8 words or more is a whole text of the other; or it is shorter, of 4 words or more, and all
  its texts are all texts of the other.
- contained: such a text of it stands whole inside a text of the other. In a row whose texts are all shorter than 8
  words, one alone says nothing ("what is the name of the"); it is contained where those of its texts that stand in the
  other have 8 words together, the longest of them 4. A text inside another of the same row is not counted.
- shared: n words in a row of one of its texts stand in a text of the other.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

SHORTEST, LONGEST = 8, 13
"""Bounds of a shingle in words (Brown et al. 2020, appendix C)."""

SHORTEST_ROW = 4
"""Words that a row, or the longest of its short texts, must have to be looked for at all."""

NONE, SHARED, CONTAINED, EQUAL = range(4)
"""How a row overlaps another; more is stronger."""

_FILTER_BITS = 22


def shingle_size(longest: np.ndarray) -> int:
    """Words of a shingle for rows of these lengths, those of their longest texts."""
    percentile = int(np.percentile(longest, 5)) if len(longest) else SHORTEST
    return min(max(percentile, SHORTEST), LONGEST)


class Table:
    """Hashes to the numbers that stand under them."""

    def __init__(self, hashes: np.ndarray, values: np.ndarray):
        order = np.argsort(hashes, kind='stable')
        self.hashes, self.values = hashes[order], values[order]
        self._seen = np.zeros(1 << _FILTER_BITS, bool)  # tells most of what is not there without a search
        self._seen[hashes >> np.uint64(64 - _FILTER_BITS)] = True

    @classmethod
    def of(cls, parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> 'Table':
        """The table of several pairs of hashes and values."""
        hashes, values = (np.concatenate(found) for found in zip(*parts))
        return cls(hashes, values.astype(np.int32))

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """The indices of the hashes that are there."""
        maybe = np.flatnonzero(self._seen[hashes >> np.uint64(64 - _FILTER_BITS)])
        wanted = hashes[maybe]
        place = np.searchsorted(self.hashes, wanted)
        return maybe[self.hashes[np.minimum(place, len(self.hashes) - 1)] == wanted]

    def values_of(self, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All values under hashes, and for each the index of its hash."""
        first, last = (np.searchsorted(self.hashes, hashes, side) for side in ('left', 'right'))
        counts = last - first
        index = np.repeat(np.arange(len(hashes)), counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.values[first[index] + within], index


@dataclasses.dataclass(frozen=True)
class Matches:
    """What rows looked for share with some texts.

    Attributes:
      kinds: how each row looked for overlaps, int8 [R].
      at: where in the words of those texts it does, [R]; -1 for nowhere.
      others: which rows of those texts any of them overlaps, bool.
    """

    kinds: np.ndarray
    at: np.ndarray
    others: np.ndarray

    @classmethod
    def none(cls, rows: int, others: int) -> 'Matches':
        return cls(np.zeros(rows, np.int8), np.full(rows, -1), np.zeros(others, bool))

    def mark(self, rows: np.ndarray, at: np.ndarray, kind: int) -> None:
        """Rows overlap others in a way, each at a place."""
        stronger = self.kinds[rows] < kind
        self.at[rows[stronger]] = at[stronger]
        self.kinds[rows[stronger]] = kind
