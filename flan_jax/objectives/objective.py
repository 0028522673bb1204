"""What an objective is: it judges the predictions of a batch, and tells what it saw.

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
"""What `flan_jax.packing.layout.lay_out` makes, with cluster_ids [B, P]."""


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What a model says of a batch.

    Attributes:
      log_probs_BxP: log-probability of each label, float32.
      values_BxR: the scalar head's value at the last token of each response, float32; None where the model has no
        such head.
    """

    log_probs_BxP: jax.Array
    values_BxR: jax.Array | None = None


class Metric(NamedTuple):
    """A mean that can be summed over microbatches, steps and processes: float32 scalars."""

    total: jax.Array
    count: jax.Array  # type: ignore[assignment]  # tuple.count is not missed


Metrics = dict[str, Metric]
"""Name to metric, such as 'loss' or 'loss/sentiment'."""

LOSS = 'loss'
"""Name of the metric that every objective gives, and that training watches."""


@dataclasses.dataclass(frozen=True)
class Objective(Settings, abc.ABC):
    """What is learned from a batch; its fields are its settings.

    Attributes:
      ranked: whether it reads several responses of a prompt, by their annotation `score`; otherwise data with several
        give their best alone.
      needs_reference: whether it reads the annotation `reference`, each response's log-probability by the reference
        model.
      needs_values: whether the model has a scalar head, whose values it reads.
    """

    ranked: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = False
    needs_values: ClassVar[bool] = False

    @property
    def reference(self) -> str | None:
        """Folder of the checkpoint of the reference model; None for the one that training starts from."""
        return None

    @property
    def temperature(self) -> float:
        """Of sampling, at which log-probabilities are taken."""
        return 1.0

    @abc.abstractmethod
    def denominator(self, batch: Batch) -> jax.Array:
        """What the summed loss is divided by, a scalar; taken over the whole batch before it is cut."""

    @abc.abstractmethod
    def __call__(self, predictions: Predictions, batch: Batch, clusters: Sequence[str]) -> tuple[jax.Array, Metrics]:
        """The summed loss of a batch or a part of it, a scalar, and its metrics, the one called `LOSS` among them.

        Args:
          predictions: what the model says of it.
          batch: labels, weights, response_ids, cluster_ids and annotations.
          clusters: names that cluster_ids stand for.
        """


def by_cluster(
    name: str, values_BxP: jax.Array, weights_BxP: jax.Array, cluster_ids_BxP: jax.Array, clusters: Sequence[str]
) -> Metrics:
    """The weighted mean of values over all, and of each cluster as 'name/cluster'."""
    return summed_by_cluster(name, values_BxP * weights_BxP, weights_BxP, cluster_ids_BxP, clusters)


def summed_by_cluster(
    name: str, totals: jax.Array, counts: jax.Array, cluster_ids: jax.Array, clusters: Sequence[str]
) -> Metrics:
    """The mean over all, and of each cluster as 'name/cluster', of arrays of one shape that add up to it."""
    sums = jax.lax.stop_gradient(jnp.stack([totals, counts]))
    sums_2xC = jnp.zeros((2, len(clusters))).at[:, cluster_ids].add(sums)
    metrics = {name: Metric(*sums_2xC.sum(axis=1))}
    return metrics | {f'{name}/{cluster}': Metric(*sums_2xC[:, index]) for index, cluster in enumerate(clusters)}
