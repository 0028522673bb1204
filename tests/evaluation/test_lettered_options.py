"""Lettered options are scored by their letters, and recorded and judged as the options that they are."""

import numpy as np
import pytest

from flan_jax import catalogue
from flan_jax.data.formats.flan import Flan
from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.settings import Evaluation
from flan_jax.settings import SettingsError
from flan_jax.tokenizers.vocabulary import Vocabulary

VOCABULARY = Vocabulary()


def examples_of(samples_dir, name, **settings):
    evaluation = Evaluation(limit=3, templates=(0,), splits=('test',), **settings)
    eval_set = EvalSet(evaluation, [catalogue.dataset(name)], {'inputs': 512, 'targets': 16}, samples_dir, seed=0)
    return eval_set, eval_set.examples(eval_set.keys[0], VOCABULARY, Flan())


@pytest.mark.parametrize(('name', 'shots'), [('hellaswag', (0,)), ('multirc', (0,)), ('trec', (1,))])
def test_letters_are_scored_and_texts_are_judged(name, shots, samples_dir):
    _, listed = examples_of(samples_dir, name, shots=shots)
    _, lettered = examples_of(samples_dir, name, shots=shots, options='lettered')
    for one, other in zip(listed, lettered, strict=True):
        assert (one.choices, one.references, one.group) == (other.choices, other.references, other.group)
        letters = [f'({letter})' for letter in 'ABCDEFGH'[: len(one.choices)]]
        assert list(other.marks) == letters and not one.marks
        for letter, tokens in zip(letters, other.choice_tokens):
            assert VOCABULARY.decode(tokens[:-1]) == letter
        query = other.prompt[other.prompt.rindex('OPTIONS:') :]
        for letter, text in zip(letters, other.choices):
            assert f'\n{letter} {text}' in query
        if shots[0]:
            assert any(f'\n\n{letter}\n\n' in other.prompt for letter in letters)  # the exemplar's answer


def test_records_of_listed_options_are_what_they_were(samples_dir):
    listed, _ = examples_of(samples_dir, 'trec')
    lettered, _ = examples_of(samples_dir, 'trec', options='lettered')
    assert 'options' not in listed.settings(listed.keys[0])
    changed = lettered.settings(lettered.keys[0])
    assert changed == listed.settings(listed.keys[0]) | {'options': 'lettered'}


def test_free_text_has_nothing_to_letter(samples_dir):
    _, (listed, *_) = examples_of(samples_dir, 'natural_questions')
    _, (lettered, *_) = examples_of(samples_dir, 'natural_questions', options='lettered')
    assert listed.prompt == lettered.prompt and np.array_equal(listed.prompt_tokens, lettered.prompt_tokens)


def test_letters_without_options_are_refused():
    with pytest.raises(SettingsError, match='show no options'):
        Evaluation(options='lettered', instructions='none')
