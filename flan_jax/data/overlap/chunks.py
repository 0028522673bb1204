"""Chunks of rows, so that data larger than memory can be compared."""

from collections.abc import Iterable, Iterator, Sequence

Rows = Sequence[Sequence[str]]
"""The texts of each row of a chunk."""

CHARACTERS_AT_A_TIME = 4_000_000


def in_chunks(rows: Iterable[Sequence[str]]) -> Iterator[Rows]:
    """Rows in chunks of about `CHARACTERS_AT_A_TIME` characters."""
    held, characters = [], 0
    for texts in rows:
        held.append(texts)
        characters += sum(map(len, texts))
        if characters > CHARACTERS_AT_A_TIME:
            yield held
            held, characters = [], 0
    if held:
        yield held
