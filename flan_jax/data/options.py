"""The options of an example: which of them are right, and the block in which they are listed."""

import dataclasses

import tensorflow as tf

from flan_jax.catalogue.option_styles import LISTED, OptionStyle


@dataclasses.dataclass(frozen=True)
class Options:
    """Options, and what follows from them; each tensor is made when it is asked for, since all take a while to trace.

    Attributes:
      given: their texts: strings [n], or a tuple where they are the same in every example.
      label: the index of the right one, or booleans [n] where several may be right.
      style: how they are listed, and whether an answer is an option's text or its mark.
    """

    given: tf.Tensor | tuple[str, ...]
    label: tf.Tensor
    style: OptionStyle = LISTED

    @property
    def texts(self) -> tf.Tensor:
        """Strings [n]."""
        return tf.constant(self.given) if isinstance(self.given, tuple) else self.given

    @property
    def answers(self) -> tf.Tensor:
        """What may be answered: texts, or marks; strings [n]."""
        return tf.constant(self.style.marks)[: tf.size(self.texts)] if self.style.answer_is_mark else self.texts

    @property
    def right(self) -> tf.Tensor:
        """Whether each is right; booleans [n]."""
        return self.label if self._several else tf.range(tf.size(self.texts, out_type=self.label.dtype)) == self.label

    @property
    def references(self) -> tf.Tensor:
        """The right answers, strings [number of them]; InvalidArgumentError where there are none."""
        texts, right = self.texts, self.right
        is_one = tf.raw_ops.Assert(  # tf.debugging.Assert would be two more functions to trace
            condition=(tf.size(right) == tf.size(texts)) & tf.reduce_any(right),
            data=['the label', self.label, 'is none of the', tf.size(texts), 'options'],
        )
        with tf.control_dependencies([is_one] if is_one is not None else []):
            return tf.boolean_mask(self.answers, right) if self._several else self._answer[tf.newaxis]

    @property
    def first_right(self) -> tf.Tensor:
        """The first right answer, a scalar string; InvalidArgumentError where there is none."""
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
        """The answer at an index, which TensorFlow refuses where it is none of theirs."""
        return tf.gather(self.answers, self.label)


def options_block(texts: tf.Tensor, style: OptionStyle = LISTED) -> tf.Tensor:
    """The options suffix (FLAN, section 2.3): a header, then one line per option. Strings [n] to a scalar."""
    beginnings = [f'\n{mark} ' for mark in style.marks]
    beginning = tf.constant(beginnings)[: tf.size(texts)] if style.tells_apart else beginnings[0]
    return tf.strings.join([style.header, tf.strings.reduce_join(tf.strings.join([beginning, texts]), 0)])
