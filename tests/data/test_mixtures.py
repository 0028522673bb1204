"""Mixtures draw datasets as the paper does, and leave out what must not be seen."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import seqio
import tensorflow_datasets as tfds

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Splits
from flan_jax.data import prepare
from flan_jax.data.formats.plain import Plain
from flan_jax.data.members import FORMS, REGISTERED, members, resolve
from flan_jax.data.mixtures import missing_members, tuning_mixture
from flan_jax.data.seqio_tasks import training_task
from flan_jax.data.settings import Data
from flan_jax.data.source import MissingDataError, data_fingerprint
from flan_jax.errors import UnknownName, UserError
from flan_jax.tokenizers.vocabulary import Vocabulary


def clusters_of(data):
    return {member.dataset.cluster.name for member in members(data)}


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
    assert clusters_of(Data(tfds_data_dir='unread', held_out=held_out)) == set(catalogue.paper_clusters()) - left_out


def test_the_whole_mixture_is_the_papers_62_datasets():
    everything = [member.dataset for member in members(Data(tfds_data_dir='unread'))]
    evaluated_only = {d.paper_name for d in catalogue.DATASETS.values() if d.splits.train is None}
    assert len({dataset.paper_name for dataset in everything} | evaluated_only) == 62


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Prepares datasets of any number of training examples, adds them to the catalogue and mixes them."""

    def make(**sizes):
        for name, size in sizes.items():
            features = {'text': tfds.features.Text(), 'label': np.int64}
            file = tmp_path / f'{name}.jsonl'
            file.write_text(''.join(json.dumps({'text': f'a{i}', 'label': i % 2}) + '\n' for i in range(size)))
            source = f'{name}:1.0.0'
            prepare.write_dataset(source, {'train': file}, str(tmp_path), 'test', features)
            dataset = dataclasses.replace(
                catalogue.dataset('sst2'),
                name=name,
                source=source,
                features=features,
                fields={field: 'text' for field in catalogue.dataset('sst2').fields},
                splits=Splits(validation=None, test='test'),
            )
            monkeypatch.setitem(catalogue.DATASETS, name, dataset)
        return Data(tfds_data_dir=str(tmp_path), mixture='+'.join(sizes))

    return make


def test_rates_are_proportional_up_to_the_cap(tiny):
    """FLAN, footnote 2: 3,000 at most, so that 3,400 and 3,100 examples count the same."""
    rates = tuning_mixture(tiny(small=600, large=3_100, larger=3_400)).rates
    assert rates == pytest.approx({'small': 600 / 6_600, 'large': 3_000 / 6_600, 'larger': 3_000 / 6_600})


def test_datasets_that_are_not_prepared_may_be_left_out(samples_dir, tmp_path):
    shutil.copytree(f'{samples_dir}/glue/sst2', tmp_path / 'glue' / 'sst2')
    data = Data(tfds_data_dir=str(tmp_path), mixture='sentiment', allow_missing=True)
    assert list(tuning_mixture(data).rates) == ['sst2'] and 'imdb_reviews' in missing_members(data)


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
        members(Data(tfds_data_dir='unread', held_out='sentimant'))
    with pytest.raises(UnknownName, match='did you mean .*commonsense'):
        members(Data(tfds_data_dir='unread', mixture='comonsense'))


def test_holding_out_the_whole_mixture_is_refused():
    with pytest.raises(UserError, match='nothing left to tune on'):
        members(Data(tfds_data_dir='unread', mixture='sentiment', held_out='sentiment'))


def test_mixtures_are_joined_by_plus():
    joined = [member.task for member in members(Data(tfds_data_dir='unread', mixture='sentiment+trec+sst2'))]
    sentiment = [member.task for member in members(Data(tfds_data_dir='unread', mixture='sentiment'))]
    assert joined == [*sentiment, 'trec']
    with pytest.raises(UnknownName, match='trek'):
        members(Data(tfds_data_dir='unread', mixture='sentiment+trek'))


def test_a_name_with_a_form_is_that_form(samples_dir):
    """Task by task as SeqIO's registries have it: name, templates, exemplars."""
    for name in ('flan_few_shot', 'flan_first_4_templates', 'flan_without_paraphrase_no_template', 'flan_dataset_name'):
        registered = sorted(seqio.MixtureRegistry.get(REGISTERED + name).tasks, key=lambda task: task.name)
        resolved = sorted(members(Data(tfds_data_dir='unread', mixture=name)), key=lambda member: member.task)
        assert [REGISTERED + member.task for member in resolved] == [task.name for task in registered]
        for member, task in zip(resolved, registered):
            assert member.dataset.templates == task.source.dataset.templates
            assert member.shots == (16 if 'few_shot' in name else 0)


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('name', ['flan', 'sentiment', 'sst2+rte', 'flan_without_commonsense', 'flan_first_7_clusters'])
def test_no_name_gets_around_the_hold_out(name, form):
    data = Data(tfds_data_dir='unread', mixture='+'.join(part + form for part in name.split('+')), held_out='sentiment')
    if name == 'sentiment':
        with pytest.raises(UserError, match='nothing left to tune on'):
            members(data)
    else:
        assert 'sentiment' not in clusters_of(data) and clusters_of(dataclasses.replace(data, held_out=None)) != set()


