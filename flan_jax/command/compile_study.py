"""The cost of a study on TPU slices: for each model the smallest slice on which a training step fits, and its time.

Every model is compiled ahead of time, for slices not attached here. The fsdp axis of the mesh is as large as the
batch's number of sequences allows, and the tensor axis takes the rest of the slice. All activations are recomputed in
the backward pass (REMAT = 'full'), which takes the least memory.
"""

import dataclasses
import math
import os
from collections.abc import Iterator, Sequence

from rich.table import Table

from flan_jax.command.compile import GIB, compile_training_of
from flan_jax.command.tables import OUT, print_table
from flan_jax.distributed.chips import CHIPS
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.run import Run
from flan_jax.training.flops import parameter_count

CHIP = 'TPU v4'

SLICES = ('2x2x1', '2x2x2', '2x2x4', '2x4x4', '4x4x4', '4x4x8', '4x8x8', '8x8x8')
"""Slices of v4, the smallest first."""

BYTES_PER_PARAMETER = 8
"""Bytes per parameter of weights and gradients in float32, which are sharded over all chips."""

SHARE_OF_MEMORY = 0.75
"""Largest share of a chip's memory that weights and gradients may take; slices on which they take more are skipped."""


@dataclasses.dataclass(frozen=True)
class Fit:
    """A model on the smallest slice on which its training step fits.

    Attributes:
      name: name of the study's arm.
      parameters: number of the model's parameters.
      slice: chips along the axes of the torus.
      mesh: sizes of the axes data, fsdp and tensor.
      peak: peak memory per chip in bytes.
      seconds: roofline estimate of a step's duration.
      utilisation: model FLOPs utilisation at that duration: the share of the chips' peak FLOP/s.
      steps: number of steps of all its tunings together.
    """

    name: str
    parameters: int
    slice: str
    mesh: tuple[int, ...]
    peak: int
    seconds: float
    utilisation: float
    steps: int

    @property
    def chip_hours(self) -> float:
        """Roofline estimate of the chip-hours of all its tunings."""
        return math.prod(self.mesh) * self.seconds * self.steps / 3600


def compile_study(loaded: Sequence[tuple]) -> None:
    """Compiles the training step of every model of a study, and prints a table.

    Args:
      loaded: the study's planned runs, each with its settings.
    """
    os.environ['JAX_PLATFORMS'] = 'cpu'  # libtpu compiles; it must not look for chips
    fits = []
    for planned, run, tunings in _models(loaded):
        with OUT.status(f'compiling {planned.arm}'):
            fit = smallest_fit(planned.arm, run, tunings)
        fits.append(fit)
        OUT.print(f'{fit.name}: v4:{fit.slice}, {fit.seconds:.3f} s a step')
    _print(fits)


def smallest_fit(name: str, run: Run, tunings: int = 1) -> Fit:
    """The smallest slice on which a run's training step fits; raises DoesNotFit where it fits none."""
    from flan_jax.aot.compile import DoesNotFit
    from flan_jax.aot.topology import topology_devices

    parameters = parameter_count(run.model)
    least_chips = parameters * BYTES_PER_PARAMETER / (SHARE_OF_MEMORY * CHIPS[CHIP].hbm_bytes)
    large_enough = [shape for shape in SLICES if _chips(shape) >= least_chips] or SLICES[-1:]
    for shape in large_enough:
        on_slice = _on(run, _chips(shape))
        mesh = make_mesh(on_slice.parallelism, topology_devices(f'v4:{shape}'))
        try:
            compiled = compile_training_of(on_slice, mesh)
            break
        except DoesNotFit:
            if shape == large_enough[-1]:
                raise
    return Fit(
        name=name,
        parameters=parameters,
        slice=shape,
        mesh=tuple(mesh.shape.values()),
        peak=compiled.memory['peak'],
        seconds=compiled.roofline.seconds,
        utilisation=compiled.utilisation(mesh),
        steps=run.training.num_steps * tunings,
    )


def _models(loaded: Sequence[tuple]) -> Iterator[tuple]:
    """Each distinct model that is tuned, with the number of its tunings."""
    folders: dict[tuple, set[str]] = {}
    first: dict[tuple, tuple] = {}
    for planned, run in loaded:
        training = dataclasses.replace(run.training, seed=0)
        key = (run.model, run.tuning, training, run.stream.sequence_length, run.stream.max_targets)
        folders.setdefault(key, set()).add(run.model_dir)
        first.setdefault(key, (planned, run))
    for key, (planned, run) in first.items():
        yield planned, run, len(folders[key])


def _on(run: Run, chips: int) -> Run:
    """The run with the mesh for a number of chips."""
    fsdp = math.gcd(run.training.batch_size, chips)
    training = dataclasses.replace(run.training, remat='full')
    return dataclasses.replace(run, parallelism=Parallelism(fsdp=fsdp, tensor=chips // fsdp), training=training)


def _chips(shape: str) -> int:
    return math.prod(map(int, shape.split('x')))


def _print(fits: Sequence[Fit]) -> None:
    table = Table(
        'model', 'parameters', 'slice', 'fsdp x tensor', 'peak, GiB', 's a step', 'utilisation', 'chip hours', box=None
    )
    for fit in fits:
        _, fsdp, tensor = fit.mesh
        table.add_row(
            fit.name, f'{fit.parameters / 1e9:.2f}B', f'v4:{fit.slice}', f'{fsdp} x {tensor}', f'{fit.peak / GIB:.1f}',
            f'{fit.seconds:.3f}', f'{fit.utilisation:.0%}', f'{fit.chip_hours:,.0f}',
        )  # fmt: skip
    print_table(table)
    OUT.print(f'{sum(fit.chip_hours for fit in fits):,.0f} chip hours in all, at the roofline; evaluation on top')
