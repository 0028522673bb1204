"""The training step as a jitted program for one mesh, with the layout of its state."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import cast

import jax
import optax
from jax.sharding import Mesh

from flan_jax.distributed.batches import check_batch
from flan_jax.distributed.compiler_options import compiler_options
from flan_jax.distributed.mesh import parameter_layout, placed
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Layout, Params
from flan_jax.model.programs import shared
from flan_jax.model.value_head import value_head_shapes
from flan_jax.objectives.objective import Objective
from flan_jax.training.settings import ComputeDtype, Remat, Training
from flan_jax.training.sharding import state_shardings
from flan_jax.training.step import Learning, TrainState, fresh_state, train_step
from flan_jax.tuning.tuning import Tuning


@dataclasses.dataclass(frozen=True)
class TrainingProgram:
    """The programs of a training run on a mesh.

    Attributes:
      learning: what a step computes.
      mesh: the devices.
      step: (state, frozen, batch) to (state, metrics), jitted; donates the state.
      layout: shape, dtype and sharding of every array of the state.
      frozen: shape, dtype and sharding of the weights that are not trained; empty if all are.
      start: trained parameters to the state before the first update, jitted; donates the parameters.
    """

    learning: Learning
    mesh: Mesh
    step: Callable
    layout: TrainState
    frozen: Layout
    start: Callable[[Params], TrainState]

    @property
    def trained(self) -> Layout:
        """Shape, dtype and sharding of the parameters that are trained."""
        return cast(Layout, self.layout.params)


def training_program(
    config: DecoderConfig,
    objective: Objective,
    tuning: Tuning,
    training: Training,
    mesh: Mesh,
    clusters: Sequence[str],
) -> TrainingProgram:
    """The program that trains a decoder on batches whose tokens come from `clusters`.

    Equal arguments give the same program, so that a process traces and compiles it once.

    Raises:
      SettingsError: if the sequences of a step cannot be shared equally by the devices.
    """
    check_batch(mesh, training.batch_size, training.microbatches)
    return shared(_program, config, objective, tuning, training, mesh, tuple(clusters))


@functools.lru_cache(maxsize=8)  # few, since each holds compiled code in device memory
def _program(
    config: DecoderConfig,
    objective: Objective,
    tuning: Tuning,
    training: Training,
    mesh: Mesh,
    clusters: tuple[str, ...],
) -> TrainingProgram:
    weights = parameter_layout(config, mesh, training.param_dtype)
    trained, frozen = (placed(tuning.shapes(config), mesh), weights) if tuning.freezes_base else (weights, {})
    if objective.needs_values:  # the value head is trained in full with every tuning
        trained = trained | placed(value_head_shapes(config), mesh, 'float32' if frozen else training.param_dtype)
    learning = Learning(
        config=config,
        objective=objective,
        tuning=tuning,
        optimizer=optimizer_of(training, tuning),
        execution=execution_of(training.dtype, platform_of(mesh), training.remat),
        microbatches=training.microbatches,
        residual_dropout=training.residual_dropout,
        seed=training.seed,
    )
    init = functools.partial(fresh_state, optimizer=learning.optimizer)
    shapes = jax.eval_shape(init, trained)
    shardings = state_shardings(shapes, mesh)
    step = functools.partial(train_step, learning, clusters)
    return TrainingProgram(
        learning=learning,
        mesh=mesh,
        step=jax.jit(step, donate_argnums=0, out_shardings=(shardings, None), compiler_options=compiler_options(mesh)),
        layout=jax.tree.map(
            lambda shape, sharding: jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=sharding), shapes, shardings
        ),
        frozen=frozen,
        start=jax.jit(init, donate_argnums=0, out_shardings=shardings),
    )


def optimizer_of(training: Training, tuning: Tuning) -> optax.GradientTransformationExtraArgs:
    """The optimizer of the settings, restricted to what the tuning allows."""
    return tuning.independent(training.optimizer.transformation(training.learning_rates, training.weight_decay, tuning))


def execution_of(dtype: ComputeDtype, platform: str, remat: Remat = 'none') -> Execution:
    """How to compute on a platform; dtype 'auto' is float32 on CPU and bfloat16 elsewhere."""
    if dtype == 'auto':
        dtype = 'float32' if platform == 'cpu' else 'bfloat16'
    return Execution(dtype=dtype, remat=remat, unroll_decode=platform == 'cpu')


def platform_of(mesh: Mesh) -> str:
    """'cpu', 'gpu' or 'tpu', also of a mesh of topology devices for ahead-of-time compilation."""
    return mesh.devices.flat[0].platform
