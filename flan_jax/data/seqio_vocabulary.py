"""Vocabularies as SeqIO vocabularies."""

import functools
from collections.abc import Callable

import numpy as np
import seqio
import tensorflow as tf

from flan_jax.tokenizers.vocabulary import Vocabulary


@functools.cache
def seqio_vocabulary(vocabulary: Vocabulary) -> seqio.Vocabulary:
    """The same vocabulary for SeqIO: SentencePiece's own op, or a tokenizer.json in Python."""
    if vocabulary.path.suffix == '.json':
        return TokenizerVocabulary(vocabulary)
    return seqio.SentencePieceVocabulary(str(vocabulary.path))


def encode_continuation(vocabulary: Vocabulary, text: tf.Tensor) -> tf.Tensor:
    """`Vocabulary.encode_continuation` inside tf.data: a scalar string to [T] int32."""
    return _encode_all(vocabulary.encode_continuation, text[tf.newaxis])[0]


class TokenizerVocabulary(seqio.Vocabulary):
    """Encodes and decodes by a tokenizer.json; inside tf.data this runs Python, in the process that reads."""

    def __init__(self, vocabulary: Vocabulary):
        """Wraps the vocabulary."""
        super().__init__()
        self._vocabulary = vocabulary

    @property
    def bos_id(self) -> int | None:
        """Id of the token that begins prompts; None if there is none."""
        return self._vocabulary.bos_id

    @property
    def eos_id(self) -> int:
        """Id of the token that ends texts."""
        return self._vocabulary.eos_id

    @property
    def pad_id(self) -> int:
        """The pad token's id, or 0: masks mark padding, never its id."""
        return self._vocabulary.pad_id or seqio.vocabularies.PAD_ID

    @property
    def unk_id(self) -> None:
        """None: byte-level tokenizers can encode every text."""
        return None

    @property
    def _base_vocab_size(self) -> int:
        return len(self._vocabulary)

    def _encode(self, s: str) -> list[int]:
        return self._vocabulary.encode(s)

    def _decode(self, ids) -> str:
        return self._vocabulary.decode(ids)

    def _encode_tf(self, s: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
        """A text to [T] int32, texts [N] to a ragged [N, T]."""
        s = tf.convert_to_tensor(s)
        ids, lengths = _encode_all(self._vocabulary.encode, tf.reshape(s, [-1]))
        return ids if s.shape.rank == 0 else tf.RaggedTensor.from_row_lengths(ids, lengths, validate=False)

    def _decode_tf(self, ids: tf.Tensor) -> tf.Tensor:
        return tf.numpy_function(lambda ids: self._decode(ids).encode(), [ids], tf.string, stateful=False)

    def __eq__(self, other) -> bool:
        return isinstance(other, TokenizerVocabulary) and self._vocabulary.fingerprint == other._vocabulary.fingerprint


def _encode_all(encode: Callable[[str], list[int]], texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The concatenated ids of texts [N], and the number of ids of each."""

    def in_python(texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        encoded = [encode(text.decode()) for text in texts]
        return np.array([i for ids in encoded for i in ids], np.int32), np.array(
            [len(ids) for ids in encoded], np.int64
        )

    ids, lengths = tf.numpy_function(in_python, [texts], (tf.int32, tf.int64), stateful=False)
    ids.set_shape([None])
    lengths.set_shape(texts.shape)
    return ids, lengths
