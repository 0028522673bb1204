"""A certificate says what of the evaluated examples stands in a stream or corpus, and scores follow from records."""

import json
import shutil

import pytest

from flan_jax import catalogue
from flan_jax.data import prepare
from flan_jax.data.overlap.corpus import check_corpus, corpus_texts
from flan_jax.data.overlap.shingles import words_of
from flan_jax.data.settings import Data
from flan_jax.data.source import MissingDataError, prepared_builder
from flan_jax.errors import UserError
from flan_jax.evaluation import contamination, records
from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.records import ModelRecords
from flan_jax.evaluation.settings import Evaluation
from flan_jax.packing.pack import write_stream
from flan_jax.packing.settings import Stream
from flan_jax.packing.stream import PackedStream
from flan_jax.reports.clean_scores import clean_lines
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests.evaluation.test_records import ranked_record

PASSAGES = [
    ' '.join(f'{river}{letter}' for letter in 'abcdefghijklm')
    for river in ('danube', 'rhine', 'loire', 'tagus', 'meuse', 'rhone')
]
QUESTIONS = [f'is the {letter * 3} longer' for letter in 'abcdef']


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory, samples_dir):
    """RTE's training examples hold the first two passages of BoolQ's test examples."""
    folder = tmp_path_factory.mktemp('contaminated')
    shutil.copytree(f'{samples_dir}/glue/sst2', folder / 'glue/sst2')
    rows = {
        'rte': [{'premise': PASSAGES[i % 2], 'hypothesis': 'It is long.', 'label': i % 2, 'idx': i} for i in range(12)],
        'bool_q': [
            {'passage': passage, 'question': question, 'title': 'River', 'answer': True}
            for passage, question in zip(PASSAGES, QUESTIONS)
        ],
    }
    for name, examples in rows.items():
        file = folder / f'{name}.jsonl'
        file.write_text(''.join(f'{json.dumps(ex)}\n' for ex in examples))
        split = 'train' if name == 'rte' else 'validation'
        prepare.write_dataset(catalogue.dataset(name).source, {split: file}, str(folder), origin='test')
    return str(folder)


def evaluated():
    return {'bool_q': catalogue.dataset('bool_q')}


@pytest.fixture(scope='module')
def stream(data_dir, tmp_path_factory):
    """A stream of RTE zero-shot and few-shot, and of a dataset that shares nothing."""
    data = Data(tfds_data_dir=data_dir, mixture='rte+rte_few_shot+sst2')
    folder = str(tmp_path_factory.mktemp('streams'))
    settings = Stream(directory=folder, sequence_length=320, input_length=256, target_length=32, window=4)
    return PackedStream(write_stream(data, settings, 8))


def dirty_rows(data_dir):
    """The places of the first two passages; TFDS shuffles what it writes."""
    from flan_jax.data.overlap.raw_texts import raw_texts

    rows = [row for rows in raw_texts(catalogue.dataset('bool_q'), 'test', data_dir) for row in rows]
    return [index for index, row in enumerate(rows) if set(row) & set(PASSAGES[:2])]


def test_what_stands_in_the_stream_is_dirty(stream, data_dir):
    found = contamination.of_stream(stream, Vocabulary(), evaluated(), data_dir)
    assert found['datasets']['bool_q']['dirty']['test'] == dirty_rows(data_dir)
    assert set(found['datasets']['bool_q']['by_task']) == {'rte', 'rte_few_shot'}
    assert found['read']['stream'] == stream.manifest.fingerprint and found['read']['sequences'] == 8


def test_every_word_of_the_stream_is_searched(stream, data_dir):
    vocabulary = Vocabulary()
    found = contamination.of_stream(stream, vocabulary, evaluated(), data_dir)
    words = 0
    for example in (example for sequence in stream.sequences(range(8)) for example in sequence.examples()):
        texts = {tuple(words_of(text)): None for text in whole_texts(example, vocabulary)}
        words += sum(map(len, texts))
    assert found['read']['words'] == words > 100


def whole_texts(example, vocabulary):
    """The texts of an example, token by token."""
    for tokens in (example.prompt, *example.responses):
        text = []
        for token in tokens.tolist():
            if token == vocabulary.eos_id:
                yield vocabulary.decode(text)
                text = []
            else:
                text.append(token)
        yield vocabulary.decode(text)


