"""Instruction files: every format is read, prepared, found again, and packed with a mask."""

import itertools
import json
import pathlib

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from flan_jax import catalogue
from flan_jax.catalogue.forms import in_form
from flan_jax.data import own_instructions
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.example_files import ExampleError, read_file
from flan_jax.data.formats.tulu import Tulu
from flan_jax.data.instruction_files import known_formats
from flan_jax.data.instruction_files.conversation import Conversation
from flan_jax.data.mixtures import tuning_mixture
from flan_jax.data.own_instructions import Instructions
from flan_jax.data.prepare_instructions import SPLITS, prepare_instructions
from flan_jax.data.preview import rendered_examples
from flan_jax.data.seqio_tasks import generation_task
from flan_jax.data.settings import Data
from flan_jax.data.source import MissingDataError, prepared_builder, split_slices
from flan_jax.errors import UserError
from flan_jax.evaluation.eval_set import prepared_datasets
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.packing.pack import packed_sequences, sampled_examples
from flan_jax.packing.settings import Stream
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests.conftest import REAL_DATA

REAL_FILES = REAL_DATA.parent / 'instructions'

SYSTEM = {'role': 'system', 'content': 'Be brief.'}
Q1, A1, Q2, A2 = (
    {'role': role, 'content': text}
    for role, text in (('user', 'Who?'), ('assistant', 'Ann.'), ('user', 'And who else?'), ('assistant', 'Bob.'))
)


def sharegpt(messages):
    names = {'user': 'human', 'assistant': 'gpt', 'system': 'system'}
    return [{'from': names[message['role']], 'value': message['content']} for message in messages]


WHOLE = Conversation('And who else?', 'Bob.', system='Be brief.', history=('Who?', 'Ann.'))


@pytest.mark.parametrize(
    ('name', 'row', 'expected'),
    [
        ('alpaca', {'instruction': 'Add.', 'input': '1, 2', 'output': '3'}, Conversation('Add.', '3', input='1, 2')),
        ('alpaca', {'instruction': 'Add.', 'output': '3', 'text': 'all'}, Conversation('Add.', '3')),
        (
            'alpaca',
            {'instruction': 'And who else?', 'output': 'Bob.', 'history': [['Who?', 'Ann.']], 'system': 'Be brief.'},
            WHOLE,
        ),
        ('messages', {'messages': [SYSTEM, Q1, A1, Q2, A2]}, WHOLE),
        ('messages', {'conversations': sharegpt([SYSTEM, Q1, A1, Q2, A2])}, WHOLE),
        ('prompt_completion', {'prompt': 'Add 1, 2.', 'completion': '3'}, Conversation('Add 1, 2.', '3')),
        (
            'preference',
            {'prompt': 'Who?', 'chosen': 'Ann.', 'rejected': 'Hm.'},
            Conversation('Who?', 'Ann.', rejected=('Hm.',), scores=(1.0, 0.0)),
        ),
        (
            'preference',
            {'prompt': [Q1], 'chosen': [Q1, A1], 'rejected': [Q1, A2]},
            Conversation('Who?', 'Ann.', rejected=('Bob.',), scores=(1.0, 0.0)),
        ),
        (
            'preference',
            {'conversations': sharegpt([Q1, A1, Q2]), 'chosen': sharegpt([A2])[0], 'rejected': sharegpt([A1])[0]},
            Conversation('And who else?', 'Bob.', history=('Who?', 'Ann.'), rejected=('Ann.',), scores=(1.0, 0.0)),
        ),
    ],
)
def test_a_row_of_every_format_is_read(name, row, expected):
    assert known_formats()[name].read('here', row) == expected


