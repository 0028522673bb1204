"""Parts of a mixture have the weights they are given, and no part gets around the hold-out."""

import dataclasses
import shutil

import numpy as np
import pytest

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dialogue
from flan_jax.data.holdout import check_declarations
from flan_jax.data.members import members
from flan_jax.data.mixtures import missing_members, tuning_mixture
from flan_jax.data.parts import Part
from flan_jax.data.settings import Data
from flan_jax.data.shares import FORMS, shares_of
from flan_jax.errors import UserError
from flan_jax.packing.pack import stream_recipe, write_stream
from flan_jax.packing.settings import Stream
from flan_jax.packing.stream import PackedStream
from flan_jax.settings import SettingsError

DRAWN = {'few_shot': 0.5, 'hidden': 0.5, 'lettered': 0.5, 'shuffled': 0.5}
PARTS = (
    Part(name='flan2021', mixture='flan', weight=0.4, max_rate=30_000, **DRAWN),
    Part(name='cot', mixture='chain_of_thought', weight=0.05, inverted=0.23, **DRAWN),
    Part(name='talk', mixture='dialogue', weight=0.03, inverted=0.23, **DRAWN),
)
SMALL = (
    Part(name='a', mixture='trec+rte_first_4_templates', weight=3.0, **DRAWN),
    Part(name='b', mixture='gsm8k', weight=1.0, **DRAWN),
)

ONE = (Part(name='a', mixture='copa', **DRAWN),)


def data_of(parts, data_dir='unread', **settings):
    return Data(tfds_data_dir=data_dir, mixture='a title', parts=parts, **settings)


@pytest.mark.parametrize('held_out', [*catalogue.CLUSTERS, 'sentiment+dialogue'])
def test_no_part_gets_around_the_hold_out(held_out):
    left_out = catalogue.clusters_left_out(held_out)
    found = [member.dataset for member in members(data_of(PARTS, held_out=held_out))]
    assert found and not {dataset.cluster.name for dataset in found} & set(left_out)
    assert not {cluster for dataset in found for cluster in dataset.held_out_with} & set(left_out)
    check_declarations(left_out, found, catalogue.datasets_in(held_out.partition('+')[0]))


@pytest.mark.parametrize(
    ('held_out', 'gone'),
    [
        ('natural_language_inference', {'esnli'}),
        ('paraphrase', {'esnli'}),
        ('commonsense', {'strategy_qa'}),
        ('closed_book_qa', {'strategy_qa', 'qasc'}),
        ('sentiment', set()),
    ],
)
def test_chain_of_thought_is_held_out_with_its_questions(held_out, gone):
    every = {dataset.name for dataset in catalogue.datasets_in('chain_of_thought')}
    left = {m.dataset.name for m in members(data_of(PARTS, held_out=held_out)) if m.part.name == 'cot'}
    assert every - left == gone


def test_holding_out_chain_of_thought_leaves_out_what_shares_its_questions():
    left_out = catalogue.clusters_left_out('chain_of_thought')
    assert {'natural_language_inference', 'closed_book_qa', 'commonsense', 'miscellaneous'} < set(left_out)
    assert {name for dataset in catalogue.DATASETS.values() for name in dataset.held_out_with} <= set(
        catalogue.CLUSTERS
    )


def test_parts_are_weighed_and_their_datasets_in_proportion(samples_dir):
    rates = tuning_mixture(data_of(SMALL, samples_dir)).rates
    assert rates['b_gsm8k'] == pytest.approx(1 / 4)
    examples = {'a_trec': 0, 'a_rte_first_4_templates': 0}
    for task in tuning_mixture(data_of(SMALL, samples_dir)).seqio.tasks:
        if task.name in examples:
            examples[task.name] = task.source.num_input_examples('train')
    for name, count in examples.items():
        assert rates[name] == pytest.approx(3 / 4 * count / sum(examples.values()))
    capped = tuning_mixture(data_of((dataclasses.replace(SMALL[0], max_rate=2), SMALL[1]), samples_dir)).rates
    assert capped['a_trec'] == capped['a_rte_first_4_templates'] == pytest.approx(3 / 8)


def test_a_part_that_is_missing_gives_its_weight_away(samples_dir, tmp_path):
    shutil.copytree(f'{samples_dir}/trec', tmp_path / 'trec')
    data = data_of(SMALL, str(tmp_path), allow_missing=True)
    assert tuning_mixture(data).rates == {'a_trec': 1.0} and missing_members(data) == ('rte', 'gsm8k')


