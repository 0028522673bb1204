"""The loss: negative log-likelihood of target tokens, with one denominator for the whole batch.

Shape letters: B rows, T tokens, K target tokens, V vocabulary, C clusters.
"""

import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params

Batch = Mapping[str, jax.Array]
"""What `flan_jax.packing.rows.expand` makes: tokens, positions, segment_ids, target_mask and cluster_ids, each [B, T]."""


def next_token_losses(logits_BxTxV: jax.Array, labels_BxT: jax.Array) -> jax.Array:
    """Negative log-likelihood of each label in nats, [B, T], computed in float32."""
    logits_BxTxV = logits_BxTxV.astype(jnp.float32)
    label_logits = jnp.take_along_axis(logits_BxTxV, labels_BxT[..., None], axis=-1)[..., 0]
    return jax.nn.logsumexp(logits_BxTxV, axis=-1) - label_logits


def label_weights(batch: Batch) -> tuple[jax.Array, jax.Array]:
    """What each position should predict, and whether it counts: labels [B, T] and weights [B, T], 0.0 or 1.0.

    Position t predicts token t + 1. It counts where that token is a target of the same segment.
    """
    labels = jnp.roll(batch['tokens'], -1, axis=1)
    is_target = jnp.roll(batch['target_mask'], -1, axis=1).at[:, -1].set(False)
    same_segment = jnp.roll(batch['segment_ids'], -1, axis=1) == batch['segment_ids']
    return labels, (is_target & same_segment).astype(jnp.float32)


def summed_loss(
    config: DecoderConfig, params: Params, batch: Batch, max_targets: int, num_clusters: int, execution: Execution
) -> tuple[jax.Array, jax.Array]:
    """The sum of the losses of all target tokens, and [2, C]: the same by cluster above the number of target tokens.

    Only positions that predict a target are projected onto the vocabulary, the first `max_targets` of each row; no row
    has more.
    """
    hidden = decoder.hidden_states(
        config, params, batch['tokens'], batch['positions'], batch['segment_ids'], execution=execution
    )
    labels, weights = label_weights(batch)
    weights_BxK, where_BxK = jax.lax.top_k(weights, max_targets)
    at_targets = functools.partial(jnp.take_along_axis, indices=where_BxK, axis=1)
    hidden_BxKxD = jnp.take_along_axis(hidden, where_BxK[..., None], axis=1)
    losses = next_token_losses(decoder.logits(config, params, hidden_BxKxD), at_targets(labels)) * weights_BxK
    clusters = at_targets(batch['cluster_ids'])
    by_cluster = jnp.zeros((2, num_clusters)).at[:, clusters].add(jnp.stack([losses, weights_BxK]))
    return losses.sum(), jax.lax.stop_gradient(by_cluster)
