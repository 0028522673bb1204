"""Matrix products of weights and of attention, laid out so that a CPU can use its bfloat16 matrix units.

On a CPU with AMX, XLA's YNNPACK multiplies bfloat16 five times as fast as float32, but only if both operands are
row-major and the product is float32. Otherwise XLA first converts the operands to float32, which is slower than float32
throughout. Autodiff yields transposed operands and a bfloat16 product. Therefore forward and backward pass are written
out here for a single CPU device; several devices and other platforms use the plain product, which is fastest there.

Shape letters: R rows, D in, F out; of attention M, K, G, Q, S and N as in `attention`.
"""

import functools

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike


def product(x: jax.Array, kernel: jax.Array, *, transposed: bool = False, dtype: DTypeLike | None = None) -> jax.Array:
    """x @ kernel [D, F], or x @ kernel.T where `transposed` and the kernel is [F, D], computed in the dtype of x.

    Args:
      x: activations, [..., D].
      kernel: weights, in any dtype.
      transposed: whether the kernel is [F, D].
      dtype: dtype of the product; by default that of x.
    """
    dtype = dtype or x.dtype
    if not on_one_cpu():
        return _plain_product(x, kernel, transposed, dtype)
    # As a matrix: otherwise the kernel's gradient sums over several axes, for which XLA copies the logits' gradient.
    multiply = _row_by_row if x.dtype == jnp.bfloat16 else _plain_product
    y_RxF = multiply(x.reshape(-1, x.shape[-1]), kernel, transposed, dtype)
    return y_RxF.reshape(*x.shape[:-1], y_RxF.shape[-1])


def scores_of(key: jax.Array, query: jax.Array) -> jax.Array:
    """Products of keys [M, K, S, N] and queries [M, K, G, Q, N] that share them: float32 [M, K, S, G, Q]."""
    if key.dtype == jnp.bfloat16 and on_one_cpu():
        scores = _scores(key, query.reshape(*query.shape[:2], -1, query.shape[-1]))
        return scores.reshape(*key.shape[:3], *query.shape[2:4])
    return jnp.einsum('MKSN,MKGQN->MKSGQ', key, query, preferred_element_type=jnp.float32)


def weighted_values(weights: jax.Array, value: jax.Array) -> jax.Array:
    """Sums of values [M, K, S, N] by weights [M, K, S, G, Q]: float32 [M, K, G, Q, N]."""
    if value.dtype == jnp.bfloat16 and on_one_cpu():
        sums = _weighted_values(weights.reshape(*value.shape[:3], -1), value)
        return sums.reshape(*value.shape[:2], *weights.shape[3:], value.shape[-1])
    return jnp.einsum('MKSGQ,MKSN->MKGQN', weights, value, preferred_element_type=jnp.float32)


def on_one_cpu() -> bool:
    """Whether the mesh in use is a single CPU device; False without a mesh."""
    mesh = jax.sharding.get_abstract_mesh()
    device = None if mesh.empty else mesh.abstract_device
    return device is not None and mesh.size == 1 and device.platform == 'cpu'


def _plain_product(x, kernel, transposed, dtype):
    kernel = kernel.astype(x.dtype)
    return jnp.matmul(x, kernel.T if transposed else kernel, preferred_element_type=dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _row_by_row(x_RxD, kernel, transposed, dtype):
    return _forward(x_RxD, kernel, transposed, dtype)[0]


def _forward(x_RxD, kernel, transposed, dtype):
    rounded = jax.lax.optimization_barrier(kernel.astype(x_RxD.dtype))
    y_RxF = float32_product(x_RxD, row_major_transpose(rounded) if transposed else rounded)
    return y_RxF.astype(dtype), (x_RxD, rounded, kernel[:0])


def _backward(transposed, dtype, residuals, gradient_RxF):
    x_RxD, rounded, like_kernel = residuals
    gradient_RxF = gradient_RxF.astype(x_RxD.dtype)
    grad_x = float32_product(gradient_RxF, rounded if transposed else row_major_transpose(rounded))
    grad_kernel = float32_product(row_major_transpose(x_RxD), gradient_RxF)
    return grad_x.astype(x_RxD.dtype), (grad_kernel.T if transposed else grad_kernel).astype(like_kernel.dtype)


_row_by_row.defvjp(_forward, _backward)


def float32_product(a: jax.Array, b: jax.Array) -> jax.Array:
    """a @ b in float32, row-major in its last two axes; fastest on a CPU if both operands are row-major, too."""
    # Without the barrier XLA fuses a later transpose into the product, whose operands are then in the wrong order.
    return jax.lax.optimization_barrier(jnp.matmul(a, b, preferred_element_type=jnp.float32))


def row_major(array: jax.Array) -> jax.Array:
    """The array copied to row-major order: XLA implements a transpose alone as another layout of the same memory."""
    return jax.lax.optimization_barrier(array.reshape(-1)).reshape(array.shape)


def row_major_transpose(matrix: jax.Array) -> jax.Array:
    """The transpose of the last two axes, in row-major order."""
    return row_major(jnp.swapaxes(matrix, -1, -2))


@jax.custom_vjp
def _scores(key, query):
    return _scores_forward(key, query)[0]


def _scores_forward(key, query):
    key, query = row_major(key), row_major(query)
    return float32_product(key, row_major_transpose(query)), (key, query)


def _scores_backward(operands, gradient):
    key, query = operands
    gradient = gradient.astype(key.dtype)
    grad_key = float32_product(gradient, query)
    grad_query = row_major_transpose(float32_product(row_major_transpose(key), gradient))
    return grad_key.astype(key.dtype), grad_query.astype(query.dtype)


_scores.defvjp(_scores_forward, _scores_backward)


@jax.custom_vjp
def _weighted_values(weights, value):
    return _weighted_values_forward(weights, value)[0]


def _weighted_values_forward(weights, value):
    value = row_major(value)
    return row_major_transpose(float32_product(row_major_transpose(value), weights)), (weights, value)


def _weighted_values_backward(operands, gradient):
    weights, value = operands
    gradient = row_major(gradient.astype(value.dtype))
    grad_weights, grad_value = float32_product(value, row_major_transpose(gradient)), float32_product(weights, gradient)
    return grad_weights.astype(weights.dtype), grad_value.astype(value.dtype)


_weighted_values.defvjp(_weighted_values_forward, _weighted_values_backward)
