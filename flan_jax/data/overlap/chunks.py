"""Rows of texts, some at a time: more than fit into memory are compared chunk by chunk."""

from collections.abc import Iterable, Iterator, Sequence

Rows = Sequence[Sequence[str]]
"""The texts of each of some rows."""

CHARACTERS_AT_A_TIME = 4_000_000


def in_chunks(rows: Iterable[Sequence[str]]) -> Iterator[Rows]:
    """Rows in groups of some `CHARACTERS_AT_A_TIME`."""
    held, characters = [], 0
    for texts in rows:
        held.append(texts)
        characters += sum(map(len, texts))
        if characters > CHARACTERS_AT_A_TIME:
            yield held
            held, characters = [], 0
    if held:
        yield held
