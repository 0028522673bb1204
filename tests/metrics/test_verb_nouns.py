"""Verbs and objects are found by the authors' rule on trees written by hand, and counted."""

import types

import pytest

from flan_jax.metrics.verb_nouns import commonest, counted, frequent, root_verb_and_object


def word(lemma, pos, dep='dep', *children):
    return types.SimpleNamespace(lemma_=lemma, pos_=pos, dep_=dep, children=children)


def noun(lemma, dep='dobj'):
    return word(lemma, 'NOUN', dep)


WRITE = word('write', 'VERB', 'ROOT', word('I', 'PRON', 'dative'), noun('story'), word('.', 'PUNCT', 'punct'))


@pytest.mark.parametrize(
    ('root', 'found'),
    [
        (WRITE, ('write', 'story')),
        (word('go', 'VERB', 'ROOT', noun('dog', 'nsubj')), ('go', None)),
        (word('see', 'VERB', 'ROOT', word('Paris', 'PROPN', 'dobj'), noun('man')), ('see', 'man')),
        (word('see', 'VERB', 'ROOT', noun('cat', 'obj')), ('see', 'cat')),
        (word('be', 'AUX', 'ROOT', WRITE, word('go', 'VERB')), ('write', 'story')),
        (word('be', 'AUX', 'ROOT', noun('dog', 'nsubj'), WRITE), (None, None)),
        (word('be', 'AUX', 'ROOT', word('that', 'SCONJ', 'mark', WRITE), WRITE), ('write', 'story')),
        (word('yes', 'INTJ', 'ROOT'), (None, None)),
    ],
)
def test_the_root_verb_has_a_noun_as_object_and_only_first_children_are_asked(root, found):
    assert root_verb_and_object(root) == found


def test_a_deep_tree_is_walked():
    root = WRITE
    for _ in range(5000):
        root = word('be', 'AUX', 'ROOT', root)
    assert root_verb_and_object(root) == ('write', 'story')


def test_pairs_are_counted_and_the_commonest_of_the_commonest_verbs_are_kept():
    pairs = [('write', 'story')] * 12 + [('write', 'poem')] * 10 + [('go', None)] * 30 + [(None, None)]
    pairs += [(f'verb{n}', noun) for n in range(30) for noun in ('thing', 'stuff') for _ in range(n)]
    counts = counted(pairs)
    assert ('go', None) not in counts and next(iter(counts)) == ('verb29', 'stuff')
    assert ('write', 'story') in frequent(counts) and ('write', 'poem') not in frequent(counts)
    kept = commonest(counts)
    assert kept['write'] == {'story': 12}
    assert set(kept) == {f'verb{n}' for n in range(11, 30)} | {'write'}, '20 verbs, by all that they do'
    nouns = commonest(counted(('make', f'noun{n}') for n in range(9) for _ in range(11 + n)))
    assert nouns == {'make': {f'noun{n}': 11 + n for n in (8, 7, 6, 5)}}
