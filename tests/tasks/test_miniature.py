"""The miniature's world: what is asked can be answered from the story, and what is held out is asked nowhere else."""

import collections
import random

import pytest

from flan_jax import catalogue
from flan_jax.data.preview import rendered_examples
from flan_jax.data.source import prepared_builder
from flan_jax.tokenizers.vocabulary import Vocabulary


@pytest.fixture(scope='module')
def data(miniature, tmp_path_factory):
    """The miniature, small, in a folder of its own."""
    from flan_jax.tasks import miniature_data

    folder = str(tmp_path_factory.mktemp('miniature'))
    miniature_data.prepare(folder, sizes=miniature_data.Sizes(prose=60, train=12, test=30))
    return folder


def read(world, story):
    """A story read by a person: (topic, value) of each of its sentences, in order."""
    by_value = {value: topic.name for topic in world.TOPICS for value in topic.values}
    found = []
    for sentence in story.removesuffix(' .').split(' . '):
        topic = by_value[sentence.split()[-1]]
        verb = next(other.verb for other in world.TOPICS if other.name == topic)
        assert (topic in sentence.split()) != (verb in sentence), 'a sentence names its topic, or does what it says'
        found.append((topic, sentence.split()[-1]))
    return found


def test_values_belong_to_one_topic_and_topics_to_one_group(miniature):
    words = [value for topic in miniature.world.TOPICS for value in topic.values]
    assert len(words) == len(set(words)) and len(miniature.world.TOPICS) == 12


def test_nothing_but_the_topic_tells_which_option_is_meant(miniature):
    world = miniature.world
    for topic in world.TOPICS:
        group = {
            value for group in world.GROUPS.values() if topic in group for other in group for value in other.values
        }
        labels = collections.Counter()
        for ex in world.examples(topic.name, 3, 200):
            told = dict(read(world, ex['story']))
            assert ex['options'][ex['label']] == told[topic.name]
            assert len(set(ex['options'])) == 3 and set(ex['options']) <= group & set(told.values())
            assert ex['sentence'] in ex['story'] and not ex['story'].count(ex['cue'].removeprefix('so '))
            labels[ex['label']] += 1
        assert min(labels[index] for index in range(3)) > 40, 'the right option stands anywhere'


def test_operations_are_answered_by_reading(miniature):
    world = miniature.world
    for ex in world.examples('order', 3, 100):
        places = [[value for _, value in read(world, ex['story'])].index(option) for option in ex['options']]
        assert (places[ex['first']], places[ex['last']]) == (min(places), max(places))
    for ex in world.examples('kind', 3, 100):
        assert (ex['options'][ex['label']], ex['value']) in read(world, ex['story'])
    answers = collections.Counter()
    for ex in world.examples('verify', 3, 200):
        assert ex['label'] == (ex['claim'].split()[-1] in ex['story'].split())
        answers[ex['label']] += 1
    assert min(answers.values()) > 60
    for ex in world.examples('person', 3, 100):
        assert [option for option in ex['options'] if option in ex['story'].split()] == [ex['options'][ex['label']]]


def test_running_text_says_what_is_true_of_its_story(miniature):
    world = miniature.world
    for ex in world.examples('prose', 3, 200):
        sentences = ex['text'].removesuffix(' .').split(' . ')
        told = read(world, ' . '.join(sentences[: world.TRAITS_TOLD]) + ' .')
        for sentence in sentences[world.TRAITS_TOLD :]:
            value = sentence.split()[-1]
            match sentence.split():
                case ['so', *_]:
                    assert read(world, f'{sentence} .')[0] in told
                case [first, 'is', 'a', topic]:
                    assert (topic, first) in told
                case [end, 'came', value]:
                    assert value == told[0 if end == 'first' else -1][1]
                case _:
                    pytest.fail(sentence)


def test_a_seed_gives_the_same_examples_and_another_gives_others(miniature):
    examples = miniature.world.examples
    assert list(examples('pet', 0, 20)) == list(examples('pet', 0, 20)) != list(examples('pet', 1, 20))


@pytest.mark.parametrize('group', ['development', 'confirmation'])
def test_what_is_held_out_is_asked_and_answered_nowhere_else(data, miniature, group):
    """Stories may tell of it; instructions, options and targets of what is tuned on do not."""
    topics = miniature.world.GROUPS[group]
    banned = {word for topic in topics for word in (topic.name, *topic.values)}
    held_out = {f'mini_{topic.name}' for topic in topics}
    tuned = [name for name in miniature.declared.ALL.split('+') if name not in held_out]
    for dataset in (dataset for cluster in tuned for dataset in catalogue.datasets_in(cluster)):
        examples = prepared_builder(dataset.source, data).as_dataset(split='train').as_numpy_iterator()
        stories = [ex['story'].decode() for ex in examples]
        for ex in rendered_examples(dataset, 'train', data):
            for inputs, targets in ex.prompts:
                story = next(story for story in stories if story in inputs)
                asked = f'{inputs} {targets}'.replace(story, '')
                assert not banned & set(asked.split()), asked


def test_every_word_is_a_token_of_its_own(data, miniature):
    vocabulary = Vocabulary(f'{data}/words')
    texts = [ex['text'] for ex in miniature.world.examples('prose', 0, 60)]
    for name, dataset in catalogue.DATASETS.items():
        if name.startswith('mini_'):
            split = 'train' if dataset.splits.train else 'test'
            texts += [text for ex in rendered_examples(dataset, split, data) for pair in ex.prompts for text in pair]
            texts.append(f'[{dataset.cluster.title}: {name}]')
    unknown = vocabulary.encode('unheard')
    for text in random.Random(0).sample(texts, 400):
        assert unknown[0] not in vocabulary.encode(text), text
    assert vocabulary.encode('[pet: mini_pet]')[1] == vocabulary.encode('goat pet')[1]
