"""Few-shot prompts: exemplars, which are solved examples of the same task, precede the query (FLAN, section 4.4).

A prompt is instruct(x1), y1, ..., instruct(xk), yk, instruct(x), with the prompt format's separators between them.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from flan_jax.catalogue.declaration import ANSWER, HISTORY, Dataset, TfdsExample
from flan_jax.data.prepared_source import PreparedSource
from flan_jax.data.rendering import Values, read_before, read_shown
from flan_jax.data.source import cached
from flan_jax.errors import UserError

POOL_EXAMPLES = 2048
"""Size of the pool that a dataset's exemplars are sampled from: a uniform sample of training examples, in memory."""

Read = Callable[[Dataset, TfdsExample], Values]
"""From a dataset's example to the values of an exemplar, scalar strings."""

Render = Callable[[Values], tuple[tf.Tensor, tf.Tensor]]
"""From values to inputs and targets; elementwise, so that it renders one example or many."""


@dataclasses.dataclass(frozen=True)
class Exemplars:
    """The exemplars of a task.

    Attributes:
      dataset: the dataset whose training examples are used.
      shots: maximal number of exemplars; fewer if they do not fit.
      seed: seed of the choice of exemplars.
      fixed: whether all queries get the same exemplars.
      data_dir: directory of prepared datasets; None for SeqIO's.
      read: from a training example to the values of an exemplar.
    """

    dataset: Dataset
    shots: int
    seed: int = 0
    fixed: bool = False
    data_dir: str | None = None
    read: Read = read_shown

    @property
    def suffix(self) -> str:
        """Suffix of the name of a task with these exemplars."""
        return f'_{self.shots}_fixed_shot' if self.fixed else f'_{self.shots}_shot'

    def of(self, values: Values, render: Render, seed: tf.Tensor | None = None) -> tf.Tensor:
        """Exemplars for a query, rendered like the query, which itself is never an exemplar.

        Args:
          values: values of the query.
          render: renders the query.
          seed: two integers to sample by; None to sample by the query's text, so that an example has the same exemplars
            in every template and at every position of the data.

        Returns:
          Inputs and targets, alternating, strings [2n], n at most `shots`.
        """
        return self.of_each(values, [render], seed)[0]

    def of_each(self, values: Values, renders: Sequence[Render], seed: tf.Tensor | None = None) -> list[tf.Tensor]:
        """The results of `of` for several ways to render a query, in the order of `renders`."""
        found = self._candidates(self._seed_of(values) if seed is None else seed)
        return [self._other(found, values, render) for render in renders]

    def _other(self, found: Values, values: Values, render: Render) -> tf.Tensor:
        """Rendered candidates, without the query."""
        shape = tf.shape(found[ANSWER])
        inputs, targets = (tf.broadcast_to(text, shape) for text in render(found))  # scalar if a template has no field
        query_inputs, query_targets = render(values)
        other = (inputs != query_inputs) | (targets != query_targets)
        sampled = tf.boolean_mask(tf.stack([inputs, targets], axis=1), other)[: self.shots]
        return tf.reshape(sampled, [-1])

    def sample(self, values: Values, seed: tf.Tensor) -> Values:
        """The values of up to `shots` exemplars for a query, strings [n]; the query itself is never an exemplar.

        Args:
          values: values of the query, from `read`.
          seed: two integers to sample by.
        """
        found = self._candidates(seed)
        other = tf.reduce_any(tf.stack([texts != values[name] for name, texts in found.items()]), axis=0)
        return {name: tf.boolean_mask(texts, other)[: self.shots] for name, texts in found.items()}

    def _candidates(self, seed: tf.Tensor) -> Values:
        """The values of `shots` + 1 sampled training examples: one more, since the query may be among them."""
        with tf.init_scope():
            data_dir = PreparedSource(self.dataset, self.data_dir).data_dir
            pool = exemplar_pool(self.dataset, data_dir, self.seed, self.read)
        order = tf.random.experimental.stateless_shuffle(tf.range(tf.size(pool[ANSWER])), seed)[: self.shots + 1]
        return {name: tf.gather(texts, order) for name, texts in pool.items()}

    def _seed_of(self, values: Values) -> tf.Tensor:
        text = tf.strings.join([values[name] for name in (*sorted(self.dataset.fields), ANSWER)], '\n')
        query = tf.constant(0, tf.int64) if self.fixed else tf.strings.to_hash_bucket_fast(text, 2**31 - 1)
        return tf.stack([tf.constant(self.seed, tf.int64), query])


@cached
@tf.autograph.experimental.do_not_convert
def exemplar_pool(dataset: Dataset, data_dir: str, seed: int, read: Read = read_shown) -> Values:
    """The values of up to `POOL_EXAMPLES` distinct training examples; vectors of strings.

    Raises:
      MissingDataError: if the dataset has no training examples there.
      UserError: if none of them can be an exemplar.
    """
    source = PreparedSource(dataset, data_dir)
    total = source.num_input_examples('train')
    chosen = np.zeros(total, bool)
    chosen[np.random.default_rng(seed).permutation(total)[:POOL_EXAMPLES]] = True
    examples = source.get_dataset('train', shuffle=False).enumerate()
    examples = examples.filter(lambda index, ex: tf.gather(chosen, index)).map(lambda index, ex: ex)
    if dataset.keep is not None:
        examples = examples.filter(dataset.keep.test)
    if dataset.dialogue is not None:  # a later turn of a dialogue cannot be understood without the earlier ones
        examples = examples.filter(lambda ex: tf.size(read_before(dataset, ex)[HISTORY]) == 0)
    shown = examples.map(lambda ex: read(dataset, ex), tf.data.AUTOTUNE)
    distinct = list(dict.fromkeys(tuple(values.values()) for values in shown.as_numpy_iterator()))
    if not distinct:
        raise UserError(
            f'{dataset.name} has no training example that can be an exemplar: none is usable, or all are later turns '
            'of dialogues; set Data.shots and SHOTS to 0 for it, or leave it out'
        )
    return {name: tf.constant(texts, tf.string) for name, texts in zip(shown.element_spec, zip(*distinct))}
