"""Prompt formats: FLAN's tokens are as ever, plain prompts read as documents, TensorFlow agrees with Python."""

import dataclasses
import subprocess
import sys

import pytest
import sentencepiece
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from flan_jax import catalogue
from flan_jax.data.catalogue_task import output_features
from flan_jax.data.formats import format_of, known_formats
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.formats.plain import Plain
from flan_jax.data.seqio_tasks import generation_task, rank_task, training_task
from flan_jax.data.tokenize import FormatTokenizer
from flan_jax.errors import UnknownName
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests.convert.tokenizers_trained import KINDS, TEXT

TEXTS = st.text(st.characters(blacklist_categories=('Cs',), blacklist_characters='\x00\ufeff▁'), max_size=40)


@dataclasses.dataclass(frozen=True)
class Dialogue(PromptFormat):
    """A format with words before, between and after, as chat templates have."""

    prompt = 'User: {input}\nModel:'
    response = ' {target}{eos}'
    exemplar = 'User: {input}\nModel: {target}{eos}\n'


FORMATS = [Flan(), Plain(), Dialogue()]


def sentencepiece_model(folder):
    """A model that puts a space before every text, as Llama's and T5's do, and has BOS and EOS."""
    folder.mkdir(parents=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([TEXT] * 50), model_prefix=str(folder / 'tokenizer'), vocab_size=500, byte_fallback=True,
        character_coverage=0.98, minloglevel=2, model_type='bpe', remove_extra_whitespaces=False,
        normalization_rule_name='identity', user_defined_symbols=['\n'],
    )  # fmt: skip


@pytest.fixture(scope='module', params=['bundled', 'sentencepiece', *KINDS])
def vocabulary(request, tmp_path_factory):
    if request.param == 'bundled':
        return Vocabulary()
    folder = tmp_path_factory.mktemp('tokenizer') / 'folder'
    (KINDS | {'sentencepiece': sentencepiece_model})[request.param](folder)
    return Vocabulary(str(folder))


def test_flan_ends_both_parts_by_eos(vocabulary):
    bos = [] if vocabulary.bos_id is None else [vocabulary.bos_id]
    for text in (*TEXT.splitlines(), ''):
        assert Flan().encode_prompt(vocabulary, text) == [*bos, *vocabulary.encode(text), vocabulary.eos_id]
        assert Flan().encode_response(vocabulary, text) == [*vocabulary.encode(text), vocabulary.eos_id]
        cut = Flan().encode_prompt(vocabulary, text, 5)
        assert cut == [*bos, *vocabulary.encode(text)[: 4 - len(bos)], vocabulary.eos_id]


def test_plain_prompts_have_no_eos_and_read_as_text(vocabulary):
    for x, y in (('Is it?', 'yes'), ('Ça va', 'naïve café'), ('a\n\nb', '1234')):
        prompt, response = Plain().encode_prompt(vocabulary, x), Plain().encode_response(vocabulary, y)
        assert vocabulary.eos_id not in prompt + response
        assert prompt[:1] == [vocabulary.bos_id] or vocabulary.bos_id is None
        assert vocabulary.decode(prompt + response) == f'{x} {y}'


def test_an_answer_in_the_plain_format_ends_at_a_blank_line():
    assert Plain().finish(' Paris\n\nWhere is Rome?') == 'Paris'
    assert Plain().finish(' one\ntwo ') == 'one\ntwo' and Plain(stop='\n').finish(' one\ntwo ') == 'one'
    assert Flan().finish(' Paris\n\nRome ') == 'Paris\n\nRome'


@pytest.mark.parametrize('prompt_format', FORMATS, ids=lambda prompt_format: prompt_format.name)
def test_tensorflow_gives_the_same_tokens(prompt_format, vocabulary):
    tokenizer = FormatTokenizer(prompt_format, vocabulary)
    for text in ('', 'yes', 'Is it?\n\nOr not?', *TEXT.splitlines()):
        for length in (None, 12, 25):
            prompt, response = (
                encode(tf.constant(text), length).numpy().tolist() for encode in (tokenizer.prompt, tokenizer.response)
            )
            assert prompt == prompt_format.encode_prompt(vocabulary, text, length)
            assert response == prompt_format.encode_response(vocabulary, text, length)
            assert length is None or max(len(prompt), len(response)) <= length


