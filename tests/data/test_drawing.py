"""How an example is put is drawn by its seed: the shares come out as said, and answers go with their options."""

import collections
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Template
from flan_jax.catalogue.forms import can_hide_options, shows_options
from flan_jax.catalogue.option_styles import MARKED, MAX_OPTIONS
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.drawing import draw, forms, render_drawn, template_shares
from flan_jax.data.drawn_options import STYLES, draw_options
from flan_jax.data.drawn_task import drawn_task
from flan_jax.data.formats.chat_template import ChatTemplate
from flan_jax.data.formats.flan import Flan
from flan_jax.data.layouts import LAYOUTS, fitted, written_exemplars
from flan_jax.data.parts import Part
from flan_jax.data.preview import rendered_examples
from flan_jax.data.tokenize import FormatTokenizer
from flan_jax.errors import UserError
from flan_jax.tokenizers.vocabulary import Vocabulary

PART = Part(
    name='part', mixture='flan', few_shot=0.3, hidden=0.4, lettered=0.6, shuffled=0.25, letter_targets=0.8, inverted=0.2
)
DRAWS = 4_000


def seeds(count):
    numbers = tf.data.Dataset.range(count)
    return numbers.map(lambda number: tf.stack([number, tf.constant(7, tf.int64)]))


def draws(dataset, part, count=DRAWS):
    drawn = seeds(count).map(lambda seed: vars(draw(dataset, part, seed))).batch(count)
    return next(drawn.as_numpy_iterator())


@pytest.mark.parametrize('name', ['trec', 'hellaswag', 'gsm8k'])
def test_shares_come_out_as_said(name):
    """Every form's count is binomial with the share that `forms` gives: within four standard deviations."""
    dataset = catalogue.dataset(name)
    drawn = draws(dataset, PART)
    said = {(form.shots, form.options, form.direction): form.share for form in forms(dataset, PART)}
    assert sum(said.values()) == pytest.approx(1)
    found = collections.Counter()
    for shots, hidden, style, shuffled, template in zip(
        *(drawn[name].tolist() for name in ('shots', 'hidden', 'style', 'shuffled', 'template'))
    ):
        options = 'hidden' if hidden else ('lettered' if style else 'listed') + ', shuffled' * shuffled
        direction = 'inverted' if dataset.templates[template].inverted else 'forward'
        found['few-shot' if shots else 'zero-shot', options if dataset.has_options else 'none', direction] += 1
    assert found.keys() <= said.keys()
    for form, share in said.items():
        assert abs(found[form] - DRAWS * share) <= 4 * np.sqrt(DRAWS * share * (1 - share)) + 1, form


def test_the_same_seed_draws_the_same():
    dataset = catalogue.dataset('trec')
    again = draws(dataset, PART, 50)
    assert all(np.array_equal(value, again[name]) for name, value in draws(dataset, PART, 50).items())


def test_hidden_options_are_in_templates_that_do_without():
    for dataset in catalogue.DATASETS.values():
        if dataset.has_options:
            shares = template_shares(dataset, PART, hidden=True)
            assert all(can_hide_options(dataset.templates[index]) for index in np.flatnonzero(shares)), dataset.name
            assert not any(
                template.inverted and shows_options(template) and shares[index]
                for index, template in enumerate(dataset.templates)
            )


@pytest.mark.parametrize(
    ('text', 'hides'),
    [
        ('{options}\n\nWhich of these is the topic of {text}?', False),
        ('{text}\nChoose the best answer.\n{options}', False),
        ('{text}\nIs one of them right?\n{options}', False),
        ('{text}\n\nWhat is its topic?\n{options}', True),
        ('{text}\n\nIs this {candidate}?\n{options}', True),
    ],
)
def test_phrases_that_point_at_options_are_found(text, hides):
    assert can_hide_options(Template(text)) == hides
    assert not can_hide_options(Template('{answer}: {options}', '{text}', inverted=True))


VALUES = {
    'question': tf.constant(['one', 'two', 'three']),
    'answer': tf.constant(['b', 'no', 'z']),
    'choices': tf.constant(['a\x1fb\x1fc', 'yes\x1fno', 'w\x1fx\x1fy\x1fz']),
    'right': tf.constant(['1', '1', '3']),
}


