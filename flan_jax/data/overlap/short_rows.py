"""Search for rows whose texts are all shorter than a shingle, by all of their texts."""

from collections.abc import Sequence

import numpy as np

from flan_jax.data.overlap.definition import CONTAINED, EQUAL, SHORTEST, SHORTEST_ROW, Matches, Table
from flan_jax.data.overlap.shingles import Texts


class ShortRows:
    """Rows whose texts are all shorter than the shortest shingle."""

    def __init__(self, texts: Texts):
        self._texts = texts
        short = texts.longest < SHORTEST
        self._of_row = np.searchsorted(texts.rows, np.arange(texts.num_rows + 1))
        total = np.bincount(texts.rows, texts.lengths, texts.num_rows)
        keys, rows = row_hashes(texts), np.flatnonzero(short & (total >= SHORTEST_ROW))
        self._whole = Table(keys[rows], rows)
        self._longest = {}
        rows = np.flatnonzero(short & (texts.longest >= SHORTEST_ROW) & (total >= SHORTEST))
        chosen = np.isin(texts.rows, rows) & (texts.lengths == texts.longest[texts.rows])
        for size in np.unique(texts.lengths[chosen]).tolist():
            of_size = np.flatnonzero(chosen & (texts.lengths == size))
            self._longest[size] = Table(texts.hashes[of_size], texts.rows[of_size])

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
        """Total number of words of a row's texts that occur in another row, without texts inside longer ones."""
        texts = self._distinct(row)
        return sum(len(words) for words in texts if _stands_in(words, _words_of_row(others, other)))

    def _distinct(self, row: int) -> list[np.ndarray]:
        """The texts of a row, the longest first, without those that are contained in others."""
        texts = _texts_of(self._texts, range(self._of_row[row], self._of_row[row + 1]))
        texts.sort(key=len, reverse=True)
        return [words for i, words in enumerate(texts) if not _stands_in(words, texts[:i])]


def row_hashes(texts: Texts) -> np.ndarray:
    """A hash of all texts of each row, independent of their order; uint64 [R]."""
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
    """Whether words occur consecutively in one of the texts."""
    return any(
        (np.lib.stride_tricks.sliding_window_view(text, len(words)) == words).all(1).any()
        for text in texts
        if len(text) >= len(words)
    )
