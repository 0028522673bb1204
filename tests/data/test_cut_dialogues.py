"""Dialogues are cut and split as the Instruction Following Score needs them."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_jax.data.formats.alpaca import Alpaca
from flan_jax.data.formats.plain import Plain
from flan_jax.data.formats.response_suffix import ResponseSuffix
from flan_jax.data.instruction_files.conversation import Conversation
from flan_jax.data.instruction_following import ANSWER, CONTINUATION, SHARES, build, cut_of
from flan_jax.errors import UserError

WORDS = st.lists(st.text('abcé?', min_size=1, max_size=5), min_size=2, max_size=9)


def dialogues(count):
    return [Conversation(f'ask{n} two three', f'answer{n}') for n in range(count)]


@given(WORDS, st.sampled_from([' ', '\n', '  ']), st.sampled_from(['', 'about this']), st.integers(0, 99))
def test_fragment_and_rest_are_the_instruction_cut_between_words(words, blank, context, seed):
    instruction = blank.join(words)
    cut = cut_of(instruction, context, 'an answer', np.random.default_rng(seed))
    assert cut.fragment + cut.rest == cut.instruction == instruction + (f'\n\n{context}' if context else '')
    assert 0 < len(cut.fragment.split()) < len(words) and cut.fragment.split() + cut.rest.split() == (
        words + context.split()
    )
    assert cut == cut_of(instruction, context, 'an answer', np.random.default_rng(seed))


def test_prompt_b_is_the_end_of_prompt_a():
    assert Alpaca().prompt.endswith(ResponseSuffix().prompt) and Plain().prompt == '{input}'


def test_every_word_boundary_is_cut_at():
    fragments = {cut_of('a b c d', '', 'r', np.random.default_rng(seed)).fragment for seed in range(40)}
    assert fragments == {'a', 'a b', 'a b c'}


def test_there_is_no_place_in_one_word_and_no_answer_in_nothing():
    random = np.random.default_rng(0)
    assert cut_of('why?', 'with context', 'so', random) is None and cut_of('why so?', '', '', random) is None


def test_pairs_have_the_labels_of_the_table():
    cut = cut_of('Who wears', '', 'I do.', np.random.default_rng(0))
    i, ip, ic, r = 'Who wears', 'Who', 'wears', 'I do.'
    assert set(cut.pairs()) == {
        (i, r, 1), (ip, r, 1), (ip, ic, 0), (i, ic, 0), (ip, f'{ic} {r}', 0), (i, f'{ic} {r}', 0),
    }  # fmt: skip


def test_the_sets_are_of_different_dialogues_and_balanced():
    built = build(dialogues(200))
    of_dialogue = {'answer': 'answer', 'ask': 'ask'}
    numbers = {}
    for name in ('train', 'validation', 'instructions'):
        rows = getattr(built, name)
        texts = ' '.join(row.get('text', row.get('prompt')) for row in rows).split()
        numbers[name] = {word.removeprefix(begin) for word in texts for begin in of_dialogue if word.startswith(begin)}
    assert numbers['train'].isdisjoint(numbers['validation']) and built.skipped == 0
    assert numbers['instructions'].isdisjoint(numbers['train'] | numbers['validation'])
    assert {name: len(found) for name, found in numbers.items()} == {name: 200 * of for name, of in SHARES.items()}
    for rows in (built.train, built.validation):
        assert sum(row['label'] for row in rows) == len(rows) / 2
        for row in rows:
            assert row['text'].startswith('answer') == (row['label'] == ANSWER)
            assert row['text'].startswith(('two', 'three')) == (row['label'] == CONTINUATION)
    kinds = [row['kind'] for row in built.instructions]
    assert 0.3 < kinds.count('partial') / len(kinds) < 0.7
    assert all(row['prompt'].endswith('three') == (row['kind'] == 'full') for row in built.instructions)


def test_a_seed_gives_the_same_sets_and_another_gives_others():
    first, same, other = build(dialogues(40)), build(dialogues(40)), build(dialogues(40), seed=1)
    assert dataclasses.asdict(first) == dataclasses.asdict(same) != dataclasses.asdict(other)


def test_the_first_exchange_of_a_dialogue_counts():
    later = [dataclasses.replace(d, instruction='later on', response='late', history=(d.instruction, d.response))
             for d in dialogues(40)]  # fmt: skip
    assert build(later) == build(dialogues(40))


def test_what_is_said_twice_counts_once_and_too_little_is_refused():
    assert build(dialogues(40) * 2).skipped == 40
    with pytest.raises(UserError, match='only 3 dialogues'):
        build(dialogues(3))
