"""flan-jax compile: compiles a run's training and scoring steps ahead of time for a TPU slice; no TPU is needed."""

import argparse
import functools
import math
import os
from collections.abc import Callable

from rich.table import Table

from flan_jax.command import configuration
from flan_jax.command.bindings import read_bindings
from flan_jax.command.compile_search import search_meshes
from flan_jax.command.tables import OUT, print_table
from flan_jax.errors import UserError
from flan_jax.objectives.ppo import Ppo
from flan_jax.run import Run

GIB = 2**30

CLUSTERS = 12
"""Number of clusters whose losses the training step reports separately: FLAN's."""

PREDICTED_TOKENS = 256
"""Option tokens in a sequence of the scoring step."""


def main(arguments: list[str]) -> int:
    """Compiles the steps, and prints their memory and estimated time."""
    options, others = _parser().parse_known_args(arguments)
    if options.tensor and not options.search:
        raise UserError(f'--tensor={options.tensor} only applies with --search; set --gin.TENSOR for a single mesh')
    os.environ['JAX_PLATFORMS'] = 'cpu'  # libtpu compiles; it must not look for chips
    files = [configuration.DEFAULTS, *options.gin_file]
    not_needed = dict.fromkeys(configuration.missing_macros(files), 'unused')
    run = configuration.load(files, not_needed | read_bindings(others))
    if isinstance(run.objective, Ppo) and options.step != ['scoring']:
        raise UserError(
            'Run.objective=@Ppo() trains on answers that the model generates, and its training step cannot be '
            'compiled ahead of time; use --step=scoring'
        )

    from flan_jax.aot.topology import topology_devices
    from flan_jax.distributed.mesh import make_mesh

    devices = topology_devices(options.topology)
    if options.search:
        compile_one = functools.partial(compile_training_of, responses=options.responses)
        search_meshes(run, devices, compile_one, options.tensor)
        return 0
    mesh = make_mesh(run.parallelism, devices)
    shape = ' x '.join(f'{size} {axis}' for axis, size in mesh.shape.items())
    OUT.print(f'{options.topology}: {mesh.size} devices of kind {mesh.devices.flat[0].device_kind}, mesh {shape}')
    training = functools.partial(compile_training_of, responses=options.responses)
    steps: dict[str, Callable] = {'training': training, 'scoring': _scoring}
    for name in options.step or steps:
        with OUT.status(f'compiling the {name} step'):
            compiled = steps[name](run, mesh)
        _print(compiled, mesh)
        if name == 'training' and run.objective.ranked:
            _print_ranked(run, options.responses, compiled.roofline.seconds)
    return 0


def compile_training_of(run: Run, mesh, responses: int = 2):
    """The compiled training step of a run on a mesh; raises DoesNotFit.

    For an objective that ranks, each prompt has `responses` responses, all of the maximal length.
    """
    from flan_jax.aot.compile import compile_training
    from flan_jax.training.flops import BatchSize
    from flan_jax.training.program import training_program

    clusters = [str(number) for number in range(CLUSTERS)]
    training = run.training.over(run.training.batch_size)  # the number of steps does not change the program of one step
    program = training_program(run.model, run.objective, run.tuning, training, mesh, clusters)
    size = BatchSize(run.training.batch_size, run.stream.sequence_length, run.stream.max_targets)
    return compile_training(program, size, max(1, run.stream.sequence_length // _tree(run, responses)) * responses)


def _tree(run: Run, responses: int) -> int:
    """Tokens of a maximal prompt with maximal responses; raises UserError if a sequence cannot hold them."""
    tokens = run.stream.input_length + responses * run.stream.target_length
    if run.objective.ranked and tokens > run.stream.sequence_length:
        raise UserError(
            f'Stream.sequence_length={run.stream.sequence_length} cannot hold a prompt of up to '
            f'Stream.input_length={run.stream.input_length} tokens with --responses={responses} of up to '
            f'Stream.target_length={run.stream.target_length}; raise it to {tokens}, or lower one of the others'
        )
    return tokens


def _scoring(run: Run, mesh):
    from flan_jax.aot.compile import compile_scoring
    from flan_jax.training.flops import BatchSize
    from flan_jax.training.program import execution_of, platform_of

    length = run.stream.sequence_length
    size = BatchSize(run.evaluation.batch_tokens // length, length, PREDICTED_TOKENS)
    execution = execution_of(run.training.dtype, platform_of(mesh))
    return compile_scoring(run.model, run.tuning, mesh, execution, size, run.training.param_dtype)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False, prog='flan-jax compile', description=__doc__)
    parser.add_argument(
        '--topology', required=True, help='TPU generation and arrangement of its chips, such as v3:8x8 or v4:4x4x8'
    )
    parser.add_argument(
        '--gin_file', action='append', default=[], metavar='FILE', help='gin file of the run; may be repeated'
    )
    parser.add_argument(
        '--responses',
        type=int,
        default=2,
        help='responses to each prompt, for objectives that rank responses (default: 2)',
    )
    parser.add_argument(
        '--search', action='store_true', help='compile the training step for every mesh, and print the fastest'
    )
    parser.add_argument(
        '--tensor',
        type=int,
        nargs='+',
        default=[],
        metavar='SIZE',
        help='with --search: only meshes whose tensor axis has one of these sizes',
    )
    parser.add_argument(
        '--step', action='append', choices=('training', 'scoring'), help='compile only this step (default: both)'
    )
    return parser


def _print_ranked(run: Run, responses: int, seconds: float) -> None:
    """Prints how many examples a step processes, with and without sharing the prompt among its responses."""
    stream, pairs = run.stream, math.comb(responses, 2)
    tree, pair = _tree(run, responses), 2 * stream.example_length
    examples = run.training.batch_size * (stream.sequence_length // tree)
    apart = run.training.batch_size * (stream.sequence_length / (pair * pairs))
    OUT.print(
        f'a prompt of {stream.input_length} tokens with {responses} responses of {stream.target_length}: packed '
        f'as a tree {tree:,} tokens, {examples} per step, {examples / seconds:,.1f}/s; packed as separate pairs '
        f'({pairs}) {pair * pairs:,} tokens, {apart:,.1f} per step, {apart / seconds:,.1f}/s'
    )


def _print(compiled, mesh) -> None:
    roof = compiled.roofline
    OUT.print(f'\n[bold]{compiled.name}[/], {compiled.tokens} tokens per step; compiled in {compiled.seconds:.0f} s')
    memory = '  '.join(f'{kind} {size / GIB:.2f}' for kind, size in compiled.memory.items())
    OUT.print(f'memory per device, GiB: {memory}')
    table = Table('collective', 'count', 'GB', 'GB sent', box=None)
    for kind, traffic in sorted(compiled.traffic.items()):
        table.add_row(kind, str(traffic.count), f'{traffic.payload / 1e9:.2f}', f'{traffic.sent / 1e9:.2f}')
    print_table(table)
    OUT.print(
        f'FLOPs per device: {compiled.flops / 1e12:.2f} TFLOP, of which model FLOPs: {compiled.model_flops / 1e12:.2f}'
    )
    OUT.print(
        f'roofline: {roof.seconds:.3f} s per step (compute {roof.arithmetic:.3f}, memory {roof.memory:.3f}, '
        f'interconnect {roof.links:.3f}), {compiled.tokens / roof.seconds:,.0f} tokens/s, model FLOP utilisation '
        f'{compiled.utilisation(mesh):.0%}; memory traffic of activations is not included'
    )
