"""The options of an example: which of them are correct, and the options block."""

import dataclasses

import tensorflow as tf

from flan_jax.catalogue.option_styles import LISTED, OptionStyle


@dataclasses.dataclass(frozen=True)
class Options:
    """Options and the tensors derived from them, which are made lazily, because each takes time to trace.

    Attributes:
      given: texts of the options: strings [n], or a tuple if they are the same in every example.
      label: index of the correct option, or booleans [n] if several may be correct.
      style: how options are listed, and whether the answer is an option's text or its letter.
    """

    given: tf.Tensor | tuple[str, ...]
    label: tf.Tensor
    style: OptionStyle = LISTED

    @property
    def texts(self) -> tf.Tensor:
        """Texts of the options, strings [n]."""
        return tf.constant(self.given) if isinstance(self.given, tuple) else self.given

    @property
    def answers(self) -> tf.Tensor:
        """The possible answers: texts or letters, strings [n]."""
        return tf.constant(self.style.marks)[: tf.size(self.texts)] if self.style.answer_is_mark else self.texts

    @property
    def right(self) -> tf.Tensor:
        """Whether each option is correct, booleans [n]."""
        return self.label if self._several else tf.range(tf.size(self.texts, out_type=self.label.dtype)) == self.label

    @property
    def references(self) -> tf.Tensor:
        """The correct answers, strings [number of correct options]; raises InvalidArgumentError if there are none."""
        texts, right = self.texts, self.right
        is_one = tf.raw_ops.Assert(  # tf.debugging.Assert would trace two more functions
            condition=(tf.size(right) == tf.size(texts)) & tf.reduce_any(right),
            data=['the label', self.label, 'is none of the', tf.size(texts), 'options'],
        )
        with tf.control_dependencies([is_one] if is_one is not None else []):
            return tf.boolean_mask(self.answers, right) if self._several else self._answer[tf.newaxis]

    @property
    def first_right(self) -> tf.Tensor:
        """The first correct answer, a scalar string; raises InvalidArgumentError if there is none."""
        return self.references[0] if self._several else self._answer

    @property
    def block(self) -> tf.Tensor:
        """`options_block`."""
        if isinstance(self.given, tuple):
            marked = zip(self.style.marks[: len(self.given)], self.given, strict=True)
            return tf.constant(self.style.header + ''.join(f'\n{mark} {text}' for mark, text in marked))
        return options_block(self.given, self.style)

    @property
    def _several(self) -> bool:
        return bool(self.label.shape.rank)

    @property
    def _answer(self) -> tf.Tensor:
        """The answer at the label's index; TensorFlow raises an error if the index is out of range."""
        return tf.gather(self.answers, self.label)


def options_block(texts: tf.Tensor, style: OptionStyle = LISTED) -> tf.Tensor:
    """The options suffix (FLAN, section 2.3): a header, then one line per option. Strings [n] to a scalar."""
    prefixes = [f'\n{mark} ' for mark in style.marks]
    prefix = tf.constant(prefixes)[: tf.size(texts)] if style.tells_apart else prefixes[0]
    return tf.strings.join([style.header, tf.strings.reduce_join(tf.strings.join([prefix, texts]), 0)])
