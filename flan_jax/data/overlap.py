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
import functools
from collections.abc import Sequence

import numpy as np

from flan_jax.data.shingles import Texts

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


class _Table:
    """Hashes to the numbers that stand under them."""

    def __init__(self, hashes: np.ndarray, values: np.ndarray):
        order = np.argsort(hashes, kind='stable')
        self.hashes, self.values = hashes[order], values[order]
        self._seen = np.zeros(1 << _FILTER_BITS, bool)  # tells most of what is not there without a search
        self._seen[hashes >> np.uint64(64 - _FILTER_BITS)] = True

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


class Wanted:
    """Rows that are looked for in others."""

    def __init__(self, texts: Texts, sizes: np.ndarray):
        """Indexes rows.

        Args:
          texts: their texts.
          sizes: words of a shingle, for each row.
        """
        self.texts = texts
        self._sizes = np.minimum(texts.lengths, sizes[texts.rows])  # a text shorter than a shingle is one
        self._long = texts.lengths >= SHORTEST
        whole = texts.starts[:-1]
        self._shingles, self._whole = {}, {}
        for size in np.unique(self._sizes[self._long]).tolist():
            chosen = self._long & (self._sizes == size)
            at = np.flatnonzero(chosen[texts.text_at] & (texts.left >= size))
            self._shingles[size] = _Table(texts.runs(at, size), texts.rows[texts.text_at[at]])
            self._whole[size] = _Table(texts.runs(whole[chosen], size), np.flatnonzero(chosen))
        self._short = _ShortRows(texts)

    def find(self, others: Texts) -> Matches:
        """How the rows overlap others."""
        matches = Matches.none(self.texts.num_rows, others.num_rows)
        for size, table in self._shingles.items():
            at = np.flatnonzero(others.left >= size)
            hashes = others.runs(at, size)
            found = table.find(hashes)
            at, hashes = at[found], hashes[found]
            matches.others[others.row_at(at)] = True
            unlike, first = np.unique(hashes, return_index=True)
            rows, index = table.values_of(unlike)
            matches.mark(rows, at[first[index]], SHARED)
            self._find_whole(others, at, *self._whole[size].values_of(hashes), matches)
        self._short.find(others, matches)
        return matches

    def _find_whole(self, others: Texts, at: np.ndarray, texts: np.ndarray, index: np.ndarray, matches: Matches):
        """Marks the rows of those texts, each beginning as the others do at[index], that stand there to their end."""
        lengths, at = self.texts.lengths[texts], at[index]
        fits = others.left[at] >= lengths
        texts, lengths, at = texts[fits], lengths[fits], at[fits]
        same = others.runs(at, lengths) == self.texts.hashes[texts]
        texts, lengths, at = texts[same], lengths[same], at[same]
        is_all = others.lengths[others.text_at[at]] == lengths
        matches.mark(self.texts.rows[texts], at, CONTAINED)
        matches.mark(self.texts.rows[texts[is_all]], at[is_all], EQUAL)


class _ShortRows:
    """Rows all of whose texts are shorter than the shortest shingle."""

    def __init__(self, texts: Texts):
        self._texts = texts
        short = texts.longest < SHORTEST
        self._of_row = np.searchsorted(texts.rows, np.arange(texts.num_rows + 1))
        total = np.bincount(texts.rows, texts.lengths, texts.num_rows)
        keys, rows = row_hashes(texts), np.flatnonzero(short & (total >= SHORTEST_ROW))
        self._whole = _Table(keys[rows], rows)
        self._longest = {}
        rows = np.flatnonzero(short & (texts.longest >= SHORTEST_ROW) & (total >= SHORTEST))
        chosen = np.isin(texts.rows, rows) & (texts.lengths == texts.longest[texts.rows])
        for size in np.unique(texts.lengths[chosen]).tolist():
            of_size = np.flatnonzero(chosen & (texts.lengths == size))
            self._longest[size] = _Table(texts.hashes[of_size], texts.rows[of_size])

    def find(self, others: Texts, matches: Matches) -> None:
        """Marks short rows that overlap others."""
        if len(self._whole.hashes):
            keys = row_hashes(others)
            found = self._whole.find(keys)
            matches.others[found] = True
            rows, index = self._whole.values_of(keys[found])
            matches.mark(rows, others.first_word(found[index]), EQUAL)
        for size, table in self._longest.items():
            at = np.flatnonzero(others.left >= size)
            hashes = others.runs(at, size)
            found = table.find(hashes)
            rows, index = table.values_of(hashes[found])
            at = at[found[index]]
            pairs, first = np.unique(np.stack([rows, others.row_at(at)], 1), axis=0, return_index=True)
            for (row, other), place in zip(pairs.tolist(), at[first].tolist()):
                if self._words_shared(row, others, other) >= SHORTEST:
                    matches.others[other] = True
                    matches.mark(np.array([row]), np.array([place]), CONTAINED)

    def _words_shared(self, row: int, others: Texts, other: int) -> int:
        """Words of the texts of a row that stand in another, but for those inside longer ones."""
        texts = self._distinct(row)
        return sum(len(words) for words in texts if _stands_in(words, _words_of_row(others, other)))

    @functools.cache  # noqa: B019  as long-lived as the rows
    def _distinct(self, row: int) -> list[np.ndarray]:
        texts = _texts_of(self._texts, range(self._of_row[row], self._of_row[row + 1]))
        texts.sort(key=len, reverse=True)
        return [words for i, words in enumerate(texts) if not _stands_in(words, texts[:i])]


def row_hashes(texts: Texts) -> np.ndarray:
    """A hash of all the texts of each row, in any order; uint64 [R]."""
    mixed = texts.hashes ^ (texts.lengths.astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93))
    mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    found = np.zeros(texts.num_rows, np.uint64)
    np.add.at(found, texts.rows, mixed)
    return found


def _texts_of(texts: Texts, indices: Sequence[int]) -> list[np.ndarray]:
    return [texts.words[texts.starts[index] : texts.starts[index + 1]] for index in indices]


def _words_of_row(texts: Texts, row: int) -> list[np.ndarray]:
    first, last = np.searchsorted(texts.rows, (row, row + 1))
    return _texts_of(texts, range(first, last))


def _stands_in(words: np.ndarray, texts: Sequence[np.ndarray]) -> bool:
    """Whether words stand in a row in one of some texts."""
    return any(
        (np.lib.stride_tricks.sliding_window_view(text, len(words)) == words).all(1).any()
        for text in texts
        if len(text) >= len(words)
    )
