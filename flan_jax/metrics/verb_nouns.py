"""Pairs of root verb and direct object of the first sentence of texts (Peng et al. 2023, figure 1).

The rule is that of the authors' notebook, taken from Self-Instruct (Wang et al. 2023, figure 2).
"""

import collections
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

Pair = tuple[str, str]
"""A verb and its object, as lemmas."""

Counts = Mapping[Pair, int]
"""Number of texts with each pair."""

VERBS, NOUNS, MORE_THAN, TOP = 20, 4, 10, 25
"""The notebook's constants: verbs in a sunburst, nouns per verb, count above which pairs are kept, pairs compared."""

DIRECT_OBJECT = ('dobj', 'obj')
"""Labels of the direct object: of ClearNLP, as in spaCy's English pipelines, and of Universal Dependencies."""


class Token(Protocol):
    """A word of a dependency tree, as spaCy has it."""

    lemma_: str
    pos_: str
    dep_: str

    @property
    def children(self) -> Iterator['Token']: ...


def root_verb_and_object(root: Token) -> tuple[str | None, str | None]:
    """The lemmas of a sentence's verb and of the noun that is its direct object; None for either if it is missing.

    If the root is not a verb, its first child is tried instead, recursively; its other children are not. Only common
    nouns are objects here, not names and pronouns.
    """
    token: Token | None = root
    while token is not None and token.pos_ != 'VERB':
        token = next(iter(token.children), None)
    if token is None:
        return None, None
    objects = (child.lemma_ for child in token.children if child.dep_ in DIRECT_OBJECT and child.pos_ == 'NOUN')
    return token.lemma_, next(objects, None)


def counted(pairs: Iterable[tuple[str | None, str | None]]) -> Counts:
    """How often each pair occurs, by falling frequency; pairs without an object are not counted."""
    found = collections.Counter((verb, noun) for verb, noun in pairs if verb and noun)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def commonest(counts: Counts, more_than: int = MORE_THAN) -> dict[str, dict[str, int]]:
    """The nouns of a sunburst by verb: for the 20 commonest verbs up to four nouns with a count above `more_than`."""
    of_verbs: collections.Counter[str] = collections.Counter()
    for (verb, _), count in counts.items():
        of_verbs[verb] += count
    verbs = sorted(of_verbs, key=lambda verb: (-of_verbs[verb], verb))[:VERBS]
    nouns = {verb: [(noun, count) for (of, noun), count in counts.items() if of == verb][:NOUNS] for verb in verbs}
    kept = {verb: {noun: count for noun, count in found if count > more_than} for verb, found in nouns.items()}
    return {verb: found for verb, found in kept.items() if found}


def frequent(counts: Counts) -> set[Pair]:
    """The pairs that occur more than 10 times."""
    return {pair for pair, count in counts.items() if count > MORE_THAN}
