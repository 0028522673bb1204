"""The SeqIO tasks of a declaration are ordinary SeqIO tasks."""

import collections
import functools

import numpy as np
import pytest
import seqio

from flan_jax import catalogue
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.prepared_source import PreparedSource
from flan_jax.data.preview import rendered_examples
from flan_jax.data.seqio_tasks import generation_task, rank_task, training_task
from flan_jax.data.seqio_vocabulary import seqio_vocabulary
from flan_jax.tokenizers.vocabulary import Vocabulary

LENGTHS = {'inputs': 256, 'targets': 64}


@pytest.fixture(scope='module')
def vocabulary():
    return Vocabulary()


@pytest.mark.parametrize('name', ['rte', 'multirc', 'record', 'stsb', 'squad_v2', 'wmt16_translate_deen', 'coqa'])
def test_every_kind_of_task_gives_examples(name, vocabulary, samples_dir):
    dataset = catalogue.dataset(name)
    tasks = [training_task(dataset, vocabulary, samples_dir), generation_task(dataset, 0, vocabulary, samples_dir)]
    if dataset.has_options:
        tasks.append(rank_task(dataset, 0, vocabulary, samples_dir))
    for task in tasks:
        of_seqio = task.get_dataset(LENGTHS, split='test', shuffle=False, seed=0)
        example, quickly = (
            next(examples.as_numpy_iterator())
            for examples in (of_seqio, read_examples(task, LENGTHS, split='test', shuffle=False, seed=0))
        )
        np.testing.assert_equal(quickly, example)
        assert example['inputs'][-1] == example['targets'][-1] == Vocabulary().eos_id
        assert len(example['inputs']) <= 256 and len(example['targets']) <= 64


def test_tokens_are_those_of_the_text_cut_and_ended(vocabulary, samples_dir):
    vocabulary = Vocabulary()
    task = generation_task(catalogue.dataset('cnn_dailymail'), 0, vocabulary, samples_dir)
    for example in task.get_dataset({'inputs': 30, 'targets': 64}, split='test', shuffle=False).as_numpy_iterator():
        text = example['inputs_pretokenized'].decode()
        assert example['inputs'].tolist() == [*vocabulary.encode(text)[:29], vocabulary.eos_id]


def test_training_draws_another_template_in_every_epoch(vocabulary, samples_dir):
    task = training_task(catalogue.dataset('rte'), vocabulary, samples_dir)
    examples = task.get_dataset(LENGTHS, split='train', shuffle=False, seed=0, num_epochs=60, try_in_mem_cache=False)
    sampled = collections.Counter(int(example['template']) for example in examples.as_numpy_iterator())
    assert set(sampled) == set(range(10))
    assert max(sampled.values()) < 2 * min(sampled.values())


def test_shuffling_is_by_seed_and_differs_between_epochs(vocabulary, samples_dir):
    task = training_task(catalogue.dataset('sst2'), vocabulary, samples_dir)

    def order(seed):
        examples = task.get_dataset(None, split='train', shuffle=True, seed=seed, num_epochs=2, try_in_mem_cache=False)
        return [example['inputs_pretokenized'] for example in examples.as_numpy_iterator()]

    assert order(3) == order(3) != order(4)
    first, second = np.array_split(np.array(order(3), object), 2)
    assert list(first) != list(second)


def test_rank_tasks_offer_every_option_with_the_right_one_marked(vocabulary, samples_dir):
    task = rank_task(catalogue.dataset('copa'), 2, vocabulary, samples_dir)
    by_example = collections.defaultdict(list)
    for example in task.get_dataset(LENGTHS, split='test', shuffle=False).as_numpy_iterator():
        by_example[int(example['idx'][0])].append(example)
    for options in by_example.values():
        assert len(options) == 2 and sum(option['is_correct'] for option in options) == 1
        assert len({option['inputs_pretokenized'] for option in options}) == 1


def test_rank_tasks_can_leave_the_options_out(vocabulary, samples_dir):
    task = rank_task(catalogue.dataset('rte'), 0, vocabulary, samples_dir, show_options=False)
    for example in task.get_dataset(LENGTHS, split='test', shuffle=False).as_numpy_iterator():
        assert b'OPTIONS' not in example['inputs_pretokenized']


def test_seqio_evaluator_judges_right_answers_as_right(vocabulary, samples_dir):
    for name, score in (('rte', 'accuracy'), ('multirc', 'f1'), ('squad_v1', 'em'), ('wmt16_translate_deen', 'bleu')):
        task = generation_task(catalogue.dataset(name), 0, vocabulary, samples_dir)
        examples = list(task.get_dataset(LENGTHS, split='test', shuffle=False).as_numpy_iterator())
        targets = [task.postprocess_fn('', example=example, is_target=True) for example in examples]
        right = [references[0] for references, _, _ in targets]
        assert task.predict_metric_fns[0](targets, right)[score] == pytest.approx(100)
        assert task.predict_metric_fns[0](targets, ['nonsense'] * len(right))[score] < 60


