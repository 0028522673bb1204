"""The bundled vocabulary gives every text back, inside TensorFlow and out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_jax.data.seqio_vocabulary import seqio_vocabulary
from flan_jax.errors import UserError
from flan_jax.tokenizers.vocabulary import Vocabulary

BUNDLED = Vocabulary()


@given(st.text(st.characters(blacklist_categories=('Cs',), blacklist_characters='\ufeff▁')))
def test_text_survives(text):
    assert BUNDLED.decode(BUNDLED.encode(text)) == text


def test_seqio_has_the_same_ids():
    text = 'Premise: Ça va?\n\nOPTIONS:\n- yes\n- no 🙂 4096'
    theirs = seqio_vocabulary(BUNDLED)
    assert theirs.encode(text) == BUNDLED.encode(text)
    assert theirs.encode_tf(text).numpy().tolist() == BUNDLED.encode(text)
    assert theirs.eos_id == BUNDLED.eos_id and theirs.vocab_size == len(BUNDLED) == 4096


def test_decoding_ends_at_eos():
    ids = BUNDLED.encode('one two')
    assert BUNDLED.decode([*ids, BUNDLED.eos_id, *ids]) == 'one two'


def test_an_absent_model_is_named(tmp_path):
    with pytest.raises(UserError, match='VOCABULARY=.*no such file or folder'):
        Vocabulary(str(tmp_path / 'none.model'))