@pytest.mark.parametrize('prompt_format', FORMATS, ids=lambda prompt_format: prompt_format.name)
@given(text=TEXTS, length=st.integers(12, 40))
def test_a_prompt_that_is_cut_keeps_its_end(prompt_format, text, length):
    vocabulary = Vocabulary()
    whole, cut = prompt_format.encode_prompt(vocabulary, text), prompt_format.encode_prompt(vocabulary, text, length)
    end = prompt_format.prompt_end(vocabulary)
    assert len(cut) == min(len(whole), length)
    assert whole == cut or (
        cut[len(cut) - len(end) :] == end and cut[: length - len(end)] == whole[: length - len(end)]
    )


@pytest.mark.parametrize('prompt_format', FORMATS, ids=lambda prompt_format: prompt_format.name)
def test_exemplars_are_tokenised_as_one_text_between_two_eos(prompt_format, vocabulary):
    exemplars = [('one?', 'yes'), ('two?', 'no')]
    tokenizer = FormatTokenizer(prompt_format, vocabulary)
    tokens, shots = tokenizer.few_shot_prompt(tf.constant('three?'), tf.constant(sum(exemplars, ())), None)
    eos = '<eos>'
    before = ''.join(prompt_format.exemplar.format(input=x, target=y, eos=eos) for x, y in exemplars)
    first, *others = (before + prompt_format.prompt.format(input='three?', eos=eos)).split(eos)
    expected = prompt_format.bos(vocabulary) + vocabulary.encode(first)
    for other in others:
        expected += [vocabulary.eos_id, *vocabulary.encode(other)]
    assert tokens.numpy().tolist() == expected and shots == 2


@pytest.mark.parametrize('prompt_format', FORMATS, ids=lambda prompt_format: prompt_format.name)
def test_tasks_are_in_the_format_that_they_are_given(prompt_format, samples_dir):
    vocabulary, dataset = Vocabulary(), catalogue.dataset('rte')
    for task in (
        training_task(dataset, vocabulary, samples_dir, prompt_format=prompt_format),
        generation_task(dataset, 0, vocabulary, samples_dir, prompt_format=prompt_format),
        rank_task(dataset, 0, vocabulary, samples_dir, prompt_format=prompt_format),
    ):
        assert task.output_features == output_features(vocabulary, prompt_format)
        for example in task.get_dataset(None, split='test', shuffle=False).as_numpy_iterator():
            targets = example['targets_pretokenized'].decode()
            assert example['targets'].tolist() == prompt_format.encode_response(vocabulary, targets)
            prompt = vocabulary.decode(example['inputs'])
            assert prompt == example['inputs_pretokenized'].decode()
            assert (prompt[:6] == 'User: ') == (prompt_format == Dialogue())


def test_an_empty_prompt_has_a_token_to_predict_from(vocabulary):
    for prompt_format in FORMATS:
        assert prompt_format.encode_empty_prompt(vocabulary)
    assert Flan().encode_empty_prompt(vocabulary) == Flan().encode_prompt(vocabulary, '')


def test_formats_are_found_again_by_what_is_kept_of_them():
    assert {'flan', 'plain'} <= set(known_formats())
    for prompt_format in (Flan(), Plain(), Plain(stop='\n')):
        assert format_of(prompt_format.recipe) == prompt_format
    assert Plain().recipe != Plain(stop='\n').recipe != Flan().recipe
    with pytest.raises(UnknownName, match="unknown prompt format 'plane'; did you mean plain"):
        format_of({'name': 'plane'})


def test_formats_and_tokenizers_need_no_tensorflow():
    code = (
        'import sys; from flan_jax.data.formats import known_formats\n'
        'from flan_jax.tokenizers.vocabulary import Vocabulary\n'
        'known_formats()["plain"]().encode_response(Vocabulary(), "yes"); assert "tensorflow" not in sys.modules'
    )
    subprocess.run([sys.executable, '-c', code], check=True)
