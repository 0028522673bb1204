"""tokenizer.json as a vocabulary: the same ids everywhere, BOS where it belongs, no token across prompt and target."""

import json

import pytest
import tensorflow as tf

from flan_jax import catalogue
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.plain import Plain
from flan_jax.data.seqio_tasks import generation_task, rank_task, training_task
from flan_jax.data.seqio_vocabulary import encode_continuation, seqio_vocabulary
from flan_jax.data.tokenize import tokenize
from flan_jax.data.tokenized import EXEMPLARS
from flan_jax.errors import UserError
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests.convert.tokenizers_trained import KINDS, TEXT, write_byte_level, write_llama3

BEGIN = {'byte level': None, 'llama 3': 0, 'llama 2': 1, 'gemma': 2}


@pytest.fixture(scope='module', params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope='module')
def vocabulary(kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp('tokenizer')
    KINDS[kind](folder)
    return Vocabulary(str(folder))


def test_text_survives(kind, vocabulary):
    for text in (TEXT, *TEXT.splitlines(), '', 'yes'):
        assert vocabulary.decode(vocabulary.encode(text)) == text


def test_seqio_has_the_same_ids(vocabulary):
    ours = seqio_vocabulary(vocabulary)
    lines = TEXT.splitlines()
    assert ours.encode(TEXT) == vocabulary.encode(TEXT)
    assert ours.encode_tf(tf.constant(TEXT)).numpy().tolist() == vocabulary.encode(TEXT)
    assert ours.encode_tf(tf.constant(lines)).to_list() == [vocabulary.encode(line) for line in lines]
    assert ours.decode_tf(ours.encode_tf(TEXT)).numpy().decode() == TEXT
    assert ours.eos_id == vocabulary.eos_id and ours.vocab_size == len(vocabulary)
    assert max(vocabulary.encode(TEXT)) < len(vocabulary)


def test_a_continuation_is_tokenised_as_it_is(kind, vocabulary):
    for first, second in (('Premise: Ça va?', ' yes'), ('jalape', 'ños'), ('one', '\n\ntwo'), ('', 'x')):
        ids = vocabulary.encode(first) + vocabulary.encode_continuation(second)
        assert vocabulary.decode(ids) == first + second or (kind == 'llama 2' and not first)
        assert encode_continuation(vocabulary, tf.constant(second)).numpy().tolist() == vocabulary.encode_continuation(
            second
        )


def test_the_plain_format_reads_as_text(vocabulary):
    prompt = Plain().encode_prompt(vocabulary, 'Is it?')
    response = Plain().encode_response(vocabulary, 'yes')
    assert vocabulary.eos_id not in prompt + response
    assert vocabulary.decode(prompt + response) == 'Is it? yes'


def test_special_tokens_are_explicit(kind, vocabulary):
    assert vocabulary.bos_id == BEGIN[kind]
    assert vocabulary.pad_id == (0 if kind == 'gemma' else None)
    prompt = Flan().encode_prompt(vocabulary, 'Is it?')
    assert prompt[-1] == vocabulary.eos_id
    assert prompt[:-1] == [BEGIN[kind]] * (BEGIN[kind] is not None) + vocabulary.encode('Is it?')


def test_equal_tokenizers_are_equal_vocabularies(tmp_path):
    for name, size in (('a', 400), ('b', 400), ('c', 450)):
        write_byte_level(tmp_path / name, size)
    a, b, c = (Vocabulary(str(tmp_path / name)) for name in 'abc')
    assert a.fingerprint == b.fingerprint != c.fingerprint
    assert seqio_vocabulary(a) == seqio_vocabulary(b) != seqio_vocabulary(c)
    assert Vocabulary(str(tmp_path / 'a' / 'tokenizer.json')).fingerprint == a.fingerprint


@pytest.mark.parametrize('name', ['rte', 'natural_questions'])
def test_tasks_begin_prompts_with_bos_and_end_both_parts(name, vocabulary, samples_dir):
    dataset = catalogue.dataset(name)
    tasks = [training_task(dataset, vocabulary, samples_dir), generation_task(dataset, 0, vocabulary, samples_dir)]
    if dataset.has_options:
        tasks.append(rank_task(dataset, 0, vocabulary, samples_dir))
    for task in tasks:
        for example in task.get_dataset(None, split='test', shuffle=False).take(5).as_numpy_iterator():
            inputs, targets = (example[f'{part}_pretokenized'].decode() for part in ('inputs', 'targets'))
            assert example['inputs'].tolist() == Flan().encode_prompt(vocabulary, inputs)
            assert example['targets'].tolist() == [*vocabulary.encode(targets), vocabulary.eos_id]


def test_long_prompts_keep_bos_and_eos(tmp_path):
    write_llama3(tmp_path)
    vocabulary = Vocabulary(str(tmp_path))
    examples = tf.data.Dataset.from_tensors({'inputs': 'one two ' * 50, 'targets': 'yes'})
    example = next(iter(tokenize(examples, {'inputs': 12, 'targets': 9}, Flan(), vocabulary)))
    ids = example['inputs'].numpy().tolist()
    assert len(ids) == 12
    assert ids == [vocabulary.bos_id, *vocabulary.encode('one two ' * 50)[:10], vocabulary.eos_id]


def test_few_shot_prompts_begin_with_one_bos(tmp_path):
    write_llama3(tmp_path)
    vocabulary = Vocabulary(str(tmp_path))
    shown = {EXEMPLARS: ['one?', 'yes', 'two?', 'no'], 'inputs': 'three?', 'targets': 'yes'}
    examples = tf.data.Dataset.from_tensors(shown)
    example = next(iter(tokenize(examples, {'inputs': 99, 'targets': 9}, Flan(), vocabulary)))
    texts = [*shown[EXEMPLARS], 'three?']
    parts = [i for text in texts for i in (*vocabulary.encode(text), vocabulary.eos_id)]
    assert example['inputs'].numpy().tolist() == [vocabulary.bos_id, *parts] and int(example['shots']) == 2


def test_no_token_spans_prompt_and_target(tmp_path):
    """Joined, the text has tokens that span the boundary; tokenised one by one, neither part depends on the other."""
    write_byte_level(tmp_path)
    vocabulary = Vocabulary(str(tmp_path))
    joined = vocabulary.encode('jalapeños')
    inputs, targets = 'jalape', 'ños'
    assert len(joined) < len(vocabulary.encode(inputs)) + len(vocabulary.encode(targets)), 'it would span'
    examples = tf.data.Dataset.from_tensors({'inputs': inputs, 'targets': targets})
    example = next(iter(tokenize(examples, None, Flan(), vocabulary)))
    assert example['inputs'].numpy().tolist() == [*vocabulary.encode(inputs), vocabulary.eos_id]
    assert example['targets'].numpy().tolist() == [*vocabulary.encode(targets), vocabulary.eos_id]
    assert vocabulary.decode(example['inputs'].numpy()) == inputs
    assert vocabulary.decode(example['targets'].numpy()) == targets


def test_sentencepiece_prompts_begin_with_bos_where_the_model_has_one(tmp_path):
    import sentencepiece

    texts = [f'{a} {b} {c}' for a in 'abcdefgh' for b in 'ijklmnop' for c in 'qrstuvwxyz']
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_prefix=str(tmp_path / 'tokenizer'), vocab_size=30, minloglevel=2
    )
    vocabulary = Vocabulary(str(tmp_path))
    assert vocabulary.path.name == 'tokenizer.model' and vocabulary.bos_id == 1 and vocabulary.eos_id == 2
    examples = tf.data.Dataset.from_tensors({'inputs': 'a i q', 'targets': 'b j r'})
    example = next(iter(tokenize(examples, None, Flan(), vocabulary)))
    assert example['inputs'].numpy().tolist() == Flan().encode_prompt(vocabulary, 'a i q')
    assert example['inputs'][0] == 1 and Vocabulary().bos_id is None


