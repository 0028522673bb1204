"""Reductions over the tokens of responses, and over pairs of responses, for objectives with several per prompt.

The R responses of a packed sequence come from several examples; only responses of the same example are compared. There
is a pair [b, i, j] if response i has a higher `score` than response j; equal scores make no pair, nor does padding.

Shape letters: B sequences, P predicted tokens, R responses.
"""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp

from flan_jax.objectives.objective import Batch, Metrics, summed_by_cluster

SCORE, REFERENCE = 'score', 'reference'
"""Names of annotations, float32 [B, R]: the score of a response, and its log-probability under the reference model."""


def sums(values_BxP: jax.Array, batch: Batch) -> jax.Array:
    """The weighted sum over each response's tokens, [B, R]; 0 for padding."""
    rows_Bx1 = jnp.arange(len(values_BxP))[:, None]
    zeros_BxR = jnp.zeros(batch['example_ids'].shape, jnp.float32)
    return zeros_BxR.at[rows_Bx1, batch['response_ids']].add(values_BxP * batch['weights'])


def lengths(batch: Batch) -> jax.Array:
    """Weighted number of tokens of each response, [B, R]; 1 for padding, so that one can divide by it."""
    counted_BxR = sums(jnp.ones_like(batch['weights']), batch)
    return jnp.where(counted_BxR > 0, counted_BxR, 1.0)


def cluster_ids(batch: Batch) -> jax.Array:
    """The cluster of each response, [B, R]; 0 for padding."""
    rows_Bx1 = jnp.arange(len(batch['weights']))[:, None]
    ids_BxP = jnp.where(batch['weights'] > 0, batch['cluster_ids'], 0)
    return jnp.zeros_like(batch['example_ids']).at[rows_Bx1, batch['response_ids']].max(ids_BxP)


def siblings(batch: Batch) -> jax.Array:
    """Whether two responses belong to the same example, [B, R, R]; True on the diagonal, False for padding."""
    ids_BxR = batch['example_ids']
    return (ids_BxR[:, :, None] == ids_BxR[:, None, :]) & (ids_BxR >= 0)[:, :, None]


def pairs(batch: Batch) -> jax.Array:
    """1 where the first response is better than the second of its example, otherwise 0; float32 [B, R, R]."""
    scores_BxR = batch[SCORE]
    return (siblings(batch) & (scores_BxR[:, :, None] > scores_BxR[:, None, :])).astype(jnp.float32)


def pair_weights(batch: Batch) -> jax.Array:
    """The weight of each pair: one over the number of pairs of its example, float32 [B, R, R].

    That is 1 / C(K, 2) for K responses with different scores (Ouyang et al. 2022, section 3.5). The weights of an
    example with any pair sum to 1, so that the total is the number of such examples.
    """
    pairs_BxRxR = pairs(batch)
    pairs_of_example_BxR = jnp.einsum('bij,bjk->bi', siblings(batch).astype(jnp.float32), pairs_BxRxR)
    return pairs_BxRxR / jnp.maximum(pairs_of_example_BxR, 1.0)[:, :, None]


def best(batch: Batch) -> jax.Array:
    """1 for each example's response with the highest score, the first if several are equal; float32 [B, R].

    The sum is the number of examples.
    """
    scores_BxR, siblings_BxRxR = batch[SCORE], siblings(batch)
    index_R = jnp.arange(scores_BxR.shape[1])
    equal_and_before = (scores_BxR[:, None, :] == scores_BxR[:, :, None]) & (index_R < index_R[:, None])
    beaten_BxRxR = siblings_BxRxR & ((scores_BxR[:, None, :] > scores_BxR[:, :, None]) | equal_and_before)
    return ((batch['example_ids'] >= 0) & ~beaten_BxRxR.any(axis=2)).astype(jnp.float32)


def pair_metrics(
    by_pair: Mapping[str, jax.Array], weights_BxRxR: jax.Array, batch: Batch, clusters: Sequence[str]
) -> Metrics:
    """The weighted means of metrics over pairs, over all clusters and by the cluster of their example.

    Args:
      by_pair: values of each metric, broadcastable to [B, R, R].
      weights_BxRxR: weight of each pair.
      batch: the batch that the pairs come from.
      clusters: names of the clusters, indexed by cluster_ids.
    """
    ids_BxR, counts_BxR = cluster_ids(batch), weights_BxRxR.sum(axis=2)
    metrics: Metrics = {}
    for name, values in by_pair.items():
        metrics |= summed_by_cluster(name, (values * weights_BxRxR).sum(axis=2), counts_BxR, ids_BxR, clusters)
    return metrics
