"""Running text passes through the same stream, every token of it once."""

import json

import numpy as np
import pytest

from flan_jax.data import prepare, source
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.mixtures import tuning_mixture
from flan_jax.data.settings import Data
from flan_jax.data.text import fingerprint, text_task
from flan_jax.errors import UserError
from flan_jax.packing.pack import packed_sequences, sampled_examples
from flan_jax.packing.settings import Stream
from flan_jax.tokenizers.vocabulary import Vocabulary

LENGTHS = {'inputs': 2, 'targets': 30}
PARAGRAPHS = [f'Paragraph {n}: the river {"rose and " * (n % 7)}fell.' for n in range(600)] + [
    '',
    'The end — ça y est. 🙂',
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'a.txt').write_text('\n'.join(PARAGRAPHS[:300]) + '\n')
    (tmp_path / 'b.txt').write_text('\n'.join(PARAGRAPHS[300:]) + '\n')
    return tmp_path


def pieces_of(mixture, data_dir=''):
    task = text_task(mixture, Vocabulary(), data_dir)
    return list(read_examples(task, LENGTHS, split='train', shuffle=False).as_numpy_iterator())


def test_every_token_appears_once_and_in_order(folder):
    pieces = pieces_of(f'text:{folder}/*.txt')
    found = np.concatenate([part for piece in pieces for part in (piece['inputs'], piece['targets'])])
    vocabulary = Vocabulary()
    expected = [token for text in PARAGRAPHS for token in vocabulary.encode(text) + vocabulary.encode('\n')]
    assert found.tolist() == expected
    assert all(len(piece['inputs']) == 1 and 0 < len(piece['targets']) <= 30 for piece in pieces)


def test_documents_of_a_tfds_dataset_end_in_eos(samples_dir):
    pieces = pieces_of('tfds:ag_news_subset:1.0.0:description', samples_dir)
    found = np.concatenate([part for piece in pieces for part in (piece['inputs'], piece['targets'])])
    builder = source.prepared_builder('ag_news_subset:1.0.0', samples_dir)
    documents = [ex['description'].decode() for ex in builder.as_dataset(split='train').as_numpy_iterator()]
    vocabulary = Vocabulary()
    expected = [token for text in documents for token in [*vocabulary.encode(text), vocabulary.eos_id]]
    assert found.tolist() == expected


def test_no_piece_holds_two_documents(samples_dir):
    vocabulary = Vocabulary()
    for piece in pieces_of('tfds:ag_news_subset:1.0.0:description', samples_dir):
        tokens = [*piece['inputs'].tolist(), *piece['targets'].tolist()]
        assert vocabulary.eos_id not in tokens[:-1]


def test_text_is_packed_like_any_mixture(folder):
    data = Data(tfds_data_dir='unused', mixture=f'text:{folder}/*.txt')
    settings = Stream(sequence_length=32, input_length=2, target_length=30)
    sequences = list(packed_sequences(tuning_mixture(data), settings, 20))
    assert all(len(sequence.tokens) <= 32 for sequence in sequences)
    assert np.mean([len(sequence.tokens) for sequence in sequences]) > 30
    again = sampled_examples(tuning_mixture(data), settings)
    assert (
        next(again).responses[0].tolist()
        == next(sampled_examples(tuning_mixture(data), settings)).responses[0].tolist()
    )


def test_a_word_put_right_is_another_text(folder):
    mixture = f'text:{folder}/*.txt'
    before = fingerprint(mixture, '')
    assert fingerprint(mixture, '') == before
    text = (folder / 'b.txt').read_text()
    (folder / 'b.txt').write_text(text.replace('The end', 'An end'))  # as many bytes
    after = fingerprint(mixture, '')
    assert [name for name in before if before[name] != after[name]] == [str(folder / 'b.txt')]


def test_a_dataset_prepared_anew_is_another_text(tmp_path):
    found = []
    for colour in ('blue', 'grey'):
        file, data_dir = tmp_path / f'{colour}.jsonl', str(tmp_path / colour)
        file.write_text(json.dumps({'sentence': f'The sea is {colour}.', 'label': 1, 'idx': 0}) + '\n')
        prepare.write_dataset('glue/sst2:2.0.0', {'train': file}, data_dir, origin='')
        found.append(fingerprint('tfds:glue/sst2:2.0.0:sentence', data_dir))
    (before, after) = (of['glue/sst2:2.0.0'] for of in found)
    assert before[:2] == after[:2] and before != after


@pytest.mark.parametrize(
    ('mixture', 'message'),
    [
        ('text:nowhere/*.txt', 'no file matches'),
        ('tfds:ag_news_subset:1.0.0:body', 'has the fields'),
        ('tfds:ag_news_subset', 'name a TFDS dataset and its field'),
    ],
)
def test_text_that_is_not_there_is_named(samples_dir, mixture, message):
    with pytest.raises(UserError, match=message):
        tuning_mixture(Data(tfds_data_dir=samples_dir, mixture=mixture))
