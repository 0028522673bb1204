"""A row that holds several examples: how they are counted, split, shuffled and numbered."""

import collections
import itertools

import pytest

from flan_jax import catalogue
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.mixtures import usable_examples
from flan_jax.data.prepared_source import PreparedSource
from flan_jax.data.preview import rendered_examples
from flan_jax.data.seqio_tasks import generation_task
from flan_jax.data.source import prepared_builder
from flan_jax.tokenizers.vocabulary import Vocabulary

COQA = catalogue.dataset('coqa')


def examples_of(samples_dir, split, **order):
    """Story and question of every example of a split, in order."""
    examples = PreparedSource(COQA, samples_dir).get_dataset(split, **order).as_numpy_iterator()
    return [(ex['story'], ex['question']) for ex in examples]


@pytest.mark.parametrize('split', ['train', 'validation', 'test'])
def test_every_question_of_every_row_is_one_example(split, samples_dir):
    source = PreparedSource(COQA, samples_dir)
    rows = prepared_builder(COQA.source, samples_dir).as_dataset(split=str(source.slice(split)))
    asked = [question for row in rows.as_numpy_iterator() for question in row['questions']]
    examples = examples_of(samples_dir, split, shuffle=False)
    assert sorted(question for _, question in examples) == sorted(asked)
    assert source.num_input_examples(split) == usable_examples(COQA, split, samples_dir) == len(asked)


def test_no_row_has_examples_in_two_splits(samples_dir):
    splits = {split: examples_of(samples_dir, split, shuffle=False) for split in ('train', 'validation', 'test')}
    where = collections.defaultdict(set)
    for split, examples in splits.items():
        for story, _ in examples:
            where[story].add(split)
    assert all(len(found) == 1 for found in where.values())


def test_shuffling_mixes_the_examples_of_different_rows_by_its_seed(samples_dir):
    in_order, shuffled, again = (
        examples_of(samples_dir, 'train', **order)
        for order in ({'shuffle': False}, {'shuffle': True, 'seed': 3}, {'shuffle': True, 'seed': 3})
    )
    assert sorted(in_order) == sorted(shuffled) and shuffled == again

    def neighbours(examples):
        return sum(a[0] == b[0] for a, b in itertools.pairwise(examples))

    assert neighbours(shuffled) < neighbours(in_order) / 2


def test_examples_are_numbered_without_gaps_or_repetitions(samples_dir):
    task = generation_task(COQA, 0, Vocabulary(), samples_dir)
    lengths = {'inputs': 256, 'targets': 32}
    numbered = list(read_examples(task, lengths, split='test', shuffle=False).as_numpy_iterator())
    assert [int(ex['idx']) for ex in numbered] == list(range(len(examples_of(samples_dir, 'test', shuffle=False))))


def test_the_history_of_an_example_is_its_dialogue_so_far(samples_dir):
    before = {}
    for ex in rendered_examples(COQA, 'test', samples_dir):
        story, history = ex.fields['story'], ex.fields['history']
        assert history == before.get(story, '')
        before[story] = f'{history}Q: {ex.fields["question"]}\nA: {ex.answer}\n'