def test_shares_add_up(samples_dir):
    *of_datasets, total = shares_of(tuning_mixture(data_of(SMALL, samples_dir)))
    assert total.share == pytest.approx(1) and total.forms['zero-shot'] + total.forms['few-shot'] == pytest.approx(1)
    for part in SMALL:
        whole = next(shares for shares in of_datasets if shares.part == part.name and not shares.dataset)
        each = [shares for shares in of_datasets if shares.part == part.name and shares.dataset]
        for name in FORMS:
            assert whole.forms[name] == pytest.approx(sum(shares.forms[name] for shares in each))
    options = [total.forms[name] for name in ('hidden', 'listed', 'lettered')]
    assert sum(options) == pytest.approx(3 / 4)  # all but gsm8k


def test_what_is_said_twice_is_refused(samples_dir):
    for settings in ({'mixture': 'flan'}, {'shots': 2}, {'instructions': 'none'}):
        with pytest.raises(UserError, match='Data.parts defines'):
            members(Data(tfds_data_dir='unread', **{'mixture': 'a title', 'parts': SMALL} | settings))
    with pytest.raises(UserError, match='use rte instead of rte_few_shot'):
        members(data_of((Part(name='a', mixture='rte_few_shot'),)))
    with pytest.raises(SettingsError, match='the names of parts must differ'):
        data_of((SMALL[0], SMALL[0]))


def test_a_number_of_examples_holds_for_all_parts(samples_dir):
    data = data_of(SMALL, samples_dir, examples_per_dataset=3)
    tasks = tuning_mixture(data).seqio.tasks
    assert {task.source.num_input_examples('train') for task in tasks} == {3}


def test_dialogues_are_refused(monkeypatch):
    talk = dataclasses.replace(
        catalogue.dataset('gsm8k'), name='talk', dialogue=Dialogue(history='h', system='s', context='c')
    )
    monkeypatch.setitem(catalogue.DATASETS, 'talk', talk)
    with pytest.raises(UserError, match='talk may have earlier turns'):
        members(data_of((Part(name='a', mixture='trec+talk'),)))


@pytest.fixture(scope='module')
def settings(tmp_path_factory):
    return Stream(
        directory=str(tmp_path_factory.mktemp('streams')), sequence_length=256, input_length=192, target_length=64,
        targets_per_sequence=128, window=4,
    )  # fmt: skip


@pytest.fixture(scope='module')
def stream(samples_dir, settings):
    return PackedStream(write_stream(data_of(ONE, samples_dir), settings, 16))


def test_the_stream_is_a_pure_function_of_its_recipe(stream, samples_dir, settings, tmp_path):
    elsewhere = dataclasses.replace(settings, directory=str(tmp_path))
    longer = PackedStream(write_stream(data_of(ONE, samples_dir), elsewhere, 20))
    assert [s.to_bytes() for s in longer.sequences(range(16))] == [s.to_bytes() for s in stream.sequences(range(16))]


def test_the_stream_goes_on_from_the_middle_and_is_shared_by_processes(stream):
    whole = list(stream.batches(0, 4, batch_size=4))
    for ours, expected in zip(stream.batches(2, 4, batch_size=4), whole[2:], strict=True):
        for name in expected:
            np.testing.assert_array_equal(ours[name], expected[name])
    for ours, expected in zip(stream.batches(0, 4, 4, indices=[1, 3]), whole, strict=True):
        np.testing.assert_array_equal(ours['tokens'], expected['tokens'][[1, 3]])


def test_every_share_is_a_part_of_the_recipe_and_none_of_those_without_parts(samples_dir, settings):
    def recipe(data):
        return stream_recipe(tuning_mixture(data), data, settings, 4)

    plain = recipe(Data(tfds_data_dir=samples_dir, mixture='trec'))
    assert not {'parts', 'drawing'} & plain.keys()
    drawn = recipe(data_of(SMALL, samples_dir))
    for change in ({'few_shot': 0.4}, {'hidden': 0.1}, {'shuffled': 0.0}, {'inverted': 0.1}, {'max_shots': 2}):
        assert recipe(data_of((dataclasses.replace(SMALL[0], **change), SMALL[1]), samples_dir)) != drawn
