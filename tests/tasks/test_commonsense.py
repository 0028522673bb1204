"""Commonsense: labels in the order of the sources, causes are not effects, no tags."""

import pytest
import tensorflow as tf

from flan_jax import catalogue
from flan_jax.data import rendering
from flan_jax.data.preview import rendered_examples

COPA, HELLASWAG, PIQA, STORY_CLOZE = map(catalogue.dataset, ('copa', 'hellaswag', 'piqa', 'story_cloze'))

FADED = {'premise': 'The curtain faded.', 'choice1': 'The sun shone on it.', 'choice2': 'I closed it.', 'label': 0}
WIKIHOW = {
    'context': '[header] How to sew [title] Choose a thread. [step] It should match. [title] Cut it [step] . Be brave.',
    'endings': ['[title] Thread the needle. [step] Tie a knot.', '[substeps] Eat it.', ', then stop.', 'Wait .'],
    'label': 0,
}


def read(dataset, ex):
    return rendering.read_values(dataset, {name: tf.constant(value) for name, value in ex.items()})


def inverted(dataset, values):
    return [rendering.render(template, values) for template in dataset.templates if template.inverted]


@pytest.mark.parametrize(
    ('asked_for', 'question', 'unfinished'),
    [
        ('cause', 'What was the cause of this?', 'The curtain faded because'),
        ('effect', 'What happened as a result?', 'The curtain faded, so'),
    ],
)
def test_copa_asks_each_example_for_its_cause_or_its_effect(asked_for, question, unfinished):
    values = read(COPA, FADED | {'question': asked_for})
    assert values['question'] == question
    assert values['unfinished'] == unfinished
    assert values['relation'] == asked_for


@pytest.mark.parametrize(
    ('asked_for', 'from_answer_to_premise'),
    [('cause', ('happened as a result', 'has this cause')), ('effect', ('the cause of this', 'has this effect'))],
)
def test_inverted_copa_respects_cause_and_effect(asked_for, from_answer_to_premise):
    rendered = inverted(COPA, read(COPA, FADED | {'question': asked_for}))
    for (inputs, targets), phrase in zip(rendered, from_answer_to_premise, strict=True):
        assert phrase in inputs.numpy().decode()
        assert 'The sun shone on it.' in inputs.numpy().decode()
        assert targets == 'The curtain faded.'


def test_hellaswag_tags_become_lines_in_the_context_and_vanish_from_the_endings():
    values = read(HELLASWAG, WIKIHOW)
    assert values['context'] == 'How to sew\nChoose a thread. It should match.\nCut it. Be brave.'
    endings = [b'Thread the needle. Tie a knot.', b'Eat it.', b', then stop.', b'Wait.']
    assert list(values['choices'].numpy()) == endings


def test_hellaswag_contexts_do_not_begin_with_punctuation():
    assert read(HELLASWAG, WIKIHOW | {'context': '. a man is singing. he'})['context'] == 'a man is singing. he'


def test_piqa_goals_lose_the_comma_that_led_over_to_the_solution():
    ex = {'goal': 'To dry wet  shoes,', 'sol1': 'wait .', 'sol2': 'run', 'label': 1}
    values = read(PIQA, ex)
    assert values['goal'] == 'To dry wet shoes'
    assert list(values['choices'].numpy()) == [b'wait.', b'run']


@pytest.mark.parametrize(('label', 'answer'), [(1, 'It rained.'), (2, 'It snowed.')])
def test_story_cloze_labels_count_from_one(label, answer):
    ex = {'context': 'It was dark. It was cold.', 'endings': ['It rained.', 'It snowed.'], 'label': label}
    assert read(STORY_CLOZE, ex)['answer'] == answer


@pytest.mark.parametrize(
    ('dataset', 'start', 'answer'),
    [
        (COPA, 'The cake tasted salty.', 'The baker used salt instead of sugar.'),
        (COPA, 'The gardener forgot to close the gate.', 'The rabbit escaped.'),
        (HELLASWAG, 'A boy breaks three eggs', 'stirs the mixture until it is smooth.'),
        (
            HELLASWAG,
            'How to clean a keyboard',
            'Shake out the crumbs. Hold the keyboard upside down and tap it gently.',
        ),
        (PIQA, 'How do I cool a bottle of juice quickly?', 'Wrap it in a wet cloth and put it in the freezer.'),
        (PIQA, 'To cut an onion without crying', 'chill it in the refrigerator before you cut it.'),
        (STORY_CLOZE, 'Rosa was afraid of the dark.', 'Rosa fell asleep without being scared.'),
        (STORY_CLOZE, 'Tim wanted to surprise his wife', 'The breakfast landed on the carpet.'),
    ],
)
def test_answers_follow_the_order_of_the_labels(dataset, start, answer, samples_dir):
    examples = rendered_examples(dataset, 'test', samples_dir)
    assert [ex.answer for ex in examples if any(field.startswith(start) for field in ex.fields.values())] == [answer]