def test_seqio_evaluator_judges_scores(vocabulary, samples_dir):
    task = rank_task(catalogue.dataset('rte'), 0, vocabulary, samples_dir)
    examples = list(task.get_dataset(LENGTHS, split='test', shuffle=False).as_numpy_iterator())
    targets = [task.postprocess_fn(0.0, example=example, is_target=True) for example in examples]
    right = [0.0 if example['is_correct'] else -1.0 for example in examples]
    assert task.score_metric_fns[0](targets, right)['accuracy'] == 100


def test_tasks_read_any_data_dir_set_for_seqio(vocabulary, samples_dir):
    task = training_task(catalogue.dataset('rte'), vocabulary)
    seqio.set_tfds_data_dir_override(samples_dir)
    try:
        assert task.num_input_examples('train') == 8
    finally:
        seqio.set_tfds_data_dir_override(None)


@pytest.mark.parametrize('name', ['rte', 'arc_easy', 'multirc', 'squad_v2'])
def test_training_loses_no_example_and_mixes_no_two(name, vocabulary, samples_dir):
    """The original cycles templates over batches of ten, which drops the examples left over."""
    dataset = catalogue.dataset(name)
    task = training_task(dataset, vocabulary, samples_dir)
    examples = list(read_examples(task, None, split='train', shuffle=True, seed=3).as_numpy_iterator())
    unseen = list(rendered_examples(dataset, 'train', samples_dir))
    assert len(examples) == len(unseen) and len(unseen) % 10
    for example in examples:
        prompt = tuple(example[f'{part}_pretokenized'].decode() for part in ('inputs', 'targets'))
        ex = next(ex for ex in unseen if ex.prompts[example['template']] == prompt)
        unseen.remove(ex)


@pytest.mark.parametrize('name', ['multirc', 'squad_v1', 'arc_easy', 'web_nlg_en'])
def test_what_judges_an_answer_is_of_the_very_example(name, vocabulary, samples_dir):
    """The original zips two readings of the data, so that references may be another example's."""
    dataset = catalogue.dataset(name)
    task = generation_task(dataset, 0, vocabulary, samples_dir)
    examples = read_examples(task, None, split='test', shuffle=False).as_numpy_iterator()
    for example, ex in zip(examples, rendered_examples(dataset, 'test', samples_dir), strict=True):
        assert example['inputs_pretokenized'].decode() == ex.prompts[0][0]
        assert [text.decode() for text in example['references']] == list(ex.references)
        assert [text.decode() for text in example.get('choices', ())] == list(ex.choices)
        group = example.get('group', b'')
        assert (group.decode() if isinstance(group, bytes) else str(group)) == ex.group


def test_a_task_of_somebody_else_is_cut_by_seqio(vocabulary, samples_dir):
    source = training_task(catalogue.dataset('rte'), vocabulary, samples_dir).source
    features = {name: seqio.Feature(seqio_vocabulary(vocabulary)) for name in ('inputs', 'targets')}
    renamed = functools.partial(seqio.preprocessors.rekey, key_map={'inputs': 'premise', 'targets': 'hypothesis'})
    task = seqio.Task('own', source, features, [renamed, seqio.preprocessors.tokenize], shuffle_buffer_size=None)
    examples = list(read_examples(task, {'inputs': 16, 'targets': 4}, split='test', shuffle=False).as_numpy_iterator())
    assert max(len(example['inputs']) for example in examples) == 16
    assert max(len(example['targets']) for example in examples) == 4


def test_splits_are_read_one_after_the_other(samples_dir):
    source = PreparedSource(catalogue.dataset('rte'), samples_dir, limit=5)
    train, test, both = (list(source.rows(split).as_numpy_iterator()) for split in ('train', 'test', 'train+test'))
    assert len(train) == 5 == len(test) and source.num_input_examples('train+test') == 10
    assert [ex['idx'] for ex in both] == [ex['idx'] for ex in (*train, *test)]
    shards = [source.get_dataset('train+test', shuffle=False, shard_info=seqio.ShardInfo(i, 2)) for i in range(2)]
    assert [[ex['idx'] for ex in shard.as_numpy_iterator()] for shard in shards] == [
        [ex['idx'] for ex in rows] for rows in (train, test)
    ]


def test_more_shards_than_files_are_refused(samples_dir):
    source = PreparedSource(catalogue.dataset('rte'), samples_dir)
    with pytest.raises(ValueError, match='rte, train: no file for shard ShardInfo.*, because there are only 1'):
        source.get_dataset('train', shard_info=seqio.ShardInfo(1, 2))
