"""Compiles the training and the scoring step ahead of time, for devices that need not be attached."""

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
from flan_jax.aot.least_memory import least_memory
from flan_jax.aot.roofline import Roofline, product_flops, roofline
from flan_jax.distributed.batches import batch_sharding
from flan_jax.distributed.chips import CHIPS, GIB
from flan_jax.distributed.mesh import parameter_layout, placed
from flan_jax.distributed.placement import Placement
from flan_jax.errors import UserError
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, label_log_probs
from flan_jax.objectives.responses import REFERENCE, SCORE
from flan_jax.training.flops import BatchSize, forward_flops, training_flops
from flan_jax.training.program import TrainingProgram
from flan_jax.tuning.tuning import Tuning


class DoesNotFit(UserError):
    """A program needs more memory than a device has."""


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A compiled program; figures are per device unless stated otherwise.

    Attributes:
      name: what it computes.
      tokens: tokens of a step, over all devices.
      memory: bytes by kind; 'peak' must fit into the device.
      traffic: collectives by kind.
      flops: floating-point operations of its matrix products, recomputed ones included.
      model_flops: floating-point operations without recomputation, see `flan_jax.training.flops`.
      seconds: time to trace and compile.
      roofline: lower bound of a step's duration.
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
        """Model FLOPs utilisation if a step takes the roofline's time.

        It can exceed 1: model FLOPs count attention of every token to all others, and less than that is computed.
        """
        return self.model_flops / self.roofline.seconds / _chip(mesh).flops


def compile_training(program: TrainingProgram, batch_size: BatchSize, responses: int = 0) -> Compiled:
    """Compiles one update; raises DoesNotFit.

    Args:
      program: the training program.
      batch_size: sequences and tokens of a step.
      responses: responses per sequence, if the objective ranks them as branches of their prompts; else 0.
    """
    ids, mesh = jnp.dtype('int32'), program.mesh
    shape = (batch_size.sequences, batch_size.length)
    columns = ('tokens', 'positions', 'segment_ids', *(('prompt_ids',) if program.learning.tuning.prompt_names else ()))
    batch = _arrays(dict.fromkeys(columns, ids), shape, mesh)
    targets = dict.fromkeys(('predict_at', 'labels', 'cluster_ids'), ids) | {'weights': jnp.dtype('float32')}
    batch |= _arrays(targets, (batch_size.sequences, batch_size.predicted), mesh)
    if program.learning.objective.ranked:
        batch |= _branches(batch_size, responses, mesh)
    arguments = (program.layout, program.frozen, batch)
    needed = training_flops(program.learning.config, program.learning.tuning, batch_size)
    return _compile('training', mesh, program.step, arguments, batch_size.tokens, needed)


def compile_scoring(
    config: DecoderConfig, tuning: Tuning, mesh: Mesh, execution: Execution, batch_size: BatchSize, dtype
) -> Compiled:
    """Compiles the scoring of one batch of options, with weights of a dtype and adapter or prompt if there are any.

    Raises:
      DoesNotFit: if it needs more memory than a device has.
    """
    placement = Placement(mesh)
    rows = placement.batch_size(batch_size.sequences)
    batch_size = dataclasses.replace(batch_size, sequences=rows)
    score = functools.partial(label_log_probs, config, execution=execution)
    step = jax.jit(score, out_shardings=placement.everywhere)
    tokens = dict.fromkeys(('tokens', 'positions', 'segment_ids', 'segment_exits'), jnp.dtype('int32'))
    batch = _arrays(tokens, (rows, batch_size.length), mesh)
    batch |= _arrays(dict.fromkeys(('predict_at', 'labels'), jnp.dtype('int32')), (rows, batch_size.predicted), mesh)
    params = parameter_layout(config, mesh, dtype) | placed(tuning.shapes_in_use(config), mesh)
    needed = forward_flops(config, batch_size, tuning.positions)
    return _compile('scoring', mesh, step, (params, batch), batch_size.tokens, needed)


def _branches(batch_size: BatchSize, responses: int, mesh: Mesh) -> dict[str, jax.ShapeDtypeStruct]:
    """The additional columns of a batch of trees."""
    ids, numbers = jnp.dtype('int32'), jnp.dtype('float32')
    rows = batch_size.sequences
    of_responses = {'example_ids': ids, 'response_ends': ids, SCORE: numbers, REFERENCE: numbers}
    return {
        **_arrays({'segment_exits': ids}, (rows, batch_size.length), mesh),
        **_arrays({'response_ids': ids}, (rows, batch_size.predicted), mesh),
        **_arrays(of_responses, (rows, responses), mesh),
    }


def _arrays(columns, shape, mesh) -> dict[str, jax.ShapeDtypeStruct]:
    sharding = batch_sharding(mesh)
    return {name: jax.ShapeDtypeStruct(shape, dtype, sharding=sharding) for name, dtype in columns.items()}


def _compile(name: str, mesh: Mesh, step, arguments, tokens: int, needed_flops: float) -> Compiled:
    started = time.monotonic()
    # Constants cannot be placed on devices that are not attached, so the mesh is given without its devices.
    with jax.sharding.use_abstract_mesh(mesh.abstract_mesh), _memory_error(name):
        traced = step.trace(*arguments)
        _check_least_memory(name, least_memory(arguments, traced.jaxpr.jaxpr, mesh.size), _chip(mesh).hbm_bytes)
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
        model_flops=needed_flops / mesh.size,
        seconds=seconds,
        roofline=roofline(
            _chip(mesh),
            flops=executed,
            memory_bytes=_touched(memory, traffic),
            sent_bytes=sum(kind.sent for kind in traffic.values()),
        ),
    )


def _memory(compiled) -> dict[str, int]:
    """Bytes by kind; donated arguments are counted among arguments and outputs, and subtracted as 'aliased'."""
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
    """Lower bound of memory traffic in bytes: arguments and outputs once, collectives' payload read and written."""
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
        raise _does_not_fit(name, how_much) from error


def _check_least_memory(name: str, needed: float, hbm_bytes: float) -> None:
    """Raises DoesNotFit before minutes of compilation, if a lower bound of memory exceeds the device's."""
    if needed > hbm_bytes:
        amount = f'{needed / GIB:.2f}G of {hbm_bytes / GIB:.2f}G'
        raise _does_not_fit(name, f'needs {amount} for its arguments and the stored activations of its layers alone')


def _does_not_fit(name: str, how_much: str) -> DoesNotFit:
    return DoesNotFit(
        f'the {name} step does not fit into the memory of a device: it {how_much}; raise FSDP or TENSOR, set '
        "REMAT = 'full', or raise Training.microbatches"
    )
