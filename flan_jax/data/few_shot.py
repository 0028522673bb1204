"""Few-shot prompts: solved exemplars of the same task stand before the query (FLAN, section 4.4).

A prompt is instruct(x1), y1, ..., instruct(xk), yk, instruct(x). EOS ends each part, as it does in an example that
stands by itself, and is the delimiter between them.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import seqio
import tensorflow as tf

from flan_jax.catalogue.declaration import ANSWER, Dataset
from flan_jax.data.rendering import Values, read_shown
from flan_jax.data.source import PreparedSource

EXEMPLARS = 'exemplars'
"""Feature of an example before it is tokenised: inputs and targets of its exemplars in turn, strings of shape [2n]."""

LENGTH_BOUND = 960
"""A prompt with exemplars is shorter than this many tokens, delimiters included (FLAN, section 4.4)."""

POOL_EXAMPLES = 2048
"""Training examples, a uniform sample by seed, from which a dataset's exemplars are drawn; they are held in memory."""

Render = Callable[[Values], tuple[tf.Tensor, tf.Tensor]]
"""Values to inputs and targets; elementwise, so that it renders one example or many."""


@dataclasses.dataclass(frozen=True)
class Exemplars:
    """Where the exemplars of a task come from.

    Attributes:
      dataset: whose training examples they are.
      shots: how many, as far as they fit.
      seed: what they depend on, besides the query.
      fixed: whether every query gets the same ones.
      data_dir: directory of prepared datasets; SeqIO's where None.
    """

    dataset: Dataset
    shots: int
    seed: int = 0
    fixed: bool = False
    data_dir: str | None = None

    @property
    def suffix(self) -> str:
        """What a task with such exemplars adds to its name."""
        return f'_{self.shots}_fixed_shot' if self.fixed else f'_{self.shots}_shot'

    def of(self, values: Values, render: Render, seed: tf.Tensor | None = None) -> tf.Tensor:
        """Exemplars for a query, rendered as the query is; never the query itself.

        Args:
          values: the query's.
          render: renders the query.
          seed: two integers to draw by; None to draw by the query's text, so that an example has the same exemplars under
            every template and wherever it stands.

        Returns:
          Inputs and targets in turn, strings [2n], n at most `shots`.
        """
        with tf.init_scope():
            pool = exemplar_pool(self.dataset, PreparedSource(self.dataset, self.data_dir).data_dir, self.seed)
        seed = self._seed_of(values) if seed is None else seed
        order = tf.random.experimental.stateless_shuffle(tf.range(tf.size(pool[ANSWER])), seed)[: self.shots + 1]
        rendered = render({name: tf.gather(texts, order) for name, texts in pool.items()})
        inputs, targets = (tf.broadcast_to(text, tf.shape(order)) for text in rendered)  # a text may show no field
        query_inputs, query_targets = render(values)
        other = (inputs != query_inputs) | (targets != query_targets)
        drawn = tf.boolean_mask(tf.stack([inputs, targets], axis=1), other)[: self.shots]
        return tf.reshape(drawn, [-1])

    def _seed_of(self, values: Values) -> tf.Tensor:
        text = tf.strings.join([values[name] for name in (*sorted(self.dataset.fields), ANSWER)], '\n')
        ex = tf.constant(0, tf.int64) if self.fixed else tf.strings.to_hash_bucket_fast(text, 2**31 - 1)
        return tf.stack([tf.constant(self.seed, tf.int64), ex])


@functools.cache
@tf.autograph.experimental.do_not_convert
def exemplar_pool(dataset: Dataset, data_dir: str, seed: int) -> Values:
    """What templates need of up to `POOL_ROWS` training examples, no two alike; vectors of strings.

    Raises:
      MissingDataError: if the dataset has no training examples there.
    """
    source = PreparedSource(dataset, data_dir)
    total = source.num_input_examples('train')
    chosen = np.zeros(total, bool)
    chosen[np.random.default_rng(seed).permutation(total)[:POOL_EXAMPLES]] = True
    examples = source.get_dataset('train', shuffle=False).enumerate()
    examples = examples.filter(lambda index, ex: tf.gather(chosen, index)).map(lambda index, ex: ex)
    if dataset.keep is not None:
        examples = examples.filter(dataset.keep.test)
    shown = examples.map(lambda ex: read_shown(dataset, ex), tf.data.AUTOTUNE)
    unlike = list(dict.fromkeys(tuple(values.values()) for values in shown.as_numpy_iterator()))
    return {name: tf.constant(texts, tf.string) for name, texts in zip(shown.element_spec, zip(*unlike))}


def put_before(
    exemplars: tf.Tensor, query: tf.Tensor, vocabulary: seqio.Vocabulary, input_length: int | None
) -> tuple[tf.Tensor, tf.Tensor]:
    """The tokens of a prompt: as many of the first exemplars as fit whole, then the query.

    Args:
      exemplars: strings [2n].
      query: the query's tokens, ended by EOS.
      vocabulary: tokenises the exemplars.
      input_length: tokens that the prompt may have, besides `LENGTH_BOUND`; None for no further bound.

    Returns:
      The tokens, and the number of exemplars among them.
    """
    parts = vocabulary.encode_tf(exemplars)
    eos = tf.fill([tf.size(exemplars), 1], tf.cast(vocabulary.eos_id, parts.dtype))
    parts = tf.concat([parts, eos], axis=1)
    lengths = tf.reduce_sum(tf.reshape(parts.row_lengths(), [-1, 2]), axis=1)
    room = min(LENGTH_BOUND - 1, input_length or LENGTH_BOUND) - tf.size(query, tf.int64)
    shots = tf.math.count_nonzero(tf.cumsum(lengths) <= room, dtype=tf.int32)
    return tf.concat([parts[: 2 * shots].flat_values, query], axis=0), shots