@pytest.mark.parametrize('style', range(len(STYLES)))
@pytest.mark.parametrize('shuffle', [False, True])
def test_the_mark_of_the_answer_stands_before_the_answer(style, shuffle):
    """Read back from the block of options as a person would; all options are there, each once."""
    orders = set()
    for number in range(12):
        shown = draw_options(
            VALUES, tf.constant(style), tf.constant(shuffle), tf.constant(True), tf.constant([number, 1])
        )
        for block, reply, answer, choices in zip(
            shown['options'].numpy(),
            shown['reply_to_options'].numpy(),
            VALUES['answer'].numpy(),
            VALUES['choices'].numpy(),
        ):
            header, *lines = block.decode().split('\n')
            marks, texts = zip(*(line.split(' ') for line in lines))
            given = choices.decode().split('\x1f')
            assert header == STYLES[style].header and sorted(texts) == sorted(given)
            assert shuffle or list(texts) == given
            orders.add(texts)
            expected = marks[texts.index(answer.decode())] if STYLES[style].answer_is_mark else answer.decode()
            assert reply.decode() == expected
    assert len(orders) > 6 if shuffle else len(orders) == 3


def test_shuffled_order_does_not_depend_on_the_answer():
    def order(right, answer):
        values = {name: text[:1] for name, text in VALUES.items()} | {
            'right': tf.constant([right]), 'answer': tf.constant([answer])
        }  # fmt: skip
        return draw_options(values, *map(tf.constant, (0, True, True, [5, 5])))['options'].numpy()

    assert order('0', 'a') == order('1', 'b') == order('2', 'c')


def test_options_are_drawn_alike_one_by_one_and_together():
    draw_one = lambda values: draw_options(values, *map(tf.constant, (1, True, True, [3, 9])))  # noqa: E731
    together = draw_one(VALUES)
    for index in range(3):
        alone = draw_one({name: text[index] for name, text in VALUES.items()})
        assert all(alone[name] == together[name][index] for name in ('options', 'reply_to_options'))


def test_marks_tell_all_options_apart():
    assert all(len(set(style.marks)) == MAX_OPTIONS for style in MARKED)


def test_only_answers_to_shown_options_are_marks(samples_dir):
    """An inverted template gives the answer's text, whatever stands before the options."""
    dataset = catalogue.dataset('hellaswag')
    part = Part(name='p', mixture='flan', lettered=1.0)
    task = drawn_task(dataset, part, Vocabulary(), samples_dir, Flan(), 'p_hellaswag')
    kinds = set()
    for example in read(task, 60):
        template = dataset.templates[example['template']]
        targets = example['targets_pretokenized'].decode()
        is_mark = any(targets in style.marks for style in MARKED)
        assert is_mark == (not template.inverted)
        kinds.add(is_mark)
    assert kinds == {True, False}


def read(task, count, lengths=None):
    lengths = lengths or {'inputs': 4096, 'targets': 512}
    examples = read_examples(task, lengths, split='train', shuffle=True, seed=3, num_epochs=None)
    return examples.take(count).as_numpy_iterator()


def test_exemplars_are_put_as_their_query_is(samples_dir):
    """Same template, so the same direction, as often as there are exemplars, and never the query itself."""
    dataset = catalogue.dataset('trec')
    part = Part(name='p', mixture='flan', few_shot=1.0, hidden=0.5, inverted=0.5, few_shot_length=4096)
    task = drawn_task(dataset, part, Vocabulary(), samples_dir, Flan(), 'p_trec')
    directions, numbers = set(), set()
    for example in read(task, 40):
        template = dataset.templates[example['template']]
        words = max(template.inputs.replace('{', '}').split('}')[::2], key=len).strip()
        text = example['inputs_pretokenized'].decode()
        assert text.count(words) == example['shots'] + 1
        assert text.count('OPTIONS:') in (0, example['shots'] + 1)
        directions.add(template.inverted)
        numbers.add(int(example['shots']))
    assert directions == {False, True} and numbers == {1, 2, 3, 4, 5}


