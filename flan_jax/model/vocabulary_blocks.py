"""Log-probabilities of labels on a CPU, by blocks of the vocabulary.

The softmax and its gradient would keep several arrays as large as the logits. Block by block maximum, sum and gradient
are computed of what was just multiplied: logits are kept once for the backward pass, and their gradient is never whole.
What that gains is memory (docs/performance.md).

Shape letters: R rows, V vocabulary, D model, N blocks, S tokens of a block (V = N * S).
"""

import jax
import jax.numpy as jnp

LARGEST_BLOCK, SMALLEST_BLOCK = 2048, 512
"""Tokens of a block. Smaller ones gain nothing more, and are slow to multiply."""


@jax.custom_vjp
def log_probs_in_blocks(hidden_RxD: jax.Array, kernel_VxD: jax.Array, labels_R: jax.Array) -> jax.Array:
    """Log-probabilities [R] of labels by the softmax of hidden @ kernel.T, all in float32; NaN for none of its rows."""
    return _forward(hidden_RxD, kernel_VxD, labels_R)[0]


def _forward(hidden_RxD, kernel_VxD, labels_R):
    kernel_NxSxD = kernel_VxD.reshape(-1, _block_size(len(kernel_VxD)), kernel_VxD.shape[1])

    def one_block(block):
        first, kernel_SxD = block
        logits_RxS = jax.lax.optimization_barrier(hidden_RxD @ kernel_SxD.T)
        largest_R = jnp.maximum(logits_RxS.max(axis=1), jnp.finfo(jnp.float32).min)  # a block may be all -inf
        total_R = jnp.exp(logits_RxS - largest_R[:, None]).sum(axis=1)
        place_R = labels_R - first
        of_label_R = jnp.take_along_axis(logits_RxS, place_R[:, None], axis=1, mode='clip')[:, 0]
        here_R = (place_R >= 0) & (place_R < len(kernel_SxD))
        return logits_RxS, largest_R, total_R, jnp.where(here_R, of_label_R, 0)

    logits_NxRxS, largest_NxR, total_NxR, of_label_NxR = jax.lax.map(one_block, (_firsts(kernel_NxSxD), kernel_NxSxD))
    largest_R = largest_NxR.max(axis=0)
    normaliser_R = largest_R + jnp.log((total_NxR * jnp.exp(largest_NxR - largest_R)).sum(axis=0))
    residuals = hidden_RxD, kernel_NxSxD, labels_R, logits_NxRxS, normaliser_R
    known_R = (labels_R >= 0) & (labels_R < len(kernel_VxD))
    return jnp.where(known_R, of_label_NxR.sum(axis=0) - normaliser_R, jnp.nan), residuals


def _backward(residuals, gradient_R):
    hidden_RxD, kernel_NxSxD, labels_R, logits_NxRxS, normaliser_R = residuals

    def one_block(of_hidden_RxD, block):
        first, kernel_SxD, logits_RxS = block
        is_label_RxS = jnp.arange(len(kernel_SxD)) == (labels_R - first)[:, None]
        probs_RxS = jnp.exp(logits_RxS - normaliser_R[:, None])
        of_logits_RxS = jax.lax.optimization_barrier(gradient_R[:, None] * (is_label_RxS - probs_RxS))
        return of_hidden_RxD + of_logits_RxS @ kernel_SxD, of_logits_RxS.T @ hidden_RxD

    blocks = (_firsts(kernel_NxSxD), kernel_NxSxD, logits_NxRxS)
    of_hidden_RxD, of_kernel_NxSxD = jax.lax.scan(one_block, jnp.zeros_like(hidden_RxD), blocks)
    return of_hidden_RxD, of_kernel_NxSxD.reshape(-1, hidden_RxD.shape[1]), None


log_probs_in_blocks.defvjp(_forward, _backward)


def _firsts(kernel_NxSxD):
    """The first token of every block."""
    return jnp.arange(len(kernel_NxSxD)) * kernel_NxSxD.shape[1]


def _block_size(vocabulary: int) -> int:
    """The largest that cuts a vocabulary evenly; all of it where that would be a small one."""
    size = next(size for size in range(min(LARGEST_BLOCK, vocabulary), 0, -1) if vocabulary % size == 0)
    return size if size >= SMALLEST_BLOCK else vocabulary