def test_the_hold_out_applies_to_what_is_packed(samples_dir):
    data = Data(tfds_data_dir=samples_dir, mixture='sst2_few_shot+rte_few_shot', held_out='sentiment')
    mixture = tuning_mixture(data)
    assert list(mixture.rates) == ['rte_few_shot'] and mixture.members['rte_few_shot'].shots == 16
    with pytest.raises(UserError, match='nothing left to tune on'):
        tuning_mixture(dataclasses.replace(data, mixture='sst2_few_shot'))


def test_a_mixture_may_join_forms(samples_dir):
    data = Data(tfds_data_dir=samples_dir, mixture='flan+flan_few_shot', held_out='sentiment')
    mixture = tuning_mixture(data)
    zero_shot = [name for name, member in mixture.members.items() if not member.shots]
    assert [f'{name}_few_shot' for name in zero_shot] == [name for name in mixture.members if name not in zero_shot]
    assert len(mixture.rates) == 2 * len(zero_shot) and 'sentiment' not in map(mixture.cluster_of, mixture.rates)


@pytest.mark.parametrize(
    ('mixture', 'kept'),
    [(f'{REGISTERED}sst2_template_3', set()), ('their_mixture', {f'{REGISTERED}rte_template_0_rank'})],
)
def test_what_is_registered_elsewhere_is_held_out_by_what_it_reads(mixture, kept, samples_dir):
    if 'their_mixture' not in seqio.MixtureRegistry.names():
        tasks = [f'{REGISTERED}{name}' for name in ('sst2_template_3', 'rte_template_0_rank')]
        seqio.MixtureRegistry.add('their_mixture', tasks, default_rate=1.0)
    data = Data(tfds_data_dir=samples_dir, mixture=mixture, held_out='sentiment')
    if kept:
        assert set(tuning_mixture(data).rates) == set(tuning_mixture(data).datasets) == kept
    else:
        with pytest.raises(UserError, match='nothing left to tune on'):
            tuning_mixture(data)
    assert 'sst2' in {
        dataset.name for dataset in tuning_mixture(dataclasses.replace(data, held_out=None)).datasets.values()
    }
    seqio.set_tfds_data_dir_override(None)


def test_what_cannot_be_resolved_refuses_to_hold_out(samples_dir, tmp_path):
    if 'their_task' not in seqio.TaskRegistry.names():
        template = training_task(catalogue.dataset('rte'), Vocabulary(), samples_dir)
        source = seqio.FunctionDataSource(lambda split, shuffle_files, seed=None: None, splits=('train',))
        seqio.TaskRegistry.add('their_task', source=source, output_features=template.output_features, preprocessors=[])
    (tmp_path / 'book.txt').write_text('A line.\n')
    for mixture in ('their_task', f'text:{tmp_path}/book.txt'):
        data = Data(tfds_data_dir=samples_dir, mixture=mixture, held_out='sentiment')
        with pytest.raises(UserError, match="HELD_OUT='sentiment' cannot be left out"):
            tuning_mixture(data)
        assert tuning_mixture(dataclasses.replace(data, held_out=None)).rates
    seqio.set_tfds_data_dir_override(None)


@pytest.mark.parametrize(
    ('name', 'settings'),
    [
        ('flan_few_shot', {'shots': 4}),
        ('flan_no_template', {'instructions': 'dataset_name'}),
        ('flan_first_4_templates', {'templates_per_dataset': 2}),
    ],
)
def test_name_and_settings_may_not_speak_of_two_forms(name, settings):
    with pytest.raises(UserError, match='leave out one of the two'):
        members(Data(tfds_data_dir='unread', mixture=name, **settings))


def test_name_and_settings_may_complete_each_other():
    (member,) = members(Data(tfds_data_dir='unread', mixture='rte_first_4_templates', shots=2))
    assert (member.task, len(member.dataset.templates), member.shots) == ('rte_first_4_templates', 4, 2)


def test_registered_tasks_have_their_own_prompt_format(samples_dir):
    data = Data(tfds_data_dir=samples_dir, mixture=f'{REGISTERED}sst2_template_3')
    with pytest.raises(UserError, match='its own prompt format'):
        tuning_mixture(data, Plain())
    with pytest.raises(UserError, match=f"in SeqIO's registries as '{REGISTERED}sst2_template_3'"):
        members(dataclasses.replace(data, mixture='sst2_template_3'))
    seqio.set_tfds_data_dir_override(None)
    with pytest.raises(UserError, match=f"{REGISTERED}rte' is a name of SeqIO's registries, .* joined with no other"):
        tuning_mixture(Data(tfds_data_dir=samples_dir, mixture=f'{REGISTERED}rte+sst2'))


def test_names_are_resolved_by_their_longest_known_part():
    assert resolve('flan_first_3_clusters')[1] == '' and resolve('flan_first_4_templates')[1] == '_first_4_templates'
    with pytest.raises(UnknownName, match='rte_first_3_templates'):
        resolve('rte_first_3_templates')


@pytest.mark.parametrize(('examples', 'expected'), [(5, 5), (31_000, 30_000)])
def test_fewer_examples_of_a_dataset_are_never_more(examples, expected):
    (member,) = members(Data(mixture='fix_punct', tfds_data_dir='nowhere', examples_per_dataset=examples))
    assert member.dataset.splits.train_examples == expected


def test_other_rows_of_the_same_data_are_other_data(samples_dir):
    rte = catalogue.dataset('rte')
    fewer = dataclasses.replace(rte, splits=dataclasses.replace(rte.splits, train_examples=3))
    assert data_fingerprint(rte, samples_dir) != data_fingerprint(fewer, samples_dir)
