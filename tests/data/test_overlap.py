"""Overlaps of rows are those of a reading that compares every text with every other, and whose words are strings."""

import dataclasses
import functools
import itertools
import json
import operator
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Keep
from flan_jax.data.overlap.compared import EvaluatedRows
from flan_jax.data.overlap.definition import CONTAINED, EQUAL, NONE, SHARED, SHORTEST, SHORTEST_ROW, shingle_size
from flan_jax.data.overlap.raw_texts import raw_texts, text_keys
from flan_jax.data.overlap.shingles import Texts, words_of
from flan_jax.data.overlap.wanted import Wanted
from flan_jax.data.prepared_source import PreparedSource, keep_usable
from flan_jax.data.source import prepared_builder


def stands_in(words, text):
    return any(text[i : i + len(words)] == words for i in range(len(text) - len(words) + 1))


def naive_kind(row, other, size):
    """How a row overlaps another, by the definition."""
    row, other = ([w for w in dict.fromkeys(tuple(words_of(t)) for t in texts) if w] for texts in (row, other))
    kind, longest = NONE, max(map(len, row), default=0)
    for words, text in itertools.product(row, other):
        n = min(size, len(words))
        if len(words) < SHORTEST or not any(stands_in(words[i : i + n], text) for i in range(len(words) - n + 1)):
            continue
        kind = max(kind, EQUAL if words == text else CONTAINED if stands_in(words, text) else SHARED)
    if sum(map(len, row)) >= SHORTEST_ROW and longest < SHORTEST:
        found = [w for w in row if any(stands_in(w, text) for text in other)]
        unlike = [w for i, w in enumerate(row) if not any(_inside(w, v, i, j) for j, v in enumerate(row))]
        anchored = any(len(w) == longest >= SHORTEST_ROW for w in found)
        if anchored and sum(len(w) for w in found if w in unlike) >= SHORTEST:
            kind = CONTAINED
        if sorted(row) == sorted(other):
            kind = EQUAL
    return kind


def _inside(words, others, place, other_place):
    return place != other_place and stands_in(words, others) and words != others


TEXT = st.lists(st.sampled_from('ab'), max_size=20).map(' '.join)
ROWS = st.lists(st.lists(TEXT, max_size=4), max_size=5)


@given(rows=ROWS, others=ROWS, size=st.integers(SHORTEST, 13))
@example([['a b a b', 'b b b b']], [['b b b b a', 'a a b a b']], 8)  # short texts that stand in one row
@example([['a b a b', 'b b b b']], [['b b b b a'], ['a a b a b']], 8)  # in two rows
@example([['a a a a b']], [['a a a a b']], 8)
@settings(max_examples=80)
def test_overlaps_are_those_of_the_definition(rows, others, size):
    sizes = np.full(len(rows), size)
    matches = Wanted([Texts.of(rows[:2]), Texts.of(rows[2:])], sizes).find(Texts.of(others))
    kinds = [[naive_kind(row, other, size) for other in others] for row in rows]
    assert matches.kinds.tolist() == [max(of_row, default=NONE) for of_row in kinds]
    assert matches.others.tolist() == [any(of_row[i] for of_row in kinds) for i in range(len(others))]


@given(ROWS, ROWS)
@settings(max_examples=30)
def test_what_is_read_in_parts_is_as_what_is_read_at_once(first, second):
    joined, whole = Texts.joined([Texts.of(first), Texts.of(second)]), Texts.of([*first, *second])
    assert joined.num_rows == whole.num_rows
    for name in ('words', 'starts', 'rows', 'hashes', 'longest'):
        assert np.array_equal(getattr(joined, name), getattr(whole, name))


def test_case_punctuation_and_tokenization_do_not_count():
    assert (
        words_of('“Did n’t he say: ‘It ’s 3.5 %’ ?”')
        == words_of("didn't he say it's 3,5")
        == (['didnt', 'he', 'say', 'its', '3', '5'])
    )
    assert words_of('Příliš žluťoučký\nKŮŇ') == ['příliš', 'žluťoučký', 'kůň']


@pytest.mark.parametrize(('lengths', 'size'), [([40] * 100, 13), ([9] * 6 + [40] * 94, 9), ([2] * 50, 8), ([], 8)])
def test_a_shingle_is_as_long_as_the_paper_says(lengths, size):
    assert shingle_size(np.array(lengths)) == size


