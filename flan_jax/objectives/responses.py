"""What objectives over several responses of a prompt share: numbers of each response, and of pairs of responses.

Responses of a packed sequence stand side by side, whatever example they belong to; only those of one example are
compared. A pair [b, i, j] is there where response i is better than response j by their `score`; equal scores make no
pair, and neither does padding.

Shape letters: B sequences, P predicted tokens, R responses.
"""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp

from flan_jax.objectives.objective import Batch, Metrics, summed_by_cluster

SCORE, REFERENCE = 'score', 'reference'
"""Names of annotations, float32 [B, R]: how good a response is, and its log-probability by the reference model."""


def sums(values_BxP: jax.Array, batch: Batch) -> jax.Array:
    """The weighted sum of each response's tokens, [B, R]; 0 for padding."""
    rows_Bx1 = jnp.arange(len(values_BxP))[:, None]
    zeros_BxR = jnp.zeros(batch['example_ids'].shape, jnp.float32)
    return zeros_BxR.at[rows_Bx1, batch['response_ids']].add(values_BxP * batch['weights'])


def lengths(batch: Batch) -> jax.Array:
    """Tokens of each response, each counting its weight, [B, R]; 1 for padding, so that it may be divided by."""
    counted_BxR = sums(jnp.ones_like(batch['weights']), batch)
    return jnp.where(counted_BxR > 0, counted_BxR, 1.0)


def cluster_ids(batch: Batch) -> jax.Array:
    """The cluster of each response, [B, R]; 0 for padding."""
    rows_Bx1 = jnp.arange(len(batch['weights']))[:, None]
    ids_BxP = jnp.where(batch['weights'] > 0, batch['cluster_ids'], 0)
    return jnp.zeros_like(batch['example_ids']).at[rows_Bx1, batch['response_ids']].max(ids_BxP)


def siblings(batch: Batch) -> jax.Array:
    """Whether two responses are of one example, [B, R, R]; each is its own sibling."""
    ids_BxR = batch['example_ids']
    return (ids_BxR[:, :, None] == ids_BxR[:, None, :]) & (ids_BxR >= 0)[:, :, None]


def pairs(batch: Batch) -> jax.Array:
    """1 where the first response is the better one of a pair, float32 [B, R, R]."""
    scores_BxR = batch[SCORE]
    return (siblings(batch) & (scores_BxR[:, :, None] > scores_BxR[:, None, :])).astype(jnp.float32)


def pair_weights(batch: Batch) -> jax.Array:
    """Pairs that each weigh one over the number of pairs of their example, [B, R, R].

    That is 1 / C(K, 2) for K responses with different scores (Ouyang et al. 2022, section 3.5). An example with any
    pair weighs 1, so that the sum is the number of such examples.
    """
    pairs_BxRxR = pairs(batch)
    of_example_BxR = jnp.einsum('bij,bjk->bi', siblings(batch).astype(jnp.float32), pairs_BxRxR)
    return pairs_BxRxR / jnp.maximum(of_example_BxR, 1.0)[:, :, None]


def best(batch: Batch) -> jax.Array:
    """1 for the response of each example with the highest score, the first of equals, float32 [B, R].

    The sum is the number of examples.
    """
    scores_BxR, siblings_BxRxR = batch[SCORE], siblings(batch)
    number_R = jnp.arange(scores_BxR.shape[1])
    equal_and_before = (scores_BxR[:, None, :] == scores_BxR[:, :, None]) & (number_R < number_R[:, None])
    beaten_BxRxR = siblings_BxRxR & ((scores_BxR[:, None, :] > scores_BxR[:, :, None]) | equal_and_before)
    return ((batch['example_ids'] >= 0) & ~beaten_BxRxR.any(axis=2)).astype(jnp.float32)


def pair_metrics(
    seen: Mapping[str, jax.Array], weights_BxRxR: jax.Array, batch: Batch, clusters: Sequence[str]
) -> Metrics:
    """The weighted mean over pairs of everything seen of them, over all and by the cluster of their example.

    Args:
      seen: name to numbers that broadcast to [B, R, R].
      weights_BxRxR: weight of each pair.
      batch: whose pairs they are.
      clusters: names that cluster_ids stand for.
    """
    ids_BxR, counts_BxR = cluster_ids(batch), weights_BxRxR.sum(axis=2)
    metrics: Metrics = {}
    for name, values in seen.items():
        metrics |= summed_by_cluster(name, (values * weights_BxRxR).sum(axis=2), counts_BxR, ids_BxR, clusters)
    return metrics
