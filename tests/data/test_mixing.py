"""Datasets are sampled as often as the way of mixing says."""

import itertools

import numpy as np
import pytest
import scipy.stats
import seqio
from hypothesis import given
from hypothesis import strategies as st

from flan_jax.data.mixing.equal import EqualMixing
from flan_jax.data.mixing.proportional import ProportionalMixing
from flan_jax.data.mixing.temperature import TemperatureMixing
from flan_jax.data.mixtures import tuning_mixture
from flan_jax.data.parts import Part
from flan_jax.data.settings import Data
from flan_jax.errors import UserError
from flan_jax.packing.pack import sampled_examples, stream_recipe
from flan_jax.packing.settings import Stream
from flan_jax.settings import SettingsError

SIZES = st.lists(st.integers(1, 10**7), min_size=2, max_size=6)


def shares(mixing, sizes):
    rates = np.array([mixing.rate(size) for size in sizes])
    return rates / rates.sum()


@given(size=st.integers(1, 10**7), cap=st.none() | st.integers(1, 10**7), temperature=st.floats(0.5, 50))
def test_rates_are_those_of_seqio(size, cap, temperature):
    source = seqio.FunctionDataSource(
        lambda split, shuffle_files: None, splits=['train'], num_input_examples={'train': size}
    )
    task = seqio.Task('sized', source, output_features={}, preprocessors=[])
    theirs = seqio.mixing_rate_num_examples(task, maximum=cap, temperature=temperature)
    assert TemperatureMixing(temperature, cap).rate(size) == pytest.approx(theirs)
    assert ProportionalMixing(cap).rate(size) == seqio.mixing_rate_num_examples(task, maximum=cap)


@given(SIZES, st.none() | st.integers(1, 10**7))
def test_temperature_goes_from_proportional_to_equal(sizes, cap):
    assert shares(TemperatureMixing(1.0, cap), sizes) == pytest.approx(shares(ProportionalMixing(cap), sizes))
    assert shares(TemperatureMixing(1e9, cap), sizes) == pytest.approx(shares(EqualMixing(), sizes))
    colder, warmer = (shares(TemperatureMixing(t, cap), sizes) for t in (2.0, 4.0))
    assert scipy.stats.entropy(warmer) >= scipy.stats.entropy(colder) - 1e-9


@given(SIZES, st.integers(1, 10**7))
def test_no_dataset_weighs_more_than_the_cap(sizes, cap):
    rates = [ProportionalMixing(cap).rate(size) for size in sizes]
    assert max(rates) <= cap and [rate for rate in rates if rate < cap] == [size for size in sizes if size < cap]


def test_an_empty_dataset_is_never_sampled():
    assert {mixing.rate(0) for mixing in (ProportionalMixing(), EqualMixing(), TemperatureMixing())} == {0.0}


def test_examples_are_drawn_at_these_rates(samples_dir):
    data = Data(tfds_data_dir=samples_dir, mixture='snli+rte', mixing=TemperatureMixing(temperature=0.5))
    mixture = tuning_mixture(data)
    stream = Stream(directory='unused', sequence_length=64, input_length=48, target_length=16)
    drawn = [example.task for example in itertools.islice(sampled_examples(mixture, stream), 300)]
    assert mixture.rates == pytest.approx({'snli': 144 / 208, 'rte': 64 / 208})
    expected = 300 * np.array(list(mixture.rates.values()))
    assert scipy.stats.chisquare(np.bincount(drawn, minlength=2), expected).pvalue > 1e-3


def test_streams_are_distinguished_by_their_rates_alone(samples_dir):
    def recipe(**settings):
        data = Data(tfds_data_dir=samples_dir, mixture='snli+rte', **settings)
        stream = Stream(directory='unused', sequence_length=64, input_length=48, target_length=16)
        return stream_recipe(tuning_mixture(data), data, stream, 10)

    usual, equal = recipe(), recipe(mixing=EqualMixing())
    assert usual['rates'] == {'snli': 0.6, 'rte': 0.4} and equal['rates'] == {'snli': 0.5, 'rte': 0.5}
    assert {**equal, 'rates': usual['rates']} == usual == recipe(mixing=ProportionalMixing(max_rate=12))


def test_mixing_is_refused_where_it_says_nothing(samples_dir, tmp_path):
    with pytest.raises(SettingsError, match=r'Data.mixing=@EqualMixing\(\) sets mixing rates'):
        Data(tfds_data_dir='unread', parts=(Part(name='a', mixture='rte'),), mixing=EqualMixing())
    (tmp_path / 'book.txt').write_text('A line.\n')
    with pytest.raises(UserError, match='Data.mixing only applies to'):
        tuning_mixture(Data(tfds_data_dir=samples_dir, mixture=f'text:{tmp_path}/book.txt', mixing=EqualMixing()))
