"""Few-shot prompts: solved exemplars of the same task stand before the query (FLAN, section 4.4).

A prompt is instruct(x1), y1, ..., instruct(xk), yk, instruct(x); the prompt format says what stands between them.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from flan_jax.catalogue.declaration import ANSWER, HISTORY, Dataset, TfdsExample
from flan_jax.data.prepared_source import PreparedSource
from flan_jax.data.rendering import Values, read_before, read_shown
from flan_jax.data.source import kept
from flan_jax.errors import UserError

POOL_EXAMPLES = 2048
"""Training examples, a uniform sample by seed, from which its exemplars are sampled; they are held in memory."""

Read = Callable[[Dataset, TfdsExample], Values]
"""A dataset's example to what of it is needed; scalar strings."""

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
      read: what is read of a training example, scalar strings.
    """

    dataset: Dataset
    shots: int
    seed: int = 0
    fixed: bool = False
    data_dir: str | None = None
    read: Read = read_shown

    @property
    def suffix(self) -> str:
        """What a task with such exemplars adds to its name."""
        return f'_{self.shots}_fixed_shot' if self.fixed else f'_{self.shots}_shot'

    def of(self, values: Values, render: Render, seed: tf.Tensor | None = None) -> tf.Tensor:
        """Exemplars for a query, rendered as the query is; never the query itself.

        Args:
          values: the query's.
          render: renders the query.
          seed: two integers to sample by; None to sample by the query's text, so that an example has the same exemplars
            under every template and wherever it stands.

        Returns:
          Inputs and targets in turn, strings [2n], n at most `shots`.
        """
        return self.of_each(values, [render], seed)[0]

    def of_each(self, values: Values, renders: Sequence[Render], seed: tf.Tensor | None = None) -> list[tf.Tensor]:
        """What `of` gives for a query that is rendered in several ways, in the order of `renders`."""
        found = self._candidates(self._seed_of(values) if seed is None else seed)
        return [self._other(found, values, render) for render in renders]

    def _other(self, found: Values, values: Values, render: Render) -> tf.Tensor:
        """Candidates as they are rendered, but for one that is the query."""
        shape = tf.shape(found[ANSWER])
        inputs, targets = (tf.broadcast_to(text, shape) for text in render(found))  # a text may show no field
        query_inputs, query_targets = render(values)
        other = (inputs != query_inputs) | (targets != query_targets)
        sampled = tf.boolean_mask(tf.stack([inputs, targets], axis=1), other)[: self.shots]
        return tf.reshape(sampled, [-1])

    def sample(self, values: Values, seed: tf.Tensor) -> Values:
        """What `read` gives of up to `shots` exemplars for a query, strings [n]; never the query itself.

        Args:
          values: what `read` gives of the query.
          seed: two integers to sample by.
        """
        found = self._candidates(seed)
        other = tf.reduce_any(tf.stack([texts != values[name] for name, texts in found.items()]), axis=0)
        return {name: tf.boolean_mask(texts, other)[: self.shots] for name, texts in found.items()}

    def _candidates(self, seed: tf.Tensor) -> Values:
        """What `read` gives of training examples sampled by `seed`, one more than `shots`, lest the query is one."""
        with tf.init_scope():
            data_dir = PreparedSource(self.dataset, self.data_dir).data_dir
            pool = exemplar_pool(self.dataset, data_dir, self.seed, self.read)
        order = tf.random.experimental.stateless_shuffle(tf.range(tf.size(pool[ANSWER])), seed)[: self.shots + 1]
        return {name: tf.gather(texts, order) for name, texts in pool.items()}

    def _seed_of(self, values: Values) -> tf.Tensor:
        text = tf.strings.join([values[name] for name in (*sorted(self.dataset.fields), ANSWER)], '\n')
        query = tf.constant(0, tf.int64) if self.fixed else tf.strings.to_hash_bucket_fast(text, 2**31 - 1)
        return tf.stack([tf.constant(self.seed, tf.int64), query])


@kept
@tf.autograph.experimental.do_not_convert
def exemplar_pool(dataset: Dataset, data_dir: str, seed: int, read: Read = read_shown) -> Values:
    """What `read` gives of up to `POOL_EXAMPLES` training examples, no two alike; vectors of strings.

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
    if dataset.dialogue is not None:  # the last turn of a dialogue is no exemplar without those before it
        examples = examples.filter(lambda ex: tf.size(read_before(dataset, ex)[HISTORY]) == 0)
    shown = examples.map(lambda ex: read(dataset, ex), tf.data.AUTOTUNE)
    unlike = list(dict.fromkeys(tuple(values.values()) for values in shown.as_numpy_iterator()))
    if not unlike:
        raise UserError(
            f'{dataset.name} has no training example that can be an exemplar: none is usable, or all are later turns '
            'of dialogues; set Data.shots and SHOTS to 0 for it, or leave it out'
        )
    return {name: tf.constant(texts, tf.string) for name, texts in zip(shown.element_spec, zip(*unlike))}
