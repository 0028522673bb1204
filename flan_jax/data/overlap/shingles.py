"""Texts as hashed words, so that shingles (n-grams of words) are compared as single integers.

Case, punctuation and blanks from tokenizers are ignored: "Did n't he ?" equals "didn't he".
"""

import dataclasses
import functools
import hashlib
import re
from collections.abc import Sequence

import numpy as np

_TOKENIZED_CONTRACTION = re.compile(r"\s+(?=(?:n['’]t|['’](?:s|re|ve|ll|d|m))\b)")
_APOSTROPHES = str.maketrans('', '', "'’`")
_WORD = re.compile(r'[^\W_]+')

_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case and without punctuation."""
    return _WORD.findall(_TOKENIZED_CONTRACTION.sub('', text.lower()).translate(_APOSTROPHES))


class _WordHashes(dict):
    """A 64-bit hash per word, the same in every process."""

    def __missing__(self, word: str) -> int:
        self[word] = value = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), 'little')
        return value


_HASHES = _WordHashes()

_MOST_WORDS_KEPT = 2_000_000


def hash_words(words: Sequence[str]) -> np.ndarray:
    """The hashes of words, uint64 [W]."""
    if len(_HASHES) > _MOST_WORDS_KEPT:
        _HASHES.clear()
    return np.fromiter(map(_HASHES.__getitem__, words), np.uint64, len(words))


@functools.cache
def _powers(base: int, count: int) -> np.ndarray:
    """base ** 0, 1, ..., count - 1 modulo 2 ** 64."""
    factors = np.full(count, base, np.uint64)
    factors[:1] = 1
    return np.multiply.accumulate(factors)


def _powers_of(base: int, count: int) -> np.ndarray:
    return _powers(base, 1 << (count - 1).bit_length())[:count]  # rounded up, so that the cache has few sizes


@dataclasses.dataclass(frozen=True, eq=False)
class Texts:
    """Texts of rows, as concatenated words.

    Attributes:
      words: hashes of the words, uint64 [W].
      starts: index of the first word of each text, and W; [T + 1].
      rows: the row of each text, ascending, [T].
      num_rows: number of rows, including those without texts.
    """

    words: np.ndarray
    starts: np.ndarray
    rows: np.ndarray
    num_rows: int

    @classmethod
    def of(cls, rows: Sequence[Sequence[str]]) -> 'Texts':
        """The texts of rows, without texts that have no words or that repeat a text of the row."""
        split = [(row, text) for row, texts in enumerate(rows) for text in _distinct(texts)]
        lengths = [len(words) for _, words in split]
        return cls(
            words=hash_words([word for _, words in split for word in words]),
            starts=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
            rows=np.fromiter((row for row, _ in split), np.int64, len(split)),
            num_rows=len(rows),
        )

    @classmethod
    def joined(cls, parts: Sequence['Texts']) -> 'Texts':
        """Concatenates several; rows are renumbered."""
        parts = [cls.of([]), *parts]
        words = np.cumsum([0, *(len(part.words) for part in parts)])
        rows = np.cumsum([0, *(part.num_rows for part in parts)])
        joined = cls(
            words=np.concatenate([part.words for part in parts]),
            starts=np.concatenate([*(p.starts[:-1] + first for p, first in zip(parts, words)), words[-1:]]),
            rows=np.concatenate([part.rows + first for part, first in zip(parts, rows)]),
            num_rows=int(rows[-1]),
        )
        joined.__dict__['hashes'] = np.concatenate(
            [dataclasses.replace(part).hashes for part in parts]
        )  # cheaper apart
        return joined

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """Number of words of each text, [T]."""
        return np.diff(self.starts)

    @functools.cached_property
    def text_at(self) -> np.ndarray:
        """Index of the text of each word, [W]."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @functools.cached_property
    def left(self) -> np.ndarray:
        """Number of words from each word to the end of its text, inclusive, [W]."""
        return self.starts[1:][self.text_at] - np.arange(len(self.words))

    @functools.cached_property
    def longest(self) -> np.ndarray:
        """Number of words of the longest text of each row, [R]."""
        found = np.zeros(self.num_rows, np.int64)
        np.maximum.at(found, self.rows, self.lengths)
        return found

    def row_at(self, at: np.ndarray) -> np.ndarray:
        """The row of each of the words with these indices."""
        return self.rows[self.text_at[at]]

    def first_word(self, rows: np.ndarray) -> np.ndarray:
        """Index of the first word of each row; rows must have one."""
        return self.starts[np.searchsorted(self.rows, rows)]

    @functools.cached_property
    def hashes(self) -> np.ndarray:
        """Hash of each whole text, uint64 [T]."""
        return self.runs(self.starts[:-1], self.lengths)

    def runs(self, at: np.ndarray, lengths: np.ndarray | int) -> np.ndarray:
        """Hash of the `lengths` words from each index `at`, a polynomial modulo 2 ** 64; uint64, shaped like `at`."""
        return (self._sums[at + lengths] - self._sums[at]) * _powers_of(_INVERSE, len(self.words) + 1)[at]

    @functools.cached_property
    def _sums(self) -> np.ndarray:
        """Prefix sums of word * base ** index, [W + 1]: the difference of two gives the hash of the words between."""
        weighted = self.words * _powers_of(_BASE, len(self.words) + 1)[:-1]
        return np.concatenate([np.zeros(1, np.uint64), np.cumsum(weighted, dtype=np.uint64)])


def _distinct(texts: Sequence[str]) -> list[list[str]]:
    return [list(words) for words in dict.fromkeys(map(tuple, map(words_of, texts))) if words]


def words_from(rows: Sequence[Sequence[str]], texts: Texts, at: int, count: int) -> str:
    """At most `count` words from index `at` in the texts of rows, up to the end of the text."""
    text = int(texts.text_at[at])
    row = int(texts.rows[text])
    words = _distinct(rows[row])[text - int(np.searchsorted(texts.rows, row))]
    return ' '.join(words[at - int(texts.starts[text]) :][:count])
