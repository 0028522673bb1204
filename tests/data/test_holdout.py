"""What is held out is proven to be held out, and what is shared all the same is counted."""

import dataclasses
import json
import shutil

import pytest

from flan_jax import catalogue
from flan_jax.command import main
from flan_jax.data import prepare
from flan_jax.data.few_shot import exemplar_pool
from flan_jax.data.holdout import HoldOutError, check_declarations, overlapping_clusters, prove, shared_texts
from flan_jax.data.members import members
from flan_jax.data.mixtures import tuning_mixture, usable_examples
from flan_jax.data.overlap.drop import overlapping_examples
from flan_jax.data.overlap.raw_texts import raw_texts
from flan_jax.data.overlap.shingles import words_of
from flan_jax.data.parts import Part
from flan_jax.data.settings import Data
from flan_jax.data.source import prepared_builder
from flan_jax.errors import UserError

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
    with pytest.raises(HoldOutError, match='sst2: in the tuning mixture, although in a held-out cluster'):
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


@pytest.mark.parametrize(
    ('mixture', 'parts', 'held_out'),
    [
        ('natural_language_inference+sst2', (), 'reading_comprehension'),
        ('rte+rte_few_shot+sst2', (), 'reading_comprehension+closed_book_qa'),
        ('a title', (Part(name='a', mixture='rte'), Part(name='b', mixture='rte+sst2')), 'reading_comprehension'),
    ],
)
def test_what_overlaps_can_be_dropped_and_then_nothing_does(prepared, mixture, parts, held_out):
    """In all forms of a dataset and all parts, whatever else is held out."""
    prepared_builder.cache_clear()
    overlapping_examples.cache_clear()
    data = Data(tfds_data_dir=prepared, mixture=mixture, parts=parts, held_out=held_out, allow_missing=True)
    evaluated = [catalogue.dataset('bool_q')]
    before, after = prove(data, evaluated), prove(dataclasses.replace(data, drop_overlaps=True), evaluated)
    assert [o['tuned'] for o in before['overlaps']] == ['rte'] and not before['compared']['dropped']
    assert after['overlaps'] == [] and after['compared']['dropped'] == {'rte': 6}  # of nine: a third is the tail


def test_a_dataset_keeps_what_does_not_overlap(prepared, tmp_path):
    texts = [PASSAGE, 'Something else.']
    rows = [{'premise': texts[i % 2], 'hypothesis': 'It is long.', 'label': 0, 'idx': i} for i in range(18)]
    file = tmp_path / 'rte.jsonl'
    file.write_text(''.join(f'{json.dumps(row)}\n' for row in rows))
    shutil.rmtree(tmp_path / 'super_glue/rte')
    prepare.write_dataset(catalogue.dataset('rte').source, {'train': file}, prepared, origin='test')
    prepared_builder.cache_clear()
    overlapping_examples.cache_clear()
    data = Data(tfds_data_dir=prepared, mixture='rte_few_shot', held_out='reading_comprehension', drop_overlaps=True)
    mixture = tuning_mixture(data)
    (member,) = mixture.members.values()
    kept = [row for rows in raw_texts(member.dataset, 'train', prepared) for row in rows]
    assert {row[1] for row in kept} == {'Something else.'} and mixture.dropped['rte'].examples > 0
    assert usable_examples(member.dataset, 'train', prepared) == len(kept)
    pool = exemplar_pool(member.dataset, prepared, 0)
    assert set(pool['premise'].numpy()) == {b'Something else.'}


def test_dropping_needs_something_held_out(samples_dir):
    with pytest.raises(UserError, match='Data.drop_overlaps = True needs HELD_OUT'):
        tuning_mixture(Data(tfds_data_dir=samples_dir, mixture='sst2', drop_overlaps=True))


def test_the_catalogue_s_overlaps_are_a_table(prepared, capsys):
    prepared_builder.cache_clear()
    assert main.main(['data', 'overlaps', 'reading_comprehension', f'--data_dir={prepared}']) == 0
    (line,) = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip().startswith('bool_q')]
    clusters = ['reading_comprehension', 'in', 'natural_language_inference']
    counts = ['9', '9', '9', '0', '0', '13']  # examples, of, equal, contained, shared, words of a shingle
    assert line == ['bool_q', 'rte', *clusters, 'no', *counts]
    assert main.main(['data', 'overlaps', 'readings']) == 2
