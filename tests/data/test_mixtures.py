"""Mixtures draw datasets as the paper does, and leave out what must not be seen."""

import pytest

from flan_jax import catalogue
from flan_jax.data.mixtures import members, missing_members, tuning_mixture
from flan_jax.data.settings import Data
from flan_jax.data.source import MissingDataError
from flan_jax.errors import UnknownName, UserError


def clusters_of(data):
    return {dataset.cluster.name for dataset in members(data)}


@pytest.mark.parametrize(
    ('held_out', 'left_out'),
    [
        ('sentiment', {'sentiment'}),
        ('natural_language_inference', {'natural_language_inference', 'paraphrase'}),
        ('paraphrase', {'natural_language_inference', 'paraphrase'}),
        ('reading_comprehension', {'reading_comprehension', 'reading_comprehension_with_commonsense'}),
        ('commonsense', {'commonsense', 'reading_comprehension_with_commonsense'}),
        (
            'reading_comprehension_with_commonsense',
            {'reading_comprehension_with_commonsense', 'reading_comprehension', 'commonsense'},
        ),
    ],
)
def test_cross_exclusions(held_out, left_out):
    assert clusters_of(Data(tfds_data_dir='unused', held_out=held_out)) == set(catalogue.CLUSTERS) - left_out


def test_the_whole_mixture_is_the_papers_62_datasets():
    everything = members(Data(tfds_data_dir='unused'))
    evaluated_only = {d.paper_name for d in catalogue.DATASETS.values() if d.splits.train is None}
    assert len({dataset.paper_name for dataset in everything} | evaluated_only) == 62


def test_rates_are_proportional_up_to_the_cap(real_data_dir):
    data = Data(tfds_data_dir=real_data_dir, mixture='natural_language_inference', allow_missing=True)
    mixture = tuning_mixture(data)
    rates = mixture.rates
    assert sum(rates.values()) == pytest.approx(1)
    assert rates['rte'] / rates['wnli'] == pytest.approx(1800 / 605)
    assert 'cb' not in rates and 'cb' in missing_members(data)


def test_rates_count_the_examples_that_the_filter_keeps(samples_dir):
    rates = tuning_mixture(Data(tfds_data_dir=samples_dir, mixture='natural_language_inference')).rates
    assert rates['snli'] / rates['rte'] == pytest.approx(12 / 8)  # 13 examples, one of them without a label


def test_missing_data_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(MissingDataError) as error:
        tuning_mixture(Data(tfds_data_dir=str(tmp_path), mixture='summarization'))
    assert 'flan-jax data download aeslc' in str(error.value)
    assert 'newsroom' in str(error.value) and 'by hand' in str(error.value)
    assert 'Data.allow_missing' in str(error.value)


def test_nothing_at_all_is_refused_even_if_missing_is_allowed(tmp_path):
    with pytest.raises(MissingDataError):
        tuning_mixture(Data(tfds_data_dir=str(tmp_path), allow_missing=True))


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UnknownName, match='did you mean sentiment'):
        members(Data(tfds_data_dir='unused', held_out='sentimant'))
    with pytest.raises(UnknownName, match='did you mean .*commonsense'):
        members(Data(tfds_data_dir='unused', mixture='comonsense'))


def test_holding_out_the_whole_mixture_is_refused():
    with pytest.raises(UserError, match='nothing left to tune on'):
        members(Data(tfds_data_dir='unused', mixture='sentiment', held_out='sentiment'))


def test_mixtures_are_joined_by_plus():
    joined = [d.name for d in members(Data(tfds_data_dir='unused', mixture='sentiment+trec+sst2'))]
    sentiment = [d.name for d in members(Data(tfds_data_dir='unused', mixture='sentiment'))]
    assert joined == [*sentiment, 'trec']
    with pytest.raises(UnknownName, match='trek'):
        members(Data(tfds_data_dir='unused', mixture='sentiment+trek'))
