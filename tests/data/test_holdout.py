"""What is held out is proven to be held out, and what is shared all the same is counted."""

import dataclasses
import json
import shutil

import pytest

from flan_jax import catalogue
from flan_jax.data import prepare
from flan_jax.data.holdout import HoldOutError, check_declarations, overlapping_clusters, prove, shared_texts
from flan_jax.data.members import members
from flan_jax.data.settings import Data
from flan_jax.data.shingles import words_of
from flan_jax.data.source import prepared_builder

PASSAGE = 'The Danube is the second longest river in Europe, after the Volga in Russia.'


@pytest.fixture
def prepared(samples_dir, tmp_path):
    """A data directory in which training examples of RTE hold the passage of BoolQ's test examples, in capitals."""
    for name in ('super_glue/rte', 'bool_q', 'glue/sst2'):
        shutil.copytree(f'{samples_dir}/{name}', tmp_path / name)
    examples = {
        'rte': {'premise': PASSAGE.upper() + '  ', 'hypothesis': 'The Volga is long.', 'label': 0, 'idx': 0},
        'bool_q': {'passage': PASSAGE, 'question': 'is the volga longer', 'title': 'Danube', 'answer': True},
    }
    for name, ex in examples.items():
        dataset = catalogue.dataset(name)
        shutil.rmtree(tmp_path / dataset.source_name)
        split = 'train' if name == 'rte' else 'validation'
        file = tmp_path / f'{name}.jsonl'
        file.write_text(f'{json.dumps(ex)}\n' * 9)
        prepare.write_dataset(dataset.source, {split: file}, str(tmp_path), origin='test')
    return str(tmp_path)


def test_every_held_out_cluster_can_be_proven(samples_dir):
    """No source is shared by clusters that are not left out together, over the whole catalogue."""
    for name in catalogue.CLUSTERS:
        tuned = [member.dataset for member in members(Data(tfds_data_dir=samples_dir, held_out=name))]
        check_declarations(catalogue.clusters_left_out(name), tuned, catalogue.datasets_in(name))


def test_a_dataset_of_a_cluster_left_out_is_refused(samples_dir):
    data = Data(tfds_data_dir=samples_dir, mixture='sst2+rte', held_out='sentiment')
    proof = prove(data, catalogue.datasets_in('sentiment'))
    assert list(proof['compared']['tuned']) == ['rte']  # the mixture leaves sst2 out by itself
    with pytest.raises(HoldOutError, match='sst2: tuned on, although of a cluster left out'):
        check_declarations(('sentiment',), [catalogue.dataset('sst2')], [])


def test_a_shared_source_is_refused():
    twin = dataclasses.replace(
        catalogue.dataset('sst2'), name='twin', cluster=catalogue.cluster('miscellaneous'), source='glue/sst2:1.0.0'
    )
    with pytest.raises(HoldOutError, match='sst2 and twin are both read from glue/sst2'):
        check_declarations(('sentiment',), [twin], [catalogue.dataset('sst2')])


def test_shared_texts_are_counted_by_example(prepared):
    prepared_builder.cache_clear()
    (found,) = shared_texts([catalogue.dataset('bool_q')], [catalogue.dataset(n) for n in ('rte', 'sst2')], prepared)
    assert (found.evaluated, found.tuned, found.examples, found.equal, found.of) == ('bool_q', 'rte', 9, 9, 9)
    assert found.text in ' '.join(words_of(PASSAGE)) and found.text
    ((evaluated, tuned, _),) = overlapping_clusters([vars(found)])
    assert (evaluated, tuned) == ('reading_comprehension', 'natural_language_inference')


def test_nothing_is_shared_by_the_samples_of_two_clusters(samples_dir):
    assert not shared_texts(catalogue.datasets_in('commonsense'), catalogue.datasets_in('sentiment'), samples_dir)


def test_a_proof_of_the_same_data_is_not_made_again(samples_dir):
    data = Data(tfds_data_dir=samples_dir, mixture='coreference+sentiment', held_out='sentiment')
    evaluated = catalogue.datasets_in('sentiment')
    proof = prove(data, evaluated)
    marked = proof | {'overlaps': 'kept'}
    assert prove(data, evaluated, marked) == marked
    assert prove(data, evaluated[:1], marked)['overlaps'] == []