@pytest.mark.parametrize(
    ('name', 'row', 'message'),
    [
        ('alpaca', {'instruction': 'Add.'}, "here: 'output' is missing; the keys are instruction"),
        ('alpaca', {'instruction': 'Add.', 'output': 3}, 'here: output=3 is not a text'),
        ('alpaca', {'instruction': 'A', 'output': 'b', 'history': [['q']]}, 'is not a list of'),
        ('messages', {'text': 'x'}, 'expected messages'),
        ('messages', {'messages': [Q1, A1, Q2]}, 'the roles are user, assistant, user; .*the assistant last'),
        ('messages', {'messages': [Q1, Q2, A1, A2]}, 'must take turns'),
        ('messages', {'messages': []}, 'the roles are none'),
        ('messages', {'messages': [Q1, SYSTEM, A1]}, 'one system message'),
        ('messages', {'messages': [{'role': 'tool', 'content': ''}]}, "message 1: role='tool'; the roles are user"),
        ('messages', {'messages': ['hello']}, "message 1: expected an object .* found 'hello'"),
        ('preference', {'prompt': 'Who?', 'chosen': 'a'}, "'rejected' is missing"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(name, row, message):
    with pytest.raises(ExampleError, match=message):
        known_formats()[name].read('here', row)


def test_files_of_all_kinds_hold_the_same(tmp_path):
    rows = [{'prompt': 'a "[1]", b', 'completion': 'c'}, {'prompt': '\n]', 'completion': 'd'}]
    (tmp_path / 'x.jsonl').write_text('\n'.join(map(json.dumps, rows)))
    (tmp_path / 'lines.json').write_text('\n'.join(map(json.dumps, rows)))
    (tmp_path / 'x.json').write_text(json.dumps(rows, indent=1))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / 'x.parquet')
    for name in ('x.jsonl', 'lines.json', 'x.json', 'x.parquet'):
        assert [row for _, row in read_file(tmp_path / name)] == rows
    assert [where.rpartition(', ')[2] for where, _ in read_file(tmp_path / 'x.json')] == ['line 2', 'line 6']
    (tmp_path / 'empty.json').write_text('[ ]')
    assert not list(read_file(tmp_path / 'empty.json'))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('[\n{"a": 1},\n{"a" 2}]', 'line 3: not JSON'),
        ('[\n{"a": 1}\n{"a": 2}]', 'line 3: not JSON: expected , or ]'),
        ('[{"a": 1},\n\n"b"]', 'line 3: expected a JSON object, found str'),
        ('[{"a": 1}', 'line 1: not JSON'),
    ],
)
def test_the_line_of_a_json_array_is_named(tmp_path, text, message):
    (tmp_path / 'x.json').write_text(text)
    with pytest.raises(ExampleError, match=message):
        list(read_file(tmp_path / 'x.json'))


DIALOGUES = [
    {'messages': [SYSTEM, Q1, A1, Q2, A2]},
    {'messages': [Q2, A2]},
    {'messages': [Q1, A1, Q2, A2, Q1, A1]},
    {'messages': [Q1, {'role': 'assistant', 'content': ' '}]},
] * 2


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
    """Prepared dialogues, as another process finds them."""
    folder = tmp_path_factory.mktemp('data')
    (folder / 'x.jsonl').write_text('\n'.join(map(json.dumps, DIALOGUES)))
    declared = Instructions(name='my_dialogues', test_examples=2, licence='CC0 1.0')
    prepare_instructions(declared, {'train': folder / 'x.jsonl'}, 'messages', str(folder))
    own_instructions._DECLARED.clear()
    del catalogue.DATASETS['my_dialogues']
    own_instructions.declare_prepared(str(folder))
    yield str(folder)
    del catalogue.DATASETS['my_dialogues']
    own_instructions._DECLARED.clear()


def test_a_declaration_is_found_again_where_its_data_lies(data_dir):
    own_instructions.declare_prepared(data_dir)  # twice is as good as once
    dataset = catalogue.dataset('my_dialogues')
    assert (dataset.licence, dataset.cluster.name, dataset.metrics) == ('CC0 1.0', 'instruction_following', ('rouge',))
    assert {name: len(part) for name, part in split_slices(dataset, data_dir).items()} == {'train': 6, 'test': 2}
    examples = list(rendered_examples(dataset, 'train', data_dir))
    assert len(examples) < 6  # without the empty answer
    asked = {(ex.dialogue(0).history, ex.dialogue(0).question, ex.dialogue(0).answer) for ex in examples}
    assert asked <= {(('Who?', 'Ann.'), 'And who else?', 'Bob.'), ((), 'And who else?', 'Bob.'),
                     (('Who?', 'Ann.', 'And who else?', 'Bob.'), 'Who?', 'Ann.')}  # fmt: skip


