"""An index of wanted rows, which are searched for in others as defined in `definition`."""

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np

from flan_jax.data.overlap.definition import CONTAINED, EQUAL, SHARED, SHORTEST, Matches, Table
from flan_jax.data.overlap.shingles import Texts
from flan_jax.data.overlap.short_rows import ShortRows


class Wanted:
    """Rows that are searched for in others."""

    def __init__(self, parts: Sequence[Texts], sizes: np.ndarray):
        """Indexes rows.

        Args:
          parts: texts of the rows, which are indexed part by part to save memory.
          sizes: words of a shingle for each row.
        """
        self.texts = Texts.joined(parts)
        shingles, whole = collections.defaultdict(list), collections.defaultdict(list)
        first_row = first_text = 0
        for part in parts:
            texts = dataclasses.replace(part)  # a copy, whose cached properties are freed after the loop
            size_of_text = np.minimum(texts.lengths, sizes[texts.rows + first_row])  # a shorter text is one shingle
            is_long = texts.lengths >= SHORTEST
            for size in np.unique(size_of_text[is_long]).tolist():
                chosen = np.flatnonzero(is_long & (size_of_text == size))
                at = np.flatnonzero(np.isin(texts.text_at, chosen) & (texts.left >= size))
                shingles[size].append((texts.runs(at, size), texts.row_at(at) + first_row))
                whole[size].append((texts.runs(texts.starts[chosen], size), chosen + first_text))
            first_row, first_text = first_row + texts.num_rows, first_text + len(texts.rows)
        self._shingles = {size: Table.of(found) for size, found in shingles.items()}
        self._whole = {size: Table.of(found) for size, found in whole.items()}
        self._short = ShortRows(self.texts)

    def find(self, others: Texts) -> Matches:
        """The overlaps of the rows with others."""
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
        """Marks the rows of wanted texts, whose first shingle matches at `at[index]`, that are contained as a whole."""
        lengths, at = self.texts.lengths[texts], at[index]
        fits = others.left[at] >= lengths
        texts, lengths, at = texts[fits], lengths[fits], at[fits]
        same = others.runs(at, lengths) == self.texts.hashes[texts]
        texts, lengths, at = texts[same], lengths[same], at[same]
        is_all = others.lengths[others.text_at[at]] == lengths
        matches.mark(self.texts.rows[texts], at, CONTAINED)
        matches.mark(self.texts.rows[texts[is_all]], at[is_all], EQUAL)
