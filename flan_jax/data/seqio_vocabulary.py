"""A Hugging Face tokenizer as a SeqIO vocabulary."""

import numpy as np
import seqio
import tensorflow as tf

from flan_jax.tokenizers.huggingface import HuggingFaceTokenizer


class TokenizerVocabulary(seqio.Vocabulary):
    """Encodes and decodes by a HuggingFaceTokenizer; inside tf.data this runs Python, in the process that reads."""

    def __init__(self, tokenizer: HuggingFaceTokenizer):
        """Wraps the tokenizer."""
        super().__init__()
        self._tokenizer = tokenizer

    @property
    def bos_id(self) -> int | None:
        """Id that begins prompts; None where nothing does."""
        return self._tokenizer.bos_id

    @property
    def eos_id(self) -> int:
        """Id that ends inputs and targets."""
        return self._tokenizer.eos_id

    @property
    def pad_id(self) -> int:
        """The pad token's id, or 0: padding is told apart by masks, never by its id."""
        return self._tokenizer.pad_id or seqio.vocabularies.PAD_ID

    @property
    def unk_id(self) -> None:
        """None: byte-level tokenizers know every text."""
        return None

    @property
    def _base_vocab_size(self) -> int:
        return len(self._tokenizer)

    def _encode(self, s: str) -> list[int]:
        return self._tokenizer.encode(s)

    def _decode(self, ids) -> str:
        return self._tokenizer.decode([int(i) for i in ids])

    def _encode_tf(self, s: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
        """A text to [T] int32, texts [N] to a ragged [N, T]."""
        s = tf.convert_to_tensor(s)
        texts = tf.reshape(s, [-1])
        ids, lengths = tf.numpy_function(self._encode_all, [texts], (tf.int32, tf.int64), stateful=False)
        ids.set_shape([None])
        lengths.set_shape(texts.shape)
        return ids if s.shape.rank == 0 else tf.RaggedTensor.from_row_lengths(ids, lengths, validate=False)

    def _encode_all(self, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        examples = [self._tokenizer.encode(text.decode()) for text in texts]
        ids = np.array([i for ex in examples for i in ex], np.int32)
        return ids, np.array([len(ex) for ex in examples], np.int64)

    def _decode_tf(self, ids: tf.Tensor) -> tf.Tensor:
        return tf.numpy_function(lambda ids: self._decode(ids).encode(), [ids], tf.string, stateful=False)

    def __eq__(self, other) -> bool:
        return isinstance(other, TokenizerVocabulary) and self._tokenizer.fingerprint == other._tokenizer.fingerprint
