"""One update of the weights.

Shape letters: B sequences, T tokens, M microbatches.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params, hidden_states, log_probs_after
from flan_jax.model.dropout import rising_with_depth, sequence_keys
from flan_jax.model.inputs import Inputs
from flan_jax.model.value_head import response_values
from flan_jax.objectives.objective import Batch, Metrics, Objective, Predictions
from flan_jax.training.rounding import apply_updates
from flan_jax.tuning.tuning import Tuning

DROPOUT_KEYS = 'dropout_keys'
"""Name of a batch's column of dropout keys, [B]; `train_step` adds it, so that evaluation has no dropout."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """The state of training; `step` counts the updates done, and thereby is the position in the stream."""

    step: jax.Array
    params: Params
    optimizer: Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class StepMetrics:
    """Metrics of a step.

    Attributes:
      objective: the objective's metrics over the whole batch.
      gradient_norm: Euclidean norm of the gradient.
    """

    objective: Metrics
    gradient_norm: jax.Array


@dataclasses.dataclass(frozen=True)
class Learning:
    """What a step computes.

    Attributes:
      config: the decoder.
      objective: the loss.
      tuning: which parameters are trained, and how they combine with the frozen ones.
      optimizer: how gradients become updates.
      execution: how the decoder is computed.
      microbatches: M, the number of parts that a batch is cut into to save memory.
      residual_dropout: dropout rate of the top layer, see `flan_jax.model.dropout`.
      seed: seed of dropout.
    """

    config: DecoderConfig
    objective: Objective
    tuning: Tuning
    optimizer: optax.GradientTransformationExtraArgs
    execution: Execution
    microbatches: int = 1
    residual_dropout: float = 0.0
    seed: int = 0


def fresh_state(params: Params, optimizer: optax.GradientTransformation) -> TrainState:
    """The state before the first update; the optimizer's state is float32 even if the weights are bfloat16."""
    return TrainState(jnp.zeros((), jnp.int32), params, optimizer.init(_in_float32(params)))


def train_step(
    learning: Learning, clusters: Sequence[str], state: TrainState, frozen: Params, batch: Batch
) -> tuple[TrainState, StepMetrics]:
    """One update on a batch of B sequences, computed in M microbatches.

    The loss is a sum divided by a denominator of the whole batch, computed before the batch is cut. It therefore does
    not depend on the number of microbatches, devices or processes.

    Args:
      learning: what to compute.
      clusters: names of the batch's clusters.
      state: before the update.
      frozen: the weights that are not trained; empty if all are.
      batch: see `flan_jax.objectives.objective.Batch`.
    """
    denominator = learning.objective.denominator(batch)
    if learning.residual_dropout:
        batch = {**batch, DROPOUT_KEYS: sequence_keys(learning.seed, state.step, len(batch['tokens']))}

    def microbatch_loss(params: Params, part: Batch):
        whole = learning.tuning.combine(frozen, params)
        total, metrics = learning.objective(predictions(learning, whole, part), part, clusters)
        return total / denominator, metrics

    gradient_fn = jax.grad(microbatch_loss, has_aux=True)
    gradient, metrics = _accumulate(
        lambda *args: _in_float32(gradient_fn(*args)), state.params, batch, learning.microbatches
    )
    updates, optimizer_state = learning.optimizer.update(
        gradient,
        state.optimizer,
        _in_float32(state.params),
        shares=learning.tuning.shares(learning.objective.denominator, batch),
    )
    params = apply_updates(state.params, updates, state.step)
    return TrainState(state.step + 1, params, optimizer_state), StepMetrics(metrics, optax.global_norm(gradient))


def predictions(learning: Learning, params: Params, batch: Batch) -> Predictions:
    """The model's predictions for a batch; XLA removes those that the objective does not use."""
    dropout = None
    if DROPOUT_KEYS in batch:
        dropout = rising_with_depth(learning.residual_dropout, batch[DROPOUT_KEYS], learning.config.num_layers)
    hidden = hidden_states(learning.config, params, Inputs.of(batch), learning.execution, dropout=dropout)
    log_probs = log_probs_after(learning.config, params, hidden, batch, learning.objective.temperature)
    if not learning.objective.needs_values:
        return Predictions(log_probs)
    return Predictions(log_probs, response_values(params, hidden, batch['response_ends']))


def _in_float32(tree):
    return jax.tree.map(lambda x: x.astype(jnp.float32), tree)


def _accumulate(gradient_fn: Callable, params: Params, batch: Batch, microbatches: int):
    """The sums of gradients and metrics over microbatches."""
    if microbatches == 1:
        return gradient_fn(params, batch)
    # A microbatch takes every M-th sequence, so that sequences stay on their device.
    parts = jax.tree.map(lambda x: x.reshape(-1, microbatches, *x.shape[1:]).swapaxes(0, 1), batch)
    zeros = jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype),
        jax.eval_shape(gradient_fn, params, jax.tree.map(lambda x: x[0], parts)),
    )
    add = functools.partial(jax.tree.map, jnp.add)
    return jax.lax.scan(lambda total, part: (add(total, gradient_fn(params, part)), None), zeros, parts)[0]
