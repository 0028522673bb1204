"""With `Stream.epochs` every example is read exactly so often, and the stream ends there."""

import collections
import re

import numpy as np
import pytest

from flan_jax.command.pack import cut_summary
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.mixtures import tuning_mixture
from flan_jax.data.parts import Part
from flan_jax.data.settings import Data
from flan_jax.errors import UserError
from flan_jax.model.config import lamda
from flan_jax.packing.pack import whole_epochs, write_stream
from flan_jax.packing.settings import Stream
from flan_jax.packing.stream import PackedStream, StreamError
from flan_jax.run import Run
from flan_jax.settings import SettingsError
from flan_jax.training.schedules.linear import Linear
from flan_jax.training.settings import Training

EPOCHS = 2


def settings(directory='unused', **changes):
    sizes = {'sequence_length': 128, 'input_length': 96, 'target_length': 32, 'targets_per_sequence': 64, 'window': 4}
    return Stream(directory=str(directory), **sizes | {'epochs': EPOCHS} | changes)


def data(samples_dir, **changes):
    return Data(tfds_data_dir=samples_dir, **{'mixture': 'rte+sst2', 'templates_per_dataset': 1} | changes)


@pytest.fixture(scope='module')
def stream(samples_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp('streams')
    return PackedStream(write_stream(data(samples_dir), settings(folder), None))


def identity(example):
    return example.task, example.prompt.tobytes(), example.responses[0].tobytes()


def once(samples_dir):
    """All examples that fit, read plainly, and how often each is there."""
    found = collections.Counter()
    for index, task in enumerate(tuning_mixture(data(samples_dir)).seqio.tasks):
        for example in read_examples(task, settings().lengths, split='train', shuffle=False).as_numpy_iterator():
            if len(example['inputs']) <= 96 and example.get('prompt_fits', True):
                found[index, example['inputs'].tobytes(), example['targets'].tobytes()] += 1
    return found


def test_every_example_is_in_the_stream_so_often(stream, samples_dir):
    packed = [example for sequence in stream.sequences(range(len(stream))) for example in sequence.examples()]
    expected = {key: EPOCHS * count for key, count in once(samples_dir).items()}
    assert collections.Counter(map(identity, packed)) == expected and {key[0] for key in expected} == {0, 1}
    assert stream.manifest.num_epochs == EPOCHS and sum(stream.manifest.examples) == len(packed)


def test_every_epoch_is_whole_and_in_an_order_of_its_own_by_seed(samples_dir):
    mixture, expected = tuning_mixture(data(samples_dir)), once(samples_dir)
    of_seed = {seed: list(map(identity, whole_epochs(mixture, settings(seed=seed)))) for seed in (0, 1)}
    size = sum(expected.values())
    epochs = [of_seed[0][start : start + size] for start in range(0, EPOCHS * size, size)]
    assert all(collections.Counter(epoch) == expected for epoch in epochs)
    assert epochs[0] != epochs[1] and of_seed[0] != of_seed[1]
    assert list(map(identity, whole_epochs(mixture, settings()))) == of_seed[0]
    tasks = [task for task, *_ in epochs[0]]
    assert tasks != sorted(tasks) and tasks != sorted(tasks, reverse=True)


def test_templates_are_sampled_again_in_every_epoch(samples_dir):
    mixture = tuning_mixture(data(samples_dir, mixture='sst2', templates_per_dataset=None))
    templates = [example.template for example in whole_epochs(mixture, settings())]
    first, second = np.split(np.array(templates), EPOCHS)
    assert sorted(first.tolist()) != sorted(second.tolist())


def test_the_last_step_is_filled_up_with_padding(stream):
    batch_size = len(stream) - 1
    assert Training(steps=None, batch_size=batch_size).over(len(stream)).steps == 2
    first, last = stream.batches(0, 2, batch_size)
    assert (first['weights'].sum(axis=1) > 0).all()
    alone = stream.batch(len(stream) - 1, batch_size=1)
    for name in alone:
        np.testing.assert_array_equal(last[name][:1], alone[name])
    assert last['weights'][0].any() and not last['weights'][1:].any() and not last['tokens'][1:].any()
    for indices in ([0, 1], [1, 3]):
        part = stream.batch(1, batch_size, indices)
        for name in last:
            np.testing.assert_array_equal(part[name], last[name][indices])
    with pytest.raises(StreamError, match='3 steps of'):
        stream.batches(0, 3, batch_size)


def test_a_dataset_none_of_which_fits_is_refused(samples_dir, tmp_path):
    with pytest.raises(UserError, match='no training example of sst2 is usable and fits Stream.input_length=6'):
        write_stream(data(samples_dir, mixture='sst2'), settings(tmp_path, input_length=6), None)
    assert not list(tmp_path.iterdir())


def test_schedules_end_with_the_steps_that_follow():
    training = Training(steps=None, batch_size=4, learning_rate=1.0, schedule=Linear(), warmup_share=0.5).over(37)
    assert training.steps == 10
    rates = [float(training.learning_rates(step)) for step in range(11)]
    assert rates[5] == 1.0 and rates[10] == 0.0 and rates[2] == pytest.approx(0.4)
    assert Training(steps=3).over(37).steps == 3


def test_either_epochs_or_steps_are_set():
    def run(epochs, steps, **more):
        return Run(
            model_dir='m', data=Data(tfds_data_dir='d', **more), stream=settings(epochs=epochs),
            model=lamda(num_layers=1, d_model=8, vocab_size=8, head_dim=8), training=Training(steps=steps),
        )  # fmt: skip

    assert run(None, 3).num_sequences == 12 and run(2, None).num_sequences is None
    with pytest.raises(SettingsError, match='Stream.epochs=2 and Training.steps=3'):
        run(2, 3)
    with pytest.raises(SettingsError, match='neither Training.steps nor Stream.epochs is set'):
        run(None, None)
    with pytest.raises(SettingsError, match='Data.parts'):
        run(2, None, parts=(Part(name='all', mixture='flan'),))


def test_what_was_cut_is_summed_up_by_epochs(stream):
    cuts = stream.manifest.cuts
    dropped = sum(of_task['dropped'] for of_task in cuts.values())
    found = re.match(r'([\d,]+) examples \(([\d,]+) in each of 2 epochs\)', cut_summary(cuts, EPOCHS))
    every, each = (int(number.replace(',', '')) for number in found.groups())
    assert every == EPOCHS * each == sum(stream.manifest.examples) + dropped