@pytest.mark.parametrize('name', ['rte', 'sentiment', 'flan', 'imdb_reviews', 'alpaca_few_shot', 'my_dialogues'])
def test_a_name_that_is_taken_is_refused_before_anything_is_written(name, data_dir, tmp_path):
    (tmp_path / 'x.jsonl').write_text(json.dumps({'messages': [Q1, A1]}))
    folder = pathlib.Path(data_dir) if name == 'my_dialogues' else tmp_path
    with pytest.raises(UserError, match='is the name of|would be read as a form|my_dialogues. is already prepared in'):
        prepare_instructions(Instructions(name=name), {'train': tmp_path / 'x.jsonl'}, 'messages', str(folder))
    assert not list(tmp_path.rglob('*.tfrecord*'))


def test_data_without_a_test_split_is_told_from_data_that_is_not_prepared(tmp_path):
    (tmp_path / 'x.jsonl').write_text(json.dumps({'messages': [Q1, A1]}))
    written = prepare_instructions(
        Instructions(name='train_only'), {'train': tmp_path / 'x.jsonl'}, 'messages', str(tmp_path)
    )
    asked = [written.dataset, catalogue.dataset('rte')]
    with pytest.raises(MissingDataError, match='evaluated: train_only, rte;.* without a test split: train_only$'):
        prepared_datasets(asked, str(tmp_path), allow_missing=False)
    own_instructions._DECLARED.pop('train_only')
    catalogue.DATASETS.pop('train_only')


@pytest.mark.parametrize(
    ('asked', 'allow_missing', 'setting', 'advice'),
    [
        (['my_dialogues', 'rte'], False, 'Data.allow_missing', 'or set Data.allow_missing = True to skip'),
        (['my_dialogues', 'rte'], False, None, 'or write small samples'),
        (['rte'], True, 'Data.allow_missing', 'or write small samples'),
    ],
)
def test_advice_about_data_that_is_missing_is_of_use(data_dir, asked, allow_missing, setting, advice):
    """Going on without some helps where others are there; samples help where nothing says how to go on."""
    with pytest.raises(MissingDataError, match=f'evaluated: rte; see `flan-jax data status`, {advice}'):
        prepared_datasets([catalogue.dataset(name) for name in asked], data_dir, allow_missing, setting)


def test_a_declaration_that_the_catalogue_contradicts_is_refused(tmp_path):
    metadata = {own_instructions.DECLARATION_KEY: {'name': 'rte', 'metrics': ['rouge']}}
    (tmp_path / 'rte' / '1.0.0').mkdir(parents=True)
    (tmp_path / 'rte' / '1.0.0' / 'metadata.json').write_text(json.dumps(metadata))
    with pytest.raises(UserError, match="metadata.json declares 'rte'"):
        own_instructions.declare_prepared(str(tmp_path))


STREAM = Stream(sequence_length=320, input_length=48, target_length=80, window=4)


def learned_text(example):
    """What of an example is learned, run by run."""
    vocabulary, (response,) = Vocabulary(), example.responses
    weights = np.ones(len(response)) if example.weights is None else example.weights[0]
    runs = itertools.groupby(zip(response.tolist(), weights), key=lambda pair: pair[1])
    return [vocabulary.decode_all([i for i, _ in run]) for weight, run in runs if weight]


def test_every_answer_of_a_dialogue_is_learned_with_its_end_and_nothing_else(data_dir):
    data = Data(tfds_data_dir=data_dir, mixture='my_dialogues')
    mixture = tuning_mixture(data, Tulu())
    examples = list(itertools.islice(sampled_examples(mixture, STREAM), 12))
    seen = {tuple(learned_text(example)) for example in examples}
    assert seen <= {('Bob.</s>',), ('Ann.</s>', 'Bob.</s>'), ('Ann.</s>', 'Bob.</s>', 'Ann.</s>')} and len(seen) > 1
    for example in examples:
        assert (example.weights is None) == (len(learned_text(example)) == 1)


def test_packed_dialogues_keep_their_mask_in_few_rows(data_dir):
    """The labels that weigh anything in a row are the answers of its examples with their ends, in order."""
    mixture = tuning_mixture(Data(tfds_data_dir=data_dir, mixture='my_dialogues'), Tulu())
    packed = list(packed_sequences(mixture, STREAM, 2))
    batch = lay_out([sequence.examples() for sequence in packed], Shape(4, 320, 320))  # more rows than sequences
    for row, sequence in enumerate(packed):
        assert len(sequence.prompt_lengths) > 1
        labels = batch['labels'][row][batch['weights'][row] > 0]
        answers = [text for example in sequence.examples() for text in learned_text(example)]
        assert Vocabulary().decode_all(labels) == ''.join(answers)
        before = batch['tokens'][row][batch['predict_at'][row]][batch['weights'][row] > 0]
        assert (before[1:] == labels[:-1]).sum() >= len(labels) - len(answers)  # an answer's tokens follow each other
    assert not batch['weights'][2:].any()


