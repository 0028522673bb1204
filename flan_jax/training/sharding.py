"""Sharding of the training state: parameters by name, the optimizer's state like its parameters."""

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from flan_jax.model.decoder import STACKED, Params
from flan_jax.model.partitioning import parameter_axes, parameter_spec, partition_spec
from flan_jax.training.step import TrainState


def state_shardings(state: TrainState, mesh: Mesh) -> TrainState:
    """The sharding of every array of a state (arrays or shapes)."""

    def of_optimizer(path, leaf):
        return NamedSharding(mesh, _optimizer_spec(path, leaf.shape, state.params, mesh))

    step: Any = NamedSharding(mesh, PartitionSpec())
    params: Any = {
        name: NamedSharding(mesh, parameter_spec(name, value.shape, mesh)) for name, value in state.params.items()
    }
    return TrainState(
        step=step,
        params=params,
        optimizer=jax.tree_util.tree_map_with_path(of_optimizer, state.optimizer),
    )


def _optimizer_spec(path, shape: tuple[int, ...], params: Params, mesh: Mesh) -> PartitionSpec:
    """Optimizer state is sharded like its parameter; a factored moment lacks one of the parameter's axes."""
    name = next((key.key for key in path if isinstance(key, jax.tree_util.DictKey) and key.key in params), None)
    if name is None:
        return PartitionSpec()
    parameter_shape, axes = params[name].shape, parameter_axes(name)
    if shape == parameter_shape:
        return partition_spec(axes, shape, mesh)
    leading = int(name.startswith(STACKED))
    by_size = np.argsort(parameter_shape[leading:]) + leading
    moment = next((key.name for key in path if isinstance(key, jax.tree_util.GetAttrKey) and key.name[:2] == 'v_'), '')
    # Adafactor's row moment averages over the largest axis of a layer, the column moment over the second largest;
    # moments of parameters that it does not factor have one element and are replicated.
    for index in {'v_row': by_size[-1:], 'v_col': by_size[-2:-1]}.get(moment, ()):
        if shape == parameter_shape[:index] + parameter_shape[index + 1 :]:
            return partition_spec(axes[:index] + axes[index + 1 :], shape, mesh)
    return PartitionSpec()
