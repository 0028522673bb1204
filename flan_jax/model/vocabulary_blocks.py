"""Log-probabilities of labels on a CPU, in blocks of the vocabulary.

A plain softmax and its gradient keep several arrays of the size of the logits. Here, maximum, sum and gradient are
computed per block, right after its product: logits are saved once for the backward pass, and their gradient never
exists as a whole. The gain is memory (docs/performance.md).

Shape letters: R rows, V vocabulary, D model, N blocks, S tokens of a block (V = N * S).
"""

import jax
import jax.numpy as jnp

LARGEST_BLOCK, SMALLEST_BLOCK = 2048, 512
"""Tokens per block. Smaller blocks save no more memory, and their products are slow."""


@jax.custom_vjp
def log_probs_in_blocks(hidden_RxD: jax.Array, kernel_VxD: jax.Array, labels_R: jax.Array) -> jax.Array:
    """Log-probabilities [R] of labels by the softmax of hidden @ kernel.T, all float32; NaN for labels outside V."""
    return _forward(hidden_RxD, kernel_VxD, labels_R)[0]


def _forward(hidden_RxD, kernel_VxD, labels_R):
    kernel_NxSxD = kernel_VxD.reshape(-1, _block_size(len(kernel_VxD)), kernel_VxD.shape[1])

    def one_block(block):
        first, kernel_SxD = block
        logits_RxS = jax.lax.optimization_barrier(hidden_RxD @ kernel_SxD.T)
        largest_R = jnp.maximum(logits_RxS.max(axis=1), jnp.finfo(jnp.float32).min)  # a block may be all -inf
        total_R = jnp.exp(logits_RxS - largest_R[:, None]).sum(axis=1)
        index_R = labels_R - first
        label_logit_R = jnp.take_along_axis(logits_RxS, index_R[:, None], axis=1, mode='clip')[:, 0]
        here_R = (index_R >= 0) & (index_R < len(kernel_SxD))
        return logits_RxS, largest_R, total_R, jnp.where(here_R, label_logit_R, 0)

    logits_NxRxS, largest_NxR, total_NxR, label_logit_NxR = jax.lax.map(
        one_block, (_firsts(kernel_NxSxD), kernel_NxSxD)
    )
    largest_R = largest_NxR.max(axis=0)
    normaliser_R = largest_R + jnp.log((total_NxR * jnp.exp(largest_NxR - largest_R)).sum(axis=0))
    residuals = hidden_RxD, kernel_NxSxD, labels_R, logits_NxRxS, normaliser_R
    known_R = (labels_R >= 0) & (labels_R < len(kernel_VxD))
    return jnp.where(known_R, label_logit_NxR.sum(axis=0) - normaliser_R, jnp.nan), residuals


def _backward(residuals, gradient_R):
    hidden_RxD, kernel_NxSxD, labels_R, logits_NxRxS, normaliser_R = residuals

    def one_block(grad_hidden_RxD, block):
        first, kernel_SxD, logits_RxS = block
        is_label_RxS = jnp.arange(len(kernel_SxD)) == (labels_R - first)[:, None]
        probs_RxS = jnp.exp(logits_RxS - normaliser_R[:, None])
        grad_logits_RxS = jax.lax.optimization_barrier(gradient_R[:, None] * (is_label_RxS - probs_RxS))
        return grad_hidden_RxD + grad_logits_RxS @ kernel_SxD, grad_logits_RxS.T @ hidden_RxD

    blocks = (_firsts(kernel_NxSxD), kernel_NxSxD, logits_NxRxS)
    grad_hidden_RxD, grad_kernel_NxSxD = jax.lax.scan(one_block, jnp.zeros_like(hidden_RxD), blocks)
    return grad_hidden_RxD, grad_kernel_NxSxD.reshape(-1, hidden_RxD.shape[1]), None


log_probs_in_blocks.defvjp(_forward, _backward)


def _firsts(kernel_NxSxD):
    """The first token of every block."""
    return jnp.arange(len(kernel_NxSxD)) * kernel_NxSxD.shape[1]


def _block_size(vocabulary: int) -> int:
    """The largest block size that divides the vocabulary; the whole vocabulary if that would be too small."""
    size = next(size for size in range(min(LARGEST_BLOCK, vocabulary), 0, -1) if vocabulary % size == 0)
    return size if size >= SMALLEST_BLOCK else vocabulary