def test_common_phrases_alone_are_no_overlap():
    rows = [['What is the best way to', 'the man'], ['Good morning!'], ['yes', 'no']]
    others = [['what is the best way to go there?', 'a woman'], ['Good morning!'], ['yes', 'no'], ['the man']]
    assert not Wanted([Texts.of(rows)], np.full(3, 8)).find(Texts.of(others)).kinds.any()


def test_a_line_inside_a_review_is_contained_and_the_review_shares_with_the_line():
    line = ['A gorgeous , witty , seductive and wholly original movie .']
    review = ['Five stars.', 'What can I say? A gorgeous, witty, seductive and wholly original movie; see it twice!']
    for row, other, kind in ((line, review, CONTAINED), (review, line, SHARED), (line, line, EQUAL)):
        assert Wanted([Texts.of([row])], np.full(1, SHORTEST)).find(Texts.of([other])).kinds == [kind]


def texts_by_tfds(dataset, split, data_dir):
    """The texts of the usable examples as TFDS decodes them; those of a row with several have its texts each."""
    alone = dataclasses.replace(dataset, expand=None)
    rows = keep_usable(PreparedSource(alone, data_dir).get_dataset(split, shuffle=False), dataset)
    for ex in rows.as_numpy_iterator():
        count = 1 if dataset.expand is None else len(next(iter(dataset.expand(ex).values())))
        found = (functools.reduce(operator.getitem, k.split('/'), ex) for k in text_keys(dataset, data_dir))
        values = [value for v in found for value in np.ravel(getattr(v, 'flat_values', v)).tolist()]
        yield from [[value.decode() for value in values if isinstance(value, bytes)]] * count


HALF_OF_SST2 = dataclasses.replace(
    catalogue.dataset('sst2'), keep=Keep('for this test', lambda ex: tf.math.equal(ex['label'], 1))
)


@pytest.mark.parametrize('dataset', [*map(catalogue.dataset, ('sst2', 'coqa', 'dart')), HALF_OF_SST2])
def test_rows_are_read_as_tfds_reads_them(dataset, samples_dir):
    found = [row for rows in raw_texts(dataset, 'test', samples_dir) for row in rows]
    assert found == list(texts_by_tfds(dataset, 'test', samples_dir)) and found[0]


def test_rows_of_several_files_come_in_the_order_of_tfds(tmp_path, samples_dir):
    """The numbers of rows in records are those of reading by TFDS, which takes the files of a split in turn."""
    source = tmp_path / 'glue/sst2/2.0.0'
    shutil.copytree(pathlib.Path(samples_dir) / 'glue/sst2/2.0.0', source)
    (file,) = source.glob('*validation*')
    records = list(tf.data.TFRecordDataset(str(file)).as_numpy_iterator()) * 20
    info = json.loads((source / 'dataset_info.json').read_text())
    shards = [records[:50], records[50:53], records[53:]]
    for index, shard in enumerate(shards):
        with tf.io.TFRecordWriter(str(source / f'sst2-validation.tfrecord-{index:05d}-of-00003')) as writer:
            for number, record in enumerate(shard):
                ex = tf.train.Example.FromString(record)
                ex.features.feature['sentence'].bytes_list.value[0] = f'{index} {number}'.encode()
                writer.write(ex.SerializeToString())
    of_split = next(split for split in info['splits'] if split['name'] == 'validation')
    of_split |= {'shardLengths': [str(len(shard)) for shard in shards]}
    of_split['filepathTemplate'] = 'sst2-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}'
    (source / 'dataset_info.json').write_text(json.dumps(info))
    prepared_builder.cache_clear()
    dataset = catalogue.dataset('sst2')
    found = [row for rows in raw_texts(dataset, 'test', str(tmp_path)) for row in rows]
    assert found == list(texts_by_tfds(dataset, 'test', str(tmp_path))) and len(found) == len(records)
    prepared_builder.cache_clear()


@pytest.mark.parametrize(
    ('evaluated', 'tuned', 'overlapping', 'of'), [('wsc', 'wnli', 76, 104), ('wnli', 'wsc', 43, 71)]
)
def test_winograd_schemas_of_two_clusters_are_found(evaluated, tuned, overlapping, of, real_data_dir):
    rows = EvaluatedRows([catalogue.dataset(evaluated)], real_data_dir)
    found = rows.found_in(raw_texts(catalogue.dataset(tuned), 'train', real_data_dir))
    kinds = found.kinds[rows.slices[evaluated]['test']]
    assert len(kinds) == of and (kinds == EQUAL).sum() == overlapping
    assert len(found.dirty(evaluated, 'test')) >= overlapping