def test_a_certificate_holds_for_its_stream_and_data_and_as_it_was_written(stream, data_dir, tmp_path):
    found = contamination.of_stream(stream, Vocabulary(), evaluated(), data_dir)
    wanted = contamination.made_of(stream.manifest.fingerprint, evaluated(), data_dir)
    path = contamination.write(tmp_path, found)
    assert contamination.read(tmp_path, wanted) == found
    assert contamination.read(tmp_path, contamination.made_of('another', evaluated(), data_dir)) is None
    found['datasets']['bool_q']['dirty']['test'] = []
    path.write_text(json.dumps(found))
    assert contamination.read(tmp_path, wanted) is None
    assert contamination.read(tmp_path / 'elsewhere', wanted) is None


@pytest.fixture
def corpora(tmp_path, data_dir):
    """The same two documents in all forms; the first is wrapped, the second of two lines in one paragraph."""
    first, second = PASSAGES[0].replace(' ', '\n', 5), PASSAGES[1]
    (tmp_path / 'a.txt').write_text(f'{first}\n\n{second}\n')
    (tmp_path / 'b.jsonl').write_text(''.join(f'{json.dumps({"text": text})}\n' for text in (first, second)))
    return [f'text:{tmp_path}/*.txt', f'jsonl:{tmp_path}/*.jsonl:text', 'tfds:super_glue/rte:1.0.2:premise']


def test_a_corpus_is_searched_in_all_forms(corpora, data_dir):
    for name in corpora:
        check_corpus(name, data_dir)
        found = contamination.of_corpus(name, corpus_texts(name, data_dir), evaluated(), data_dir)
        assert found['datasets']['bool_q']['dirty']['test'] == dirty_rows(data_dir), name
        assert found['read']['corpus'] == name


@pytest.mark.parametrize(
    ('name', 'error', 'message'),
    [
        ('books', UserError, 'write text:FILES, jsonl:FILES:FIELD or tfds:NAME:FIELD'),
        ('text:nowhere/*.txt', UserError, 'no file matches nowhere'),
        ('jsonl:{folder}/bad.jsonl:text', UserError, "bad.jsonl, line 1: no JSON object with a field 'text'"),
        ('jsonl:{folder}/latin.jsonl:text', UserError, 'latin.jsonl, line 1: not UTF-8'),
        ('text:{folder}/latin.jsonl', UserError, 'latin.jsonl, line 1: not UTF-8'),
        ('jsonl:{folder}/number.jsonl:text', UserError, 'not a text'),
        ('tfds:super_glue/rte:1.0.2:premiss', UserError, "has the fields .*, not 'premiss'"),
        ('tfds:wiki40b/en:1.3.0:text', MissingDataError, 'wiki40b/en:1.3.0 is not prepared'),
    ],
)
def test_a_corpus_that_cannot_be_read_is_refused(name, error, message, data_dir, tmp_path):
    (tmp_path / 'bad.jsonl').write_text('{"content": "a"}\n')
    (tmp_path / 'latin.jsonl').write_bytes('{"text": "é"}\n'.encode('latin-1'))
    (tmp_path / 'number.jsonl').write_text('{"text": 1}\n')
    with pytest.raises(error, match=message):
        check_corpus(name.format(folder=tmp_path), data_dir)


def test_clean_and_dirty_scores_are_those_of_their_records(data_dir, tmp_path):
    prepared_builder.cache_clear()
    eval_set = EvalSet(Evaluation(templates=(0, 1)), [*evaluated().values()], {'inputs': 99, 'targets': 9}, data_dir, 0)
    model = ModelRecords(tmp_path, 'step_1', {'weights': 'any'})
    dirty = dirty_rows(data_dir)
    for key in eval_set.keys:  # template 1 is right about what is dirty and one more, template 0 about nothing
        right = [float(key.template == 1 and (i in dirty or i == len(PASSAGES) - 1)) for i in range(len(PASSAGES))]
        lines = [ranked_record(key, i, 0, (score, 0.5)) for i, score in enumerate(right)]
        records.write(model.open(eval_set.settings(key)), key, lines)
    certificate = {'datasets': {'bool_q': {'dirty': {'test': dirty}}}}
    (line,) = clean_lines(eval_set, model, certificate)
    rights = len({*dirty, len(PASSAGES) - 1})
    assert line['examples'] == {'total': 6, 'clean': 4, 'dirty': 2}
    assert line['template'] in (0, 1) and line['clean_share'] == pytest.approx(100 * 4 / 6)
    if line['template'] == 1:
        assert line['scores']['dirty'] == 100 and line['scores']['total'] == pytest.approx(100 * rights / 6)
        assert line['scores']['clean'] == pytest.approx(100 * (rights - 2) / 4)
        expected = 100 * (line['scores']['clean'] / line['scores']['total'] - 1)
        assert line['difference'] == pytest.approx(expected)
