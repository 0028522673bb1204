"""flan-jax compile --search: compares the meshes of a slice, each with the least remat and microbatches that fit."""

import dataclasses
from collections.abc import Callable, Sequence

from rich.table import Table

from flan_jax.command.tables import OUT, print_table
from flan_jax.distributed.chips import GIB
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.errors import UserError
from flan_jax.run import Run


def search_meshes(run: Run, devices: Sequence, compile_training: Callable, tensors: Sequence[int] = ()) -> None:
    """Compiles a run's training step on every mesh of the devices, and prints memory and time, the fastest first.

    Args:
      run: the run; its mesh, remat and microbatches are replaced.
      devices: the devices of the slice.
      compile_training: compiles the step of a run on a mesh; raises DoesNotFit.
      tensors: sizes of the tensor axis to try; empty for all divisors of the number of devices.

    Raises:
      UserError: if no mesh divides the batch, or the step fits on none.
    """
    from flan_jax.aot.compile import DoesNotFit
    from flan_jax.aot.search import layouts, search

    ladders = layouts(len(devices), run.training.batch_size, run.model.num_heads, tensors)
    if not ladders:
        raise UserError(
            f'BATCH_SIZE={run.training.batch_size} and {run.model.num_heads} heads cannot be sharded over '
            f'{len(devices)} devices{f" with --tensor={tensors}" if tensors else ""}; change BATCH_SIZE, '
            '--topology or --tensor'
        )

    def compile_layout(layout):
        of_layout = _with(run, layout)
        words = f'{layout.fsdp} x {layout.tensor}, {layout.remat}, {layout.microbatches} microbatches'
        with OUT.status(f'compiling {words}'):
            try:
                compiled = compile_training(of_layout, make_mesh(of_layout.parallelism, devices))
            except DoesNotFit as error:
                OUT.print(f'{words}: {error}', style='dim')
                raise
        OUT.print(f'{words}: {compiled.roofline.seconds:.3g} s per step; compiled in {compiled.seconds:.0f} s')
        return compiled

    found = search(ladders, compile_layout)
    print_table(_table(found, make_mesh(Parallelism(), devices)))
    if found[0].compiled is None:
        raise UserError(
            f'the step does not fit the memory of any mesh of {len(devices)} devices; use a larger --topology'
        )
    _print_settings(found[0].layout)


def _print_settings(best) -> None:
    """Prints the settings of a layout as arguments of the command line."""
    OUT.print(
        f'fastest: --gin.FSDP={best.fsdp} --gin.TENSOR={best.tensor} --gin.REMAT={best.remat} '
        f'--gin.Training.microbatches={best.microbatches}'
    )


def _with(run: Run, layout) -> Run:
    training = dataclasses.replace(run.training, remat=layout.remat, microbatches=layout.microbatches)
    parallelism = Parallelism(fsdp=layout.fsdp, tensor=layout.tensor)
    return dataclasses.replace(run, training=training, parallelism=parallelism)


def _table(found, mesh) -> Table:
    table = Table(
        'fsdp x tensor', 'remat', 'microbatches', 'peak, GiB', 's per step (compute / memory / interconnect)',
        'utilisation', box=None,
    )  # fmt: skip
    for tried in found:
        layout, compiled = tried.layout, tried.compiled
        words = ('does not fit', '', '')
        if compiled:
            roof = compiled.roofline
            seconds = f'{roof.seconds:.3g} ({roof.arithmetic:.3g} / {roof.memory:.3g} / {roof.links:.3g})'
            words = (f'{compiled.memory["peak"] / GIB:.2f}', seconds, f'{compiled.utilisation(mesh):.0%}')
        table.add_row(f'{layout.fsdp} x {layout.tensor}', layout.remat, str(layout.microbatches), *words)
    return table
