"""Ids of every kind of tokenizer against transformers' AutoTokenizer."""

import json

import pytest

from flan_jax.convert import companions
from flan_jax.data.formats.flan import Flan
from flan_jax.data.seqio_vocabulary import seqio_vocabulary
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests.convert.tokenizers_trained import KINDS, TEXT, write_byte_level
from tests.parity.models import transformers

TEXTS = [TEXT, *TEXT.splitlines(), '', ' ', '\n', ' two  spaces ', 'a</s>b<|endoftext|>c', '\u2581word']


@pytest.mark.parametrize('kind', KINDS)
def test_ids_and_texts_are_those_of_transformers(kind, tmp_path):
    KINDS[kind](tmp_path)
    ours, theirs = Vocabulary(str(tmp_path)), transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        assert ours.encode_marked(text) == theirs(text, add_special_tokens=False).input_ids
        ids = theirs(text, add_special_tokens=False, split_special_tokens=True).input_ids
        assert ours.encode(text) == ids
        assert seqio_vocabulary(ours).encode_tf(text).numpy().tolist() == ids
        assert Flan().encode_prompt(ours, text) == [
            *theirs(text, split_special_tokens=True).input_ids,
            theirs.eos_token_id,
        ]
        if ours.eos_id not in ids:
            assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True)
    assert ours.eos_id == theirs.eos_token_id and ours.pad_id == theirs.pad_token_id
    assert len(ours) == len(theirs)


@pytest.mark.parametrize('add_bos', [True, False])
def test_the_older_form_of_a_byte_level_tokenizer(add_bos, tmp_path):
    """vocab.json and merges.txt, which OPT is published with."""
    write_byte_level(tmp_path / 'new')
    model = json.loads((tmp_path / 'new' / 'tokenizer.json').read_text())['model']
    old = tmp_path / 'old'
    old.mkdir()
    (old / 'vocab.json').write_text(json.dumps(model['vocab']))
    (old / 'merges.txt').write_text('#version: 0.2\n' + '\n'.join(' '.join(pair) for pair in model['merges']) + '\n')
    token = '<|endoftext|>'
    settings = {'tokenizer_class': 'GPT2Tokenizer', 'add_bos_token': add_bos}
    settings |= {f'{name}_token': token for name in ('bos', 'eos', 'unk')}
    (old / 'tokenizer_config.json').write_text(json.dumps(settings))
    companions.copy(companions.epath.Path(old), companions.epath.Path(tmp_path / 'ours'), 'opt')
    ours, theirs = Vocabulary(str(tmp_path / 'ours')), transformers.AutoTokenizer.from_pretrained(old)
    for text in TEXTS:
        assert Flan().encode_prompt(ours, text) == [
            *theirs(text, split_special_tokens=True).input_ids,
            theirs.eos_token_id,
        ]
