"""Tasks that others registered with SeqIO: what identifies them, and what is cut of their examples."""

import re

import numpy as np
import pytest
import seqio
import tensorflow as tf

from flan_jax.catalogue.identity import described
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.cuts import Cuts
from flan_jax.data.mixtures import tuning_mixture
from flan_jax.data.registered_identity import task_identity
from flan_jax.data.seqio_vocabulary import seqio_vocabulary
from flan_jax.data.settings import Data
from flan_jax.errors import UserError
from flan_jax.packing.pack import stream_recipe
from flan_jax.packing.settings import Stream
from flan_jax.tokenizers.vocabulary import Vocabulary

NAME = 'identity_of_lines'


@seqio.map_over_dataset
def questions(line):
    return {'inputs': line, 'targets': line}


@seqio.map_over_dataset
def answers(line):
    return {'inputs': line, 'targets': tf.strings.upper(line)}


def numbers(split, shuffle_files, seed=None):
    return tf.data.Dataset.range(3)


def letters(split, shuffle_files, seed=None):
    return tf.data.Dataset.from_tensor_slices(['a', 'b'])


def task(source, step=questions):
    features = {name: seqio.Feature(seqio_vocabulary(Vocabulary())) for name in ('inputs', 'targets')}
    return seqio.Task(NAME, source, features, preprocessors=[step, seqio.preprocessors.tokenize])


def test_files_sources_and_steps_identify_a_task(tmp_path):
    found = []
    for text in ('one\n', 'two\n', 'one\n'):
        (tmp_path / 'lines.txt').write_text(text)
        found.append(task_identity(task(seqio.TextLineDataSource({'train': str(tmp_path / '*.txt')}))))
    assert found[0] == found[2] != found[1]
    made = [
        task(seqio.FunctionDataSource(function, splits=('train',)), step)
        for function in (numbers, letters)
        for step in (questions, answers)
    ]
    assert len({str(task_identity(one)) for one in made}) == len(made)
    assert task_identity(made[0]) == task_identity(made[0])


def times(factor):
    @seqio.map_over_dataset
    def repeated(line):
        return {'inputs': line, 'targets': tf.strings.join([line] * factor)}

    return repeated


def test_readers_splits_features_and_closures_identify_a_task(tmp_path, samples_dir):
    (tmp_path / 'lines.txt').write_text('one\ntwo\n')
    lines = [
        task(seqio.TextLineDataSource({'train': str(tmp_path / '*.txt')}, skip_header_lines=skipped), step)
        for skipped in (0, 1)
        for step in (times(1), times(2))
    ]
    rows = [
        task(seqio.TfdsDataSource('ag_news_subset:1.0.0', samples_dir, splits={'train': rows}))
        for rows in ('train', 'train[:50%]')
    ]
    without_eos = task(rows[0].source)
    without_eos.output_features['targets'] = seqio.Feature(seqio_vocabulary(Vocabulary()), add_eos=False)
    seqio.set_tfds_data_dir_override(samples_dir)
    try:
        of_split = task(seqio.TfdsDataSource(splits={'train': seqio.utils.TfdsSplit('ag_news_subset:1.0.0', 'test')}))
        task_identity(of_split)  # opens the dataset, which is cached
    finally:
        seqio.set_tfds_data_dir_override(None)
    made = [*lines, *rows, without_eos, of_split]
    assert len({str(task_identity(one)) for one in made}) == len(made)
    assert [task_identity(one) for one in made] == [task_identity(one) for one in made]


def test_a_task_without_training_examples_is_refused():
    only_test = task(seqio.FunctionDataSource(numbers, splits=('test',)))
    with pytest.raises(UserError, match="no split 'train'"):
        task_identity(only_test)


def test_a_stream_of_a_registered_task_is_another_after_its_file_is_changed(tmp_path):
    (tmp_path / 'lines.txt').write_text('one\n')
    seqio.TaskRegistry.add_provider(NAME, task(seqio.TextLineDataSource({'train': str(tmp_path / 'lines.txt')})))
    data, recipes = Data(tfds_data_dir=str(tmp_path), mixture=NAME), []
    try:
        for text in ('one\n', 'two\n'):
            (tmp_path / 'lines.txt').write_text(text)
            recipes.append(stream_recipe(tuning_mixture(data), data, Stream(), 1))
    finally:
        seqio.TaskRegistry.remove(NAME)
        seqio.set_tfds_data_dir_override(None)
    assert recipes[0] != recipes[1]


def test_what_is_cut_of_their_examples_is_counted(tmp_path):
    """As SeqIO cuts it, at the end; the counts said that nothing was cut."""
    lines = ['one two three four five six', 'one']
    (tmp_path / 'lines.txt').write_text('\n'.join(lines) + '\n')
    of_lines, cuts = task(seqio.TextLineDataSource({'train': str(tmp_path / 'lines.txt')})), Cuts()
    lengths = {'inputs': 5, 'targets': 3}
    found = list(read_examples(of_lines, lengths, split='train', shuffle=False, seed=0).as_numpy_iterator())
    expected = of_lines.get_dataset(lengths, split='train', shuffle=False, seed=0).as_numpy_iterator()
    for example, of_seqio in zip(found, expected, strict=True):
        assert cuts.keep(example)
        assert all(example[name].tolist() == of_seqio[name].tolist() for name in lengths)
    assert (cuts.examples, cuts.shortened, cuts.targets_cut, cuts.target_tokens_cut) == (2, 1, 1, 3)


def test_what_identifies_is_the_same_in_every_process():
    """Neither where an object lies nor the order of a set is."""
    assert not re.search('0x', str(described([object(), {'kept': np.random.default_rng(0)}])))
    assert described({'b', 'a'}) == described({'a', 'b'})
