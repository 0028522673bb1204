"""Few-shot prompts hold whole exemplars from the training examples, sampled by seed, and never the query."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Keep
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.plain import Plain
from flan_jax.data.preview import rendered_examples
from flan_jax.data.seqio_tasks import generation_task, rank_task, training_task
from flan_jax.data.settings import MAX_SHOTS
from flan_jax.data.tokenize import FormatTokenizer
from flan_jax.data.tokenized import LENGTH_BOUND
from flan_jax.tokenizers.vocabulary import Vocabulary

LENGTHS = {'inputs': 1024, 'targets': 64}


@pytest.fixture(scope='module')
def vocabulary():
    return Vocabulary()


def examples_of(task, split, lengths=LENGTHS, **kwargs):
    return list(read_examples(task, lengths, split=split, shuffle=False, **kwargs).as_numpy_iterator())


def parts(tokens):
    """A prompt's parts, each without the EOS that ends it: inputs and targets of exemplars in turn, then the query."""
    ends = np.flatnonzero(tokens == Vocabulary().eos_id)
    assert ends[-1] == len(tokens) - 1
    return [Vocabulary().decode(part[part != Vocabulary().eos_id]) for part in np.split(tokens, ends + 1)[:-1]]


def solved(tokens):
    """The exemplars of a prompt, and its query."""
    *exemplars, query = parts(tokens)
    return list(zip(exemplars[::2], exemplars[1::2], strict=True)), query


def train_prompts(name, template, data_dir):
    return {ex.prompts[template] for ex in rendered_examples(catalogue.dataset(name), 'train', data_dir)}


@pytest.mark.parametrize('name', ['rte', 'multirc', 'record', 'squad_v2', 'wmt16_translate_deen', 'coqa', 'stsb'])
def test_exemplars_are_training_examples_in_the_querys_template(name, vocabulary, samples_dir):
    dataset = catalogue.dataset(name)
    make_task = rank_task if dataset.has_options else generation_task
    task = make_task(dataset, 1, vocabulary, samples_dir, exemplars=Exemplars(dataset, 3, data_dir=samples_dir))
    queries = {ex.prompts[1][0] for ex in rendered_examples(dataset, 'test', samples_dir)}
    of_training = {ex.prompts[1] for ex in rendered_examples(dataset, 'train', samples_dir)}
    for example in examples_of(task, 'test'):
        exemplars, query = solved(example['inputs'])
        assert len(exemplars) == example['shots'] == 3 == len(set(exemplars))
        assert set(exemplars) <= of_training and query in queries


def test_the_query_is_never_among_its_exemplars(vocabulary, samples_dir):
    """The original project's issue 19: exemplars and query both come from the training examples."""
    for name in ('rte', 'copa', 'imdb_reviews'):
        dataset = catalogue.dataset(name)
        exemplars = Exemplars(dataset, MAX_SHOTS, data_dir=samples_dir)
        examples = len(list(rendered_examples(dataset, 'train', samples_dir)))
        for task in (
            training_task(dataset, vocabulary, samples_dir, exemplars),
            generation_task(dataset, 0, vocabulary, samples_dir, exemplars),
        ):
            for example in examples_of(task, 'train', {'inputs': 1024, 'targets': 512}, seed=1):
                sampled, query = solved(example['inputs'])
                target = Vocabulary().decode(example['targets'])
                assert (query, target) not in sampled
                assert len(sampled) <= examples - 1
        assert example['shots'] > 0


def test_a_training_example_has_one_template_throughout(vocabulary, samples_dir):
    dataset = catalogue.dataset('rte')
    task = training_task(dataset, vocabulary, samples_dir, Exemplars(dataset, 4, data_dir=samples_dir))
    rendered = list(rendered_examples(dataset, 'train', samples_dir))
    examples = examples_of(task, 'train', seed=0, num_epochs=8)
    assert {int(example['template']) for example in examples} == set(range(10))
    for example in examples:
        template = int(example['template'])
        exemplars, query = solved(example['inputs'])
        prompts = {ex.prompts[template] for ex in rendered}
        assert {*exemplars, (query, Vocabulary().decode(example['targets']))} <= prompts


def test_exemplars_are_sampled_by_seed_again_for_every_example_and_epoch(vocabulary, samples_dir):
    dataset = catalogue.dataset('sst2')

    def prompts(seed, **kwargs):
        task = training_task(dataset, vocabulary, samples_dir, Exemplars(dataset, 3, data_dir=samples_dir))
        return [tuple(example['inputs']) for example in examples_of(task, 'train', seed=seed, **kwargs)]

    one_epoch, two_epochs = prompts(5), prompts(5, num_epochs=2)
    assert one_epoch == prompts(5) != prompts(6)
    assert two_epochs[: len(one_epoch)] != two_epochs[len(one_epoch) :]

    def evaluated(seed):
        task = generation_task(dataset, 0, vocabulary, samples_dir, Exemplars(dataset, 3, seed, data_dir=samples_dir))
        return [tuple(example['inputs']) for example in examples_of(task, 'test')]

    first = evaluated(0)
    assert first == evaluated(0) != evaluated(1)


