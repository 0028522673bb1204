"""A stream is a pure function of its recipe, and is read the same by any number of processes."""

import errno
import json

import numpy as np
import pytest
import tensorflow as tf
from etils import epath

from flan_jax import catalogue
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.cuts import Cuts
from flan_jax.data.seqio_tasks import training_task
from flan_jax.data.settings import Data
from flan_jax.errors import UserError
from flan_jax.packing import sequence_files
from flan_jax.packing.example import Example, PackedSequence
from flan_jax.packing.pack import write_stream
from flan_jax.packing.seqio_examples import fetch_padded, fetch_ragged
from flan_jax.packing.sequence_files import SequenceFiles, file_name, write_sequences
from flan_jax.packing.settings import Stream
from flan_jax.packing.stream import PackedStream, StreamError, StreamManifest, fingerprint, write
from flan_jax.settings import SettingsError
from flan_jax.tokenizers.vocabulary import Vocabulary

MIXTURE = 'rte+sst2'


def settings(directory, **changes):
    defaults = {
        'sequence_length': 128,
        'input_length': 96,
        'target_length': 32,
        'targets_per_sequence': 64,
        'window': 4,
    }
    return Stream(directory=str(directory), **defaults | changes)


@pytest.fixture(scope='module')
def stream(samples_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp('streams')
    return PackedStream(write_stream(Data(tfds_data_dir=samples_dir, mixture=MIXTURE), settings(folder), 24))


def test_same_fingerprint_same_bytes(stream, samples_dir, tmp_path):
    again = write_stream(Data(tfds_data_dir=samples_dir, mixture=MIXTURE), settings(tmp_path), 24)
    assert again.name == stream.folder.name
    for file in (file_name(0), 'stream.json'):
        assert (again / file).read_bytes() == (stream.folder / file).read_bytes()


@pytest.mark.parametrize('change', [{'seed': 1}, {'window': 5}, {'sequence_length': 160}, {'targets_per_sequence': 50}])
def test_another_recipe_is_another_stream(stream, samples_dir, tmp_path, change):
    data = Data(tfds_data_dir=samples_dir, mixture=MIXTURE)
    assert write_stream(data, settings(tmp_path, **change), 24).name != stream.folder.name


def test_a_longer_stream_begins_with_the_shorter(stream, samples_dir, tmp_path):
    longer = PackedStream(write_stream(Data(tfds_data_dir=samples_dir, mixture=MIXTURE), settings(tmp_path), 30))
    assert [s.to_bytes() for s in longer.sequences(range(24))] == [s.to_bytes() for s in stream.sequences(range(24))]


def test_every_segment_knows_its_task_and_template(stream):
    sequences = stream.sequences(range(len(stream)))
    counted = np.bincount(np.concatenate([s.tasks for s in sequences]), minlength=len(stream.manifest.tasks))
    assert counted.tolist() == list(stream.manifest.examples)
    assert {int(template) for s in sequences for template in s.templates} <= set(range(10))
    assert sum(len(s.tokens) for s in sequences) == round(stream.manifest.density * 24 * 128)


def test_what_is_cut_has_no_end_and_is_counted(samples_dir, tmp_path):
    data = Data(tfds_data_dir=samples_dir, mixture='cnn_dailymail+imdb_reviews')
    stream = PackedStream(write_stream(data, settings(tmp_path), 24))
    ended = {0: [], 1: []}
    for sequence in stream.sequences(range(24)):
        for example in sequence.examples():
            assert len(example.prompt) <= 96 and example.prompt[-1] == Vocabulary().eos_id
            ended[example.task].append(example.responses[0][-1] == Vocabulary().eos_id)
            assert ended[example.task][-1] or len(example.responses[0]) == 32
    assert set(stream.manifest.cuts) == set(stream.manifest.tasks)
    for task, name in enumerate(stream.manifest.tasks):
        cuts = Cuts(**stream.manifest.cuts[name])
        waiting = cuts.examples - cuts.dropped - stream.manifest.examples[task]
        assert 0 <= cuts.targets_cut - ended[task].count(False) <= waiting
        assert cuts.target_tokens_cut == 32 * cuts.targets_cut > 0 and cuts.shortened > 0


def test_a_task_none_of_whose_examples_fits_is_refused(samples_dir, tmp_path):
    data = Data(tfds_data_dir=samples_dir, mixture='wmt16_translate_deen')
    with pytest.raises(UserError, match='Stream.input_length=6: none of 1024 examples of wmt16_translate_deen fits'):
        write_stream(data, settings(tmp_path, input_length=6), 2)
    assert not list(tmp_path.iterdir())


def test_processes_share_a_step(stream):
    whole = stream.batch(2, batch_size=4)
    for indices in ([0, 1], [1, 3], [2]):
        part = stream.batch(2, batch_size=4, indices=indices)
        for name in whole:
            np.testing.assert_array_equal(part[name], whole[name][indices])


def test_reading_goes_on_at_any_step(stream):
    whole = list(stream.batches(0, 6, batch_size=4))
    for start in range(6):
        for ours, expected in zip(stream.batches(start, 6, batch_size=4), whole[start:], strict=True):
            for name in expected:
                np.testing.assert_array_equal(ours[name], expected[name])


def test_too_few_sequences_are_refused_before_reading(stream):
    with pytest.raises(StreamError, match='holds 24 sequences; 7 steps of 4 need 28'):
        stream.batches(0, 7, batch_size=4)


def test_a_truncated_stream_is_refused(stream, tmp_path):
    broken = tmp_path / 'broken'
    broken.mkdir()
    (broken / file_name(0)).write_bytes((stream.folder / file_name(0)).read_bytes())
    manifest = json.loads((stream.folder / 'stream.json').read_text())
    (broken / 'stream.json').write_text(json.dumps(manifest | {'sequences': 99}))
    with pytest.raises(StreamError, match='holds 24 sequences, by its manifest it is 99'):
        PackedStream(broken)
    with pytest.raises(StreamError, match='no stream in'):
        PackedStream(tmp_path)


def test_sequences_are_read_across_files(tmp_path, monkeypatch):
    monkeypatch.setattr(sequence_files, 'SEQUENCES_PER_FILE', 4)
    folder = epath.Path(tmp_path)
    written = [bytes([place]) * 3 for place in range(10)]
    write_sequences(folder, iter(written))
    assert len(list(folder.iterdir())) == 3
    files = SequenceFiles(folder, 10)
    for places in ([], [9, 0, 4, 3, 0], range(10)):
        assert files.read(places) == [written[place] for place in places]
    (folder / file_name(1)).write_bytes((folder / file_name(2)).read_bytes())
    assert SequenceFiles(folder, 10).read([0, 9]) == [written[0], written[9]]
    with pytest.raises(StreamError, match='holds 2 sequences, by its manifest it is 4'):
        SequenceFiles(folder, 10).read([4])
    (folder / file_name(1)).unlink()
    with pytest.raises(StreamError, match='is missing'):
        SequenceFiles(folder, 10)


def test_a_full_disk_is_not_called_damage(tmp_path, monkeypatch):
    def full(file):
        raise OSError(errno.ENOSPC, 'No space left on device')

    write_sequences(epath.Path(tmp_path), iter([b'a']))
    monkeypatch.setattr(sequence_files, 'on_disk', full)
    with pytest.raises(OSError, match='No space left'):
        SequenceFiles(epath.Path(tmp_path), 1)


def test_a_disk_that_is_full_in_the_middle_of_training_is_not_called_damage(stream, monkeypatch):
    def full(file):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(sequence_files, 'on_disk', full)
    opened = PackedStream.__new__(PackedStream)
    opened.__dict__ = {**vars(stream), '_files': SequenceFiles.__new__(SequenceFiles)}
    opened._files.__dict__ = {**vars(stream._files), '_sources': {}}  # nothing of it is open yet
    with pytest.raises(OSError, match='No space left'):
        opened.sequences([0])


def test_a_mixture_of_many_names_has_a_folder_that_file_systems_take(samples_dir, tmp_path):
    names = [name for name, dataset in catalogue.DATASETS.items() if dataset.cluster.name != 'translation'][:28]
    found = write_stream(Data(tfds_data_dir=samples_dir, mixture='+'.join(names)), settings(tmp_path, window=1), 2)
    assert len(PackedStream(found)) == 2 and len('+'.join(names)) > 255


def test_an_interrupted_stream_leaves_nothing(tmp_path):
    def sequences():
        yield PackedSequence.of([Example(np.array([1, 2]), (np.array([3]),))])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(epath.Path(tmp_path) / 'stream', sequences(), lambda: None)
    assert not list(tmp_path.iterdir())


def test_lengths_that_do_not_fit_are_refused():
    with pytest.raises(SettingsError, match='Stream.sequence_length=1024'):
        Stream(sequence_length=1024)
    with pytest.raises(SettingsError, match='Stream.targets_per_sequence=100'):
        Stream(targets_per_sequence=100)


def test_the_manifest_survives_storage(stream):
    manifest = stream.manifest
    assert manifest.fingerprint == fingerprint(manifest.recipe)
    assert StreamManifest(**json.loads((stream.folder / 'stream.json').read_text())) == manifest


def test_tasks_of_others_are_read_whatever_their_numbers_are():
    """Of examples that differ in length, so that what pads one of them would be seen."""
    inputs, weights = [[3], [4, 5]], [[-1.0], [float('nan'), 0.5]]
    for dtype in (np.uint8, np.uint32, np.int64):
        rows = [{'inputs': np.array(i, dtype), 'targets': np.array(i, dtype), 'weights': np.array(w, np.float32)}
                for i, w in zip(inputs, weights)]  # fmt: skip
        spec = {name: tf.TensorSpec([None], value.dtype) for name, value in rows[0].items()}
        nested = {**spec, 'answers': {'text': tf.TensorSpec([None], tf.string)}}
        examples = tf.data.Dataset.from_generator(
            lambda rows=rows: ({**row, 'answers': {'text': ['a']}} for row in rows), output_signature=nested
        )
        found = list(fetch_ragged(examples, 'task'))
        assert [example['inputs'].tolist() for example in found] == inputs
        np.testing.assert_equal([example['weights'].tolist() for example in found], weights)


@pytest.mark.parametrize('name', ['rte', 'coqa'])
def test_padding_changes_nothing_of_the_catalogues_tasks(name, samples_dir):
    task = training_task(catalogue.dataset(name), Vocabulary(), samples_dir)
    lengths = {'inputs': 100, 'targets': 30}
    padded, ragged = (
        list(read(read_examples(task, lengths, split='train', seed=0), name)) for read in (fetch_padded, fetch_ragged)
    )
    assert len(padded) == len(ragged) >= 8
    np.testing.assert_equal(padded, ragged)


def test_packing_is_stopped_before_the_first_sequence_and_leaves_nothing(samples_dir, tmp_path):
    """Until it is there, datasets are opened for seconds."""
    told = []

    def stop(sequences):
        told.append(sequences)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        write_stream(Data(tfds_data_dir=samples_dir, mixture=MIXTURE), settings(tmp_path), 24, stop)
    assert told == [0] and not list(tmp_path.rglob('*'))