@pytest.mark.parametrize(
    ('files', 'message'),
    [
        ({}, 'contains neither tokenizer.json nor tokenizer.model'),
        ({'tokenizer.json': '{"version'}, 'is damaged: not JSON'),
        ({'tokenizer.json': '{"version": "1.0"}'}, 'has no "model"'),
        ({'tokenizer.json': None}, 'the EOS token is not known'),
    ],
)
def test_unusable_folders_are_named(files, message, tmp_path):
    folder = tmp_path / 'folder'
    folder.mkdir()
    write_byte_level(tmp_path / 'sound')
    for name, text in files.items():
        (folder / name).write_text(text or (tmp_path / 'sound' / name).read_text())
    with pytest.raises(UserError, match=message):
        Vocabulary(str(folder))


def test_eos_may_be_named_in_any_of_the_files_beside(tmp_path):
    write_byte_level(tmp_path)
    eos = Vocabulary(str(tmp_path)).eos_id
    for name, settings in (
        ('special_tokens_map.json', {'eos_token': {'content': '<|endoftext|>'}}),
        ('config.json', {'eos_token_id': eos}),
        ('config.json', {'eos_token_id': [eos, 7]}),
    ):
        for other in ('tokenizer_config.json', 'special_tokens_map.json', 'config.json'):
            (tmp_path / other).unlink(missing_ok=True)
        (tmp_path / name).write_text(json.dumps(settings))
        assert Vocabulary(str(tmp_path)).eos_id == eos