def test_a_dialogue_is_evaluated_at_its_last_question(data_dir):
    vocabulary, dataset = Vocabulary(), catalogue.dataset('my_dialogues')
    task = generation_task(dataset, 0, vocabulary, data_dir, prompt_format=Tulu())
    for example in read_examples(task, {'inputs': 80, 'targets': 20}, split='train', shuffle=False).as_numpy_iterator():
        prompt = example['inputs_pretokenized'].decode()
        assert prompt.endswith('<|assistant|>\n') and 'weights' not in example
        assert prompt.count('<|user|>') == prompt.count('<|assistant|>')
        assert vocabulary.decode(example['targets']) == example['references'][0].decode()


def test_response_tuning_shows_no_question(data_dir):
    """Response tuning equals instruction tuning on empty instructions (Hewitt et al. 2024, section 4)."""
    data = Data(tfds_data_dir=data_dir, mixture='my_dialogues_response_only')
    for example in itertools.islice(sampled_examples(tuning_mixture(data, Tulu()), STREAM), 12):
        whole = Vocabulary().decode_all([*example.prompt, *example.responses[0]])
        assert 'who' not in whole.lower() and 'brief' not in whole and 'system' not in whole
        assert whole.count('<|user|>\n\n<|assistant|>\n') == len(learned_text(example))
    assert in_form(catalogue.dataset('my_dialogues'), 'response_only').templates[0].inputs == ''


@pytest.mark.parametrize(
    ('name', 'format_name', 'rows', 'dialogues'),
    [
        ('alpaca_data.json', 'alpaca', 5000, 0),
        ('alpaca_gpt4_data.json', 'alpaca', 999, 0),
        ('oasst_zh.json', 'alpaca', 500, 280),
        ('lima_messages.jsonl', 'messages', 1030, 30),
        ('preferences_en.json', 'preference', 300, 106),
    ],
)
def test_real_files_are_read_whole(name, format_name, rows, dialogues):
    if not REAL_FILES.is_dir():
        pytest.skip('no real instruction files beside the repository (../shared/instructions)')
    read = known_formats()[format_name].read
    found = [read(where, row) for where, row in read_file(REAL_FILES / name)]
    assert (len(found), sum(bool(conversation.history) for conversation in found)) == (rows, dialogues)


def test_a_split_that_takes_all_examples_is_refused(tmp_path):
    (tmp_path / 'few.jsonl').write_text('{"prompt": "a", "completion": "b"}\n' * 3)
    files = {'train': tmp_path / 'few.jsonl'}
    with pytest.raises(UserError, match='has 3 training examples, of which 3'):
        prepare_instructions(Instructions(name='few', test_examples=3), files, 'prompt_completion', str(tmp_path))
    assert not (tmp_path / 'few').exists()


def test_what_validates_is_not_trained_on(tmp_path):
    """Rows that are said twice, too: a share of the training examples, over the whole file."""
    said = [Conversation(f'Say {n % 30}.', str(n % 30)) for n in range(40)]
    (tmp_path / 'said.jsonl').write_text(
        '\n'.join(json.dumps({'instruction': one.instruction, 'output': one.response}) for one in said)
    )
    files = {'train': tmp_path / 'said.jsonl'}
    written = prepare_instructions(Instructions(name='said', validation_share=0.2), files, 'alpaca', str(tmp_path))
    held = said[4::5]
    builder = prepared_builder(written.dataset.source, str(tmp_path))
    rows = {split: builder.as_dataset(split=split).as_numpy_iterator() for split in SPLITS[:2]}
    read = {split: sorted(row['instruction'].decode() for row in found) for split, found in rows.items()}
    assert read['validation'] == sorted(one.instruction for one in held)
    assert read['train'] == sorted(one.instruction for one in said if one not in held)
    assert written.repeated == 0
    both = Instructions(name='both')
    assert prepare_instructions(both, files | {'validation': files['train']}, 'alpaca', str(tmp_path)).repeated == 40
    with pytest.raises(UserError, match='a share of 0.01 of 40 examples leaves 0 validation'):
        prepare_instructions(Instructions(name='less', validation_share=0.01), files, 'alpaca', str(tmp_path))