def test_every_layout_has_exemplars_before_the_query_as_far_as_they_fit():
    tokenizer = FormatTokenizer(Flan(), Vocabulary())
    exemplars = tf.constant(['two and two', 'four', 'one and one', 'two', 'three and four', 'seven'])
    for index, layout in enumerate(LAYOUTS):
        found = {}
        for bound in range(8, 90, 6):
            text, shots = fitted(tokenizer, tf.constant('five and one'), exemplars, tf.constant(index), bound)
            written = ''.join(
                part.decode() for part in written_exemplars(exemplars, tf.constant(index)).numpy()[:shots]
            )
            query = layout.query.format(input='five and one', number=int(shots) + 1) if shots else 'five and one'
            assert text.numpy().decode() == written + query
            assert not shots or len(tokenizer.prompt(text)) <= bound
            found[bound] = int(shots)
        assert sorted(found.values()) == list(found.values()) and set(found.values()) == {0, 1, 2, 3}


def test_render_drawn_gives_an_inverted_template_its_own_field(samples_dir):
    dataset = catalogue.dataset('gsm8k')
    part = Part(name='p', mixture='flan', inverted=1.0)
    values = {'question': tf.constant('Q'), 'rationale': tf.constant('R'), 'answer': tf.constant('A')}
    for seed in seeds(8):
        inputs, targets = render_drawn(dataset, draw(dataset, part, seed), values, seed)
        assert targets.numpy().decode() in ('Q', 'R') and b'A' in inputs.numpy()


@pytest.mark.parametrize(('few_shot', 'limit'), [(0.0, 80), (1.0, 256)])
def test_a_drawn_query_that_is_too_long_loses_only_its_long_field(few_shot, limit, samples_dir):
    """Its question stands whole, its story as far as it fits; exemplars are whole; targets show long fields whole."""
    dataset = catalogue.dataset('cosmos_qa')
    forward = dataclasses.replace(dataset, templates=tuple(dataset.forward_templates.values()))
    part = Part(name='p', mixture='flan', few_shot=few_shot, hidden=0.5, lettered=0.5)
    task = drawn_task(forward, part, Vocabulary(), samples_dir, Flan(), 'p_cosmos_qa')
    questions = [ex.fields['question'] for ex in rendered_examples(dataset, 'train', samples_dir)]
    cut, shots = [], []
    for example in read(task, 40, {'inputs': limit, 'targets': 512}):
        text = example['inputs_pretokenized'].decode()
        assert len(example['inputs']) <= limit and '\x00' not in text
        assert sum(text.count(question) for question in questions) >= example['shots'] + 1
        cut.append(bool(example['inputs_cut']))
        shots.append(int(example['shots']))
    assert max(shots) > 0 if few_shot else any(cut)


def test_without_a_bound_nothing_is_cut(samples_dir):
    task = drawn_task(catalogue.dataset('squad_v1'), PART, Vocabulary(), samples_dir, Flan(), 'p_squad_v1')
    examples = read_examples(task, {'inputs': None, 'targets': None}, split='train', seed=1).as_numpy_iterator()
    assert not any(example[name] for example in examples for name in ('inputs_cut', 'targets_cut'))


def test_a_chat_template_is_refused(samples_dir):
    chat = ChatTemplate(template='{% for m in messages %}{{ m.content + eos_token }}{% endfor %}')
    with pytest.raises(UserError, match='part samples plain-text layouts'):
        drawn_task(catalogue.dataset('trec'), PART, Vocabulary(), samples_dir, chat, 'p_trec')


def test_options_in_own_words_are_not_drawn():
    """Prompts of promptsource have options that no placeholder shows."""
    dataset = catalogue.dataset('trec')
    own = dataclasses.replace(dataset, templates=(Template('Abbreviation, person or place: {question}'),))
    assert {form.options for form in forms(own, PART)} == {'none'}
    values = {'question': tf.constant('T'), 'answer': tf.constant('A')}
    for seed in seeds(8):
        assert render_drawn(own, draw(own, PART, seed), values, seed)[1].numpy() == b'A'