def test_exemplars_do_not_depend_on_where_an_example_stands_nor_on_the_template(vocabulary, samples_dir):
    dataset = catalogue.dataset('rte')
    half = dataclasses.replace(dataset, keep=Keep('every other example', lambda ex: ex['idx'] % 2 == 1))
    exemplars = Exemplars(dataset, 3, data_dir=samples_dir)

    def sampled(template, queried=dataset):
        examples = list(rendered_examples(dataset, 'train', samples_dir))
        number = {ex.prompts[template]: index for index, ex in enumerate(examples)}
        examples = examples_of(generation_task(queried, template, vocabulary, samples_dir, exemplars), 'test')
        return {parts(e['inputs'])[-1]: tuple(number[x] for x in solved(e['inputs'])[0]) for e in examples}

    of_all, of_half = sampled(0), sampled(0, half)
    assert 0 < len(of_half) < len(of_all) and of_half.items() <= of_all.items()
    assert list(of_all.values()) == list(sampled(3).values())
    assert len(set(of_all.values())) > 1


def test_fixed_exemplars_are_the_same_for_every_query_and_differ_by_seed(vocabulary, samples_dir):
    dataset = catalogue.dataset('rte')

    def sampled(seed):
        exemplars = Exemplars(dataset, 4, seed, fixed=True, data_dir=samples_dir)
        examples = examples_of(rank_task(dataset, 0, vocabulary, samples_dir, exemplars=exemplars), 'test')
        return {tuple(solved(example['inputs'])[0]) for example in examples}

    first, second = sampled(0), sampled(1)
    assert len(first) == 1 == len(second) and first != second


@pytest.mark.parametrize('input_length', [200, 400, 1024, None])
def test_what_does_not_fit_is_left_out_whole(input_length, vocabulary, samples_dir):
    dataset = catalogue.dataset('squad_v1')
    exemplars = Exemplars(dataset, MAX_SHOTS, data_dir=samples_dir)
    task = generation_task(dataset, 0, vocabulary, samples_dir, exemplars)
    lengths = {'inputs': input_length, 'targets': 64} if input_length else None
    prompts = train_prompts('squad_v1', 0, samples_dir)
    for example in examples_of(task, 'test', lengths):
        assert len(example['inputs']) < LENGTH_BOUND and len(example['inputs']) <= (input_length or LENGTH_BOUND)
        sampled, _ = solved(example['inputs'])
        assert set(sampled) <= prompts and len(sampled) == example['shots']
        text = example['inputs_pretokenized'].decode()
        assert all(f'{inputs}\n\n{targets}\n\n' in text for inputs, targets in sampled)


def few_shot(texts, query, length, prompt_format=Flan()):
    tokenizer = FormatTokenizer(prompt_format, Vocabulary())
    tokens, shots = tokenizer.few_shot_prompt(tf.constant(query), tf.constant(texts, tf.string), length)
    return tokens.numpy().tolist(), int(shots)


def test_pruning_keeps_the_longest_prefix_that_fits():
    texts = ['one two', 'a', 'three ' * 30, 'b', 'four', 'c']
    query = Flan().encode_prompt(Vocabulary(), 'five')
    ended = [Flan().encode_prompt(Vocabulary(), text) for text in texts]
    exact = sum(map(len, ended[:4])) + len(query)
    for length, shots in ((exact - 1, 1), (exact, 2), (exact + 1, 2), (None, 3), (len(query), 0)):
        tokens, kept = few_shot(texts, 'five', length)
        assert kept == shots
        assert tokens == [*itertools.chain(*ended[: 2 * shots]), *query]
    assert few_shot([], 'five', None) == (query, 0)
    assert few_shot(texts, 'five ' * 9, 4) == (Flan().encode_prompt(Vocabulary(), 'five ' * 9, 4), 0)


def test_the_bound_counts_every_delimiter():
    vocabulary = Vocabulary()
    query = len(Flan().encode_prompt(vocabulary, 'five'))
    pair = len(vocabulary.encode('a b')) + len(vocabulary.encode('c')) + 2
    tokens, shots = few_shot(['a b', 'c'] * 600, 'five', 1024)
    assert shots == (LENGTH_BOUND - 1 - query) // pair and len(tokens) < LENGTH_BOUND


@pytest.mark.parametrize('length', [8, 12, 20, 40, None])
def test_exemplars_of_the_plain_format_are_kept_apart_by_a_blank_line(length):
    tokens, shots = few_shot(['one two', 'a', 'three', 'b', 'four', 'c'], 'five', length, Plain())
    solved = ['one two a', 'three b', 'four c'][:shots]
    assert Vocabulary().decode(tokens) == '\n\n'.join([*solved, 'five'])
    assert tokens == Vocabulary().encode('\n\n'.join([*solved, 'five'])) and len(tokens) <= (length or LENGTH_BOUND - 1)
    assert shots == 3 or length


def test_options_of_an_example_share_one_prompt_and_may_be_left_out_of_it(vocabulary, samples_dir):
    dataset = catalogue.dataset('copa')
    for show_options in (True, False):
        task = rank_task(dataset, 0, vocabulary, samples_dir, show_options, Exemplars(dataset, 2, data_dir=samples_dir))
        by_example = {}
        for example in examples_of(task, 'test'):
            by_example.setdefault(int(example['idx'][0]), set()).add(example['inputs_pretokenized'])
        assert all(len(prompts) == 1 for prompts in by_example.values())
        assert all((b'OPTIONS' in prompt) == show_options for prompts in by_example.values() for prompt in prompts)
