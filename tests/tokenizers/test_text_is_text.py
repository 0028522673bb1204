"""What data has written like a special token stays text: only the prompt format ends a prompt."""

import numpy as np
import pytest
import tensorflow as tf
import tokenizers
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers

from flan_jax.data.formats.alpaca import Alpaca
from flan_jax.data.formats.chat_template import ChatTemplate
from flan_jax.data.formats.dialogue import Dialogue
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.plain import Plain
from flan_jax.data.formats.tulu import Tulu
from flan_jax.data.tokenize import FormatTokenizer, tokenize
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests.convert.tokenizers_trained import KINDS, TEXT, _save, write_chat
from tests.data.chat_templates import STOCK, text_of

WRITTEN = (
    '</s>', '<s>', '<|im_end|>', '<|im_start|>', '<|endoftext|>', '<|end_of_text|>', '<|begin_of_text|>', '<|eot_id|>',
    '<eos>', '<bos>', '<pad>', '＜/s＞', '<|endof', 'text|>', '<', '/s>', '\x00eos\x00', '\x00long\x00', '\x00',
    '<0x02>',
    'user', ' ', '\n', 'yes', '🙂',
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(WRITTEN) | st.text(st.characters(exclude_categories=['Cs']), max_size=5)).map(''.join)


def write_unigram(folder):
    """T5's kind: its special tokens are pieces like others, the best there are, and text is normalised before."""
    pieces = [('<pad>', 0.0), ('</s>', 0.0), ('<unk>', 0.0), *((f'{letter}', -5.0) for letter in sorted(set(TEXT)))]
    tokenizer = tokenizers.Tokenizer(models.Unigram([*pieces, ('<', -6.0), ('/', -6.0)], unk_id=2))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(['<pad>', '</s>', '<unk>'])
    _save(folder, tokenizer, {'eos_token': '</s>', 'pad_token': '<pad>', 'unk_token': '<unk>'})


def write_qwen(folder):
    stock = STOCK['qwen3']
    write_chat(folder, stock.special_tokens, stock.tokens, text_of('qwen3'))


WRITERS = {**KINDS, 'unigram': write_unigram, 'qwen 3': write_qwen}


@pytest.fixture(scope='module', params=['bundled', *WRITERS])
def vocabulary(request, tmp_path_factory):
    if request.param == 'bundled':
        return Vocabulary()
    folder = tmp_path_factory.mktemp('tokenizer')
    WRITERS[request.param](folder)
    return Vocabulary(str(folder))


def special_ids(vocabulary):
    """EOS, BOS, padding, and all else that a tokenizer.json calls special, but for what stands for the unknown."""
    ids = {vocabulary.eos_id, vocabulary.bos_id, vocabulary.pad_id} - {None}
    if vocabulary.path.suffix == '.json':
        added = tokenizers.Tokenizer.from_file(str(vocabulary.path)).get_added_tokens_decoder()
        ids |= {i for i, token in added.items() if token.special and token.content != '<unk>'}
    return ids


def test_no_text_becomes_a_special_token(vocabulary):
    special = special_ids(vocabulary)

    @example('＜/s＞</s><eos><|endoftext|><|im_end|>')
    @given(TEXTS)
    def holds(text):
        assert special.isdisjoint(vocabulary.encode(text))
        assert special.isdisjoint(vocabulary.encode_continuation(text))

    holds()


@pytest.mark.parametrize('prompt_format', [Flan(), Plain(), Alpaca(), Tulu()], ids=lambda each: each.name)
def test_a_format_alone_says_where_eos_stands(prompt_format, vocabulary):
    """As many as with harmless texts: in prompts, responses and dialogues, in Python and inside tf.data."""

    def count(text):
        found = prompt_format.encode_prompt(vocabulary, text), prompt_format.encode_response(vocabulary, text)
        dialogue = prompt_format.encode_learned(vocabulary, Dialogue(text, text, system=text))
        return [ids.count(vocabulary.eos_id) for ids in (*found, dialogue.prompt, dialogue.response)]

    harmless = count('yes')

    @example('\x00eos\x00</s>')
    @given(TEXTS.map(lambda text: f'a{text}'))
    def holds(text):
        assert count(text) == harmless

    holds()
    ours = FormatTokenizer(prompt_format, vocabulary)
    texts = ('yes', 'a\x00eos\x00b', 'a</s>b<eos>', 'a<|endoftext|>')
    prompts = [ours.few_shot_prompt(tf.constant(text), tf.constant([text, text]), 512)[0] for text in texts]
    assert len({prompt.numpy().tolist().count(vocabulary.eos_id) for prompt in prompts}) == 1


@pytest.mark.parametrize('name', STOCK)
def test_what_users_write_does_not_end_a_turn(name, tmp_path):
    """Special tokens of a chat template are where it writes them; the text can still be read."""
    stock = STOCK[name]
    write_chat(tmp_path, stock.special_tokens, stock.tokens, text_of(name))
    vocabulary, template = Vocabulary(str(tmp_path)), ChatTemplate(str(tmp_path))
    special = special_ids(vocabulary)
    harmless = template.encode_learned(vocabulary, Dialogue('Who?', 'Ann.', ('a', 'b')))
    markers = [i for i in harmless.prompt + harmless.response if i in special]
    for token in {*stock.special_tokens.values(), *stock.tokens, '\x00eos\x00'}:
        attack = f'Who?{token}x{token}{token}'
        found = template.encode_learned(vocabulary, Dialogue(attack, f'Ann{token}.', ('a', f'b{token}c')))
        assert [i for i in found.prompt + found.response if i in special] == markers
        assert attack in vocabulary.decode_all(found.prompt + found.response) or token not in found.prompt_text
        asked = template.encode_prompt(vocabulary, attack, 40)
        assert (
            len(asked) <= 40
            and template.encode_asked(vocabulary, Dialogue(attack, '')).prompt_text.count('\udcfe') == 0
        )


def test_a_row_cannot_end_its_prompt_inside_tf_data(vocabulary):
    rows = {'inputs': ['yes', 'y\x00eos\x00</s><|endoftext|><eos>'], 'targets': ['no', 'n</s>\x00eos\x00<eos>']}
    found = list(tokenize(tf.data.Dataset.from_tensor_slices(rows), None, Flan(), vocabulary).as_numpy_iterator())
    for feature in rows:
        assert [np.count_nonzero(row[feature] == vocabulary.eos_id) for row in found] == [1, 1]
