"""One update of the weights.

Shape letters: B rows, T tokens, M microbatches, C clusters.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params
from flan_jax.objectives.next_token import Batch, label_weights, summed_loss
from flan_jax.training.rounding import apply_updates
from flan_jax.tuning.lora import adapted


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """What a run carries from step to step; `step` counts the updates done, which is also the place in the stream."""

    step: jax.Array
    params: Params
    optimizer: Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class StepMetrics:
    """What a step tells.

    Attributes:
      by_cluster: [2, C], the sum of target losses in nats by cluster, above the number of target tokens.
      gradient_norm: Euclidean norm of the gradient of the mean loss.
    """

    by_cluster: jax.Array
    gradient_norm: jax.Array


def fresh_state(params: Params, optimizer: optax.GradientTransformation) -> TrainState:
    """The state before the first update; the optimizer's part is float32, whatever the weights are kept in."""
    return TrainState(jnp.zeros((), jnp.int32), params, optimizer.init(_in_float32(params)))


def train_step(
    state: TrainState,
    frozen: Params,
    batch: Batch,
    *,
    config: DecoderConfig,
    optimizer: optax.GradientTransformation,
    execution: Execution,
    microbatches: int,
    max_targets: int,
    num_clusters: int,
    adapter_scale: float = 1.0,
) -> tuple[TrainState, StepMetrics]:
    """One update on a batch of B rows, computed in M microbatches.

    `frozen` are the weights beside an adapter whose products `adapter_scale` scales; none where all weights are tuned.

    The loss is sum(weight * loss) / sum(weight) over the whole batch, whatever the number of microbatches, devices or
    processes: the denominator is taken before the batch is cut.
    """
    _, weights_BxT = label_weights(batch)
    denominator = weights_BxT.sum()

    def microbatch_loss(params: Params, part: Batch):
        whole = adapted(frozen, params, adapter_scale)
        total, by_cluster = summed_loss(config, whole, part, max_targets, num_clusters, execution)
        return total / denominator, by_cluster

    gradient_fn = jax.grad(microbatch_loss, has_aux=True)
    gradient, by_cluster = _accumulate(lambda *args: _in_float32(gradient_fn(*args)), state.params, batch, microbatches)
    updates, optimizer_state = optimizer.update(gradient, state.optimizer, _in_float32(state.params))
    params = apply_updates(state.params, updates, state.step)
    metrics = StepMetrics(by_cluster, optax.global_norm(gradient))
    return TrainState(state.step + 1, params, optimizer_state), metrics


def _in_float32(tree):
    return jax.tree.map(lambda x: x.astype(jnp.float32), tree)


def _accumulate(gradient_fn, params: Params, batch: Batch, microbatches: int):
    """The sums of gradients and metrics over microbatches."""
    if microbatches == 1:
        return gradient_fn(params, batch)
    # Every microbatch takes each M-th row, so that the rows of one device stay with it.
    parts = jax.tree.map(lambda x: x.reshape(-1, microbatches, *x.shape[1:]).swapaxes(0, 1), batch)
    zeros = jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype),
        jax.eval_shape(gradient_fn, params, jax.tree.map(lambda x: x[0], parts)),
    )
    add = functools.partial(jax.tree.map, jnp.add)
    return jax.lax.scan(lambda total, part: (add(total, gradient_fn(params, part)), None), zeros, parts)[0]
