"""Compiling the training and the scoring step for devices that need not be here: do they fit, how fast can they be?"""

import contextlib
import dataclasses
import functools
import re
import time
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from flan_jax.aot.collectives import Traffic, collectives
from flan_jax.aot.roofline import Roofline, product_flops, roofline
from flan_jax.distributed.batches import batch_sharding, check_batch
from flan_jax.distributed.chips import CHIPS
from flan_jax.distributed.mesh import parameter_layout
from flan_jax.distributed.placement import Placement
from flan_jax.errors import UserError
from flan_jax.inference.scoring import predicted_log_likelihoods
from flan_jax.run import Run
from flan_jax.training import flops
from flan_jax.training.program import execution_of, platform_of, training_program

CLUSTERS = 12
"""Clusters whose losses the step tells apart; FLAN's number."""

PREDICTED_TOKENS = 256
"""Option tokens in a scored row."""


class DoesNotFit(UserError):
    """A program needs more memory than a device has."""


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A compiled program, per device.

    Attributes:
      name: what it does.
      tokens: tokens of a step, over all devices.
      memory: bytes by kind; 'peak' is what must fit.
      traffic: collectives by kind.
      flops: floating-point operations of its matrix products, recomputed ones included.
      model_flops: those that the model needs, see `flops.flops_per_token`.
      seconds: time to trace and compile.
      roofline: how fast it could be.
    """

    name: str
    tokens: int
    memory: dict[str, int]
    traffic: dict[str, Traffic]
    flops: float
    model_flops: float
    seconds: float
    roofline: Roofline

    def utilisation(self, mesh: Mesh) -> float:
        """Share of the devices' peak that the model's arithmetic takes at the roofline."""
        return self.model_flops / self.roofline.seconds / _chip(mesh).flops


def compile_training(experiment: Run, mesh: Mesh) -> Compiled:
    """Compiles one update; raises DoesNotFit, or SettingsError where the rows cannot be shared."""
    training, stream = experiment.training, experiment.stream
    check_batch(mesh, training.batch_size, training.microbatches)
    program = training_program(
        experiment.model, training, mesh, max_targets=stream.max_targets, num_clusters=CLUSTERS, lora=experiment.lora
    )
    ids = jnp.dtype('int32')
    columns = dict.fromkeys(('tokens', 'positions', 'segment_ids', 'cluster_ids'), ids) | {'target_mask': jnp.bool_}
    batch = _arrays(columns, (training.batch_size, stream.sequence_length), mesh)
    per_token = flops.flops_per_token(experiment.model, stream.sequence_length)
    return _compile(
        'training', mesh, program.step, (program.layout, program.frozen, batch), batch['tokens'].size, per_token
    )


def compile_scoring(experiment: Run, mesh: Mesh) -> Compiled:
    """Compiles the scoring of one batch of options; raises DoesNotFit."""
    length = experiment.stream.sequence_length
    placement = Placement(mesh)
    rows = placement.batch_size(experiment.evaluation.batch_tokens // length)
    execution = execution_of(experiment.training, platform_of(mesh))
    score = functools.partial(predicted_log_likelihoods, experiment.model, execution=execution)
    step = jax.jit(score, out_shardings=placement.everywhere)
    ids = jnp.dtype('int32')
    batch = _arrays(dict.fromkeys(('tokens', 'positions', 'segment_ids', 'branch_ids'), ids), (rows, length), mesh)
    batch |= _arrays(dict.fromkeys(('predict_at', 'labels'), ids), (rows, PREDICTED_TOKENS), mesh)
    params = parameter_layout(experiment.model, mesh, experiment.training.param_dtype)
    per_token = flops.flops_per_token(experiment.model, length) / 3  # the forward pass alone
    return _compile('scoring', mesh, step, (params, batch), rows * length, per_token)


def _arrays(columns, shape, mesh) -> dict[str, jax.ShapeDtypeStruct]:
    sharding = batch_sharding(mesh)
    return {name: jax.ShapeDtypeStruct(shape, dtype, sharding=sharding) for name, dtype in columns.items()}


def _compile(name, mesh, step, arguments, tokens: int, flops_per_token: float) -> Compiled:
    started = time.monotonic()
    # The devices are not here, so that constants cannot be laid on them: the mesh is told without them.
    with jax.sharding.use_abstract_mesh(mesh.abstract_mesh), _memory_error(name):
        traced = step.trace(*arguments)
        compiled = traced.lower().compile()
    seconds = time.monotonic() - started
    memory, traffic = _memory(compiled), collectives(compiled.as_text(), mesh.size)
    executed = product_flops(traced.jaxpr.jaxpr) / mesh.size
    return Compiled(
        name=name,
        tokens=tokens,
        memory=memory,
        traffic=traffic,
        flops=executed,
        model_flops=flops_per_token * tokens / mesh.size,
        seconds=seconds,
        roofline=roofline(
            _chip(mesh),
            flops=executed,
            memory_bytes=_touched(memory, traffic),
            sent_bytes=sum(kind.sent for kind in traffic.values()),
        ),
    )


def _memory(compiled) -> dict[str, int]:
    """Bytes by kind; arguments that outputs take the place of are counted in both, hence 'aliased'."""
    found = compiled.memory_analysis()
    return {
        'arguments': found.argument_size_in_bytes,
        'outputs': found.output_size_in_bytes,
        'aliased': found.alias_size_in_bytes,
        'temporaries': found.temp_size_in_bytes,
        'code': found.generated_code_size_in_bytes,
        'peak': found.peak_memory_in_bytes,
    }


def _touched(memory: dict[str, int], traffic: dict[str, Traffic]) -> float:
    """Bytes that pass through memory at least: arguments and outputs once; what is exchanged, in and out."""
    return memory['arguments'] + memory['outputs'] + 2 * sum(kind.payload for kind in traffic.values())


def _chip(mesh: Mesh):
    return CHIPS[mesh.devices.flat[0].device_kind]


@contextlib.contextmanager
def _memory_error(name: str) -> Iterator[None]:
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if 'RESOURCE_EXHAUSTED' not in str(error):
            raise
        amount = re.search(r'Used (\S+) of (\S+) hbm', str(error)) or re.search(
            r'total memory required.*\(([\d.]+G)\) exceeds available HBM \(([\d.]+G)\)', str(error)
        )
        how_much = f'needs {amount[1]} of {amount[2]}' if amount else f'is refused: {str(error)[:300]}'
        raise DoesNotFit(
            f'the {name} step does not fit a device: it {how_much}; raise FSDP or TENSOR, set REMAT to '
            "'layers', or take more MICROBATCHES"
        ) from error
