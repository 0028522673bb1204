"""The interface of objectives: from the predictions of a batch to a loss and metrics.

Shape letters: B sequences, P predicted tokens, R responses, C clusters.
"""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from flan_jax.settings import Settings

Batch = Mapping[str, jax.Array]
"""The columns of `flan_jax.packing.layout.lay_out`, with cluster_ids [B, P] in place of tasks."""


@dataclasses.dataclass(frozen=True)
class Predictions:
    """The outputs of a model for a batch.

    Attributes:
      log_probs_BxP: log-probability of each label in nats, float32.
      values_BxR: the value head's output at the last token of each response, float32; None without a value head.
    """

    log_probs_BxP: jax.Array
    values_BxR: jax.Array | None = None


class Metric(NamedTuple):
    """A mean as total and count, which can be summed over microbatches, steps and processes: float32 scalars."""

    total: jax.Array
    count: jax.Array  # type: ignore[assignment]  # hides tuple.count


Metrics = dict[str, Metric]
"""Name to metric, such as 'loss' or 'loss/sentiment'."""

LOSS = 'loss'
"""Name of the metric that every objective returns, and that training monitors."""


@dataclasses.dataclass(frozen=True)
class Objective(Settings, abc.ABC):
    """A training objective; its fields are its settings.

    Attributes:
      ranked: whether it learns from several responses per prompt, ranked by their annotation `score`; if not, data with
        several responses are reduced to the best one.
      needs_reference: whether it reads the annotation `reference`, each response's log-probability under the reference
        model.
      needs_values: whether the model has a value head, whose outputs it reads.
    """

    ranked: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = False
    needs_values: ClassVar[bool] = False

    @property
    def reference(self) -> str | None:
        """Checkpoint folder of the reference model; None for the model that training starts from."""
        return None

    @property
    def temperature(self) -> float:
        """Temperature that logits are divided by before log-probabilities are computed."""
        return 1.0

    @abc.abstractmethod
    def denominator(self, batch: Batch) -> jax.Array:
        """What the summed loss is divided by, a scalar; computed from the whole batch before it is cut."""

    @abc.abstractmethod
    def __call__(self, predictions: Predictions, batch: Batch, clusters: Sequence[str]) -> tuple[jax.Array, Metrics]:
        """The summed loss of a batch or microbatch, a scalar, and its metrics, including `LOSS`.

        Args:
          predictions: the model's outputs.
          batch: labels, weights, response_ids, cluster_ids and annotations.
          clusters: names of the clusters, indexed by cluster_ids.
        """


def by_cluster(
    name: str, values_BxP: jax.Array, weights_BxP: jax.Array, cluster_ids_BxP: jax.Array, clusters: Sequence[str]
) -> Metrics:
    """The weighted mean of values over all clusters, and of each cluster as 'name/cluster'."""
    return summed_by_cluster(name, values_BxP * weights_BxP, weights_BxP, cluster_ids_BxP, clusters)


def summed_by_cluster(
    name: str, totals: jax.Array, counts: jax.Array, cluster_ids: jax.Array, clusters: Sequence[str]
) -> Metrics:
    """The same from products of values and weights (`totals`) and weights (`counts`), arrays of one shape."""
    sums = jax.lax.stop_gradient(jnp.stack([totals, counts]))
    sums_2xC = jnp.zeros((2, len(clusters))).at[:, cluster_ids].add(sums)
    metrics = {name: Metric(*sums_2xC.sum(axis=1))}
    return metrics | {f'{name}/{cluster}': Metric(*sums_2xC[:, index]) for index, cluster in enumerate(clusters)}
