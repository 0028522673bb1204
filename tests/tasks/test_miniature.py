"""The miniature's world: what is asked can be answered from the story, and what is held out is asked nowhere else."""

import collections

import pytest

from flan_jax import catalogue
from flan_jax.tokenizers.vocabulary import Vocabulary


def prompts(world, dataset, count=30):
    """Inputs and targets of examples in every template, and their stories, without the library's rendering."""
    source = dataset.source.removeprefix('mini_').partition(':')[0]
    for ex in world.examples(source, 0, count):
        options = ex.get('options', getattr(dataset.answer, 'options', ()))
        answer = options[ex[getattr(dataset.answer, 'label', 'label')]]
        shown = ex | {'options': '\n- '.join(('OPTIONS:', *options)), 'answer': answer}
        for template in dataset.templates:
            yield template.inputs.format(**shown), template.targets.format(**shown), ex['story']


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
def test_held_out_topics_occur_in_no_other_dataset(miniature, group):
    """Stories may tell of it; instructions, options and targets of what is tuned on do not."""
    topics = miniature.world.GROUPS[group]
    banned = {word for topic in topics for word in (topic.name, *topic.values)}
    held_out = {f'mini_{topic.name}' for topic in topics}
    tuned = [name for name in miniature.declared.ALL.split('+') if name not in held_out]
    assert len(tuned) == 13
    for dataset in (dataset for cluster in tuned for dataset in catalogue.datasets_in(cluster)):
        for inputs, targets, story in prompts(miniature.world, dataset):
            asked = f'{inputs} {targets}'.replace(story, '')
            assert not banned & set(asked.split()), asked


def test_every_word_is_a_token_of_its_own(miniature, tmp_path):
    from flan_jax.tasks import miniature_data

    miniature_data.write_vocabulary(tmp_path)
    vocabulary = Vocabulary(str(tmp_path))
    texts = [ex['text'] for ex in miniature.world.examples('prose', 0, 60)]
    for dataset in miniature.declared.DATASETS:
        texts += [text for inputs, targets, _ in prompts(miniature.world, dataset, 5) for text in (inputs, targets)]
        texts.append(f'[{dataset.cluster.title}: {dataset.name}]')
    (unknown,) = vocabulary.encode('unheard')
    for text in texts:
        assert unknown not in vocabulary.encode(text), text
    assert vocabulary.encode('[pet: mini_pet]')[1] == vocabulary.encode('goat pet')[1]


def test_the_examples_are_prepared_datasets(miniature, tmp_path):
    """One of them, written and read back."""
    from flan_jax.data.source import split_slices
    from flan_jax.tasks import miniature_data

    dataset = catalogue.dataset('mini_pet_written')
    miniature_data.write_source(dataset.source, {'train': 4, 'test': 2}, 0, tmp_path, str(tmp_path), dataset.features)
    assert {name: len(found) for name, found in split_slices(dataset, str(tmp_path)).items()} == {'train': 4, 'test': 2}
