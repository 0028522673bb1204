"""The training step as a program for one mesh: its layout, and the step itself, ready to be compiled."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import optax
from jax.sharding import Mesh

from flan_jax.distributed.mesh import parameter_layout, placed
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params
from flan_jax.training.optimizer import adafactor
from flan_jax.training.settings import Training
from flan_jax.training.sharding import state_shardings
from flan_jax.training.step import TrainState, fresh_state, train_step
from flan_jax.tuning.lora import Lora, adapter_shapes

ALL_WEIGHTS = Lora()


@dataclasses.dataclass(frozen=True)
class TrainingProgram:
    """What runs on a mesh.

    Attributes:
      step: (state, frozen, batch) to (state, metrics), jitted; the state's memory is reused.
      layout: shape, dtype and sharding of every array of the state.
      frozen: the same of the weights that are read only: none, or the base of an adapter.
      start: parameters to the state before the first update, jitted; their memory is reused.
    """

    step: Callable
    layout: TrainState
    frozen: Params
    start: Callable[[Params], TrainState]


def training_program(
    config: DecoderConfig,
    training: Training,
    mesh: Mesh,
    *,
    max_targets: int,
    num_clusters: int,
    lora: Lora = ALL_WEIGHTS,
) -> TrainingProgram:
    """The program that tunes a decoder, or an adapter, on rows of at most `max_targets` targets of `num_clusters`."""
    weights = parameter_layout(config, mesh, training.param_dtype)
    if lora.rank is None:
        tuned, frozen = weights, {}
    else:
        tuned, frozen = placed(adapter_shapes(config, lora), mesh), weights
    optimizer = optimizer_of(training)
    init = functools.partial(fresh_state, optimizer=optimizer)
    shapes = jax.eval_shape(init, tuned)
    shardings = state_shardings(shapes, mesh)
    step = functools.partial(
        train_step,
        config=config,
        optimizer=optimizer,
        execution=execution_of(training, platform_of(mesh)),
        microbatches=training.microbatches,
        max_targets=max_targets,
        num_clusters=num_clusters,
        adapter_scale=lora.scale,
    )
    return TrainingProgram(
        step=jax.jit(step, donate_argnums=0, out_shardings=(shardings, None)),
        layout=jax.tree.map(
            lambda shape, sharding: jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=sharding), shapes, shardings
        ),
        frozen=frozen,
        start=jax.jit(init, donate_argnums=0, out_shardings=shardings),
    )


def optimizer_of(training: Training) -> optax.GradientTransformation:
    """Adafactor as the settings have it."""
    return adafactor(
        training.learning_rate,
        multiply_by_parameter_scale=training.multiply_by_parameter_scale,
        weight_decay=training.weight_decay,
        warmup_steps=training.warmup_steps,
    )


def execution_of(training: Training, platform: str) -> Execution:
    """How to compute on a platform: 'auto' is float32 on CPU and bfloat16 elsewhere."""
    auto = 'float32' if platform == 'cpu' else 'bfloat16'
    return Execution(
        dtype=auto if training.dtype == 'auto' else training.dtype,
        remat=training.remat,
        unroll_decode=platform == 'cpu',
    )


def platform_of(mesh: Mesh) -> str:
    """'cpu', 'gpu' or 'tpu', also for devices that are only compiled for."""
    return mesh.devices.flat[0].platform
