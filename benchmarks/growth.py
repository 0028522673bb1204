"""Measures how time grows with sequences of a stream, options, layers and devices; draws docs/performance.svg.

    python benchmarks/growth.py [--rows=10000000]

Times are processor times of this process, the minimum of three. Devices are virtual devices on this processor, so for
them the figure shows FLOPs and memory per device, as counted by the compiler, not time.
"""

import argparse
import functools
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Sequence

os.environ.setdefault('JAX_NUM_CPU_DEVICES', '8')
os.environ['JAX_ENABLE_COMPILATION_CACHE'] = 'false'

import jax
import matplotlib
import numpy as np
from etils import epath

from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.inference.loaded import LoadedModel, TokenIds
from flan_jax.inference.scoring import Scorer
from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig, Rotary
from flan_jax.objectives.next_token import NextToken
from flan_jax.packing import stream
from flan_jax.packing.example import Example, PackedSequence
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.training.program import execution_of, training_program
from flan_jax.training.settings import Training
from flan_jax.tuning.full import Full

matplotlib.use('svg')

from matplotlib import pyplot as plt

FIGURE = pathlib.Path(__file__).parent.parent / 'docs/performance.svg'

VOCABULARY, LENGTH = 1024, 256


def config_of(layers: int) -> DecoderConfig:
    """A small decoder of so many layers."""
    return DecoderConfig(
        vocab_size=VOCABULARY, num_layers=layers, d_model=128, num_heads=4, head_dim=32, d_ff=256, position=Rotary()
    )


def least(work: Callable[[], object], repeats: int = 3) -> float:
    """The least processor seconds of a call."""

    def once():
        start = time.process_time()
        work()
        return time.process_time() - start

    return min(once() for _ in range(repeats))


def example(options: int, answer: int = 8) -> Example:
    """A random question of 200 tokens."""
    rng = np.random.default_rng(0)
    return Example(rng.integers(1, VOCABULARY, 200), tuple(rng.integers(1, VOCABULARY, answer) for _ in range(options)))


class Row(PackedSequence):
    """A short sequence whose bytes are made once, so that many are written soon."""

    def to_bytes(self) -> bytes:
        """The same bytes every time."""
        return self._bytes

    @functools.cached_property
    def _bytes(self) -> bytes:
        return super().to_bytes()


def seconds_to_last_row(rows: int) -> float:
    """Processor seconds to open a stream and read its last row, which a resumed run waits for."""
    short = Example(np.arange(1, 9), (np.arange(1, 5),))
    row = Row(**vars(PackedSequence.of([short])))
    manifest = stream.StreamManifest(
        recipe={}, tasks=['all'], clusters=['all'], cluster_of_task=[0], sequences=rows, sequence_length=16,
        max_targets=4, examples=[rows], density=1.0, target_share=0.3, epochs={},
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = epath.Path(folder) / 'stream'
        stream.write(path, (row for _ in range(rows)), lambda: manifest)
        return least(lambda: stream.PackedStream(path).sequences([rows - 1]))


def seconds_of_question(options: int) -> float:
    """Processor seconds to score a question."""
    config = config_of(layers=4)
    params = decoder.initialise(config, jax.random.key(0))
    model = LoadedModel(config, params, TokenIds(VOCABULARY), execution=execution_of('float32', 'cpu'))
    scorer, question = Scorer(model, 512), [example(options)]
    scorer.score(question)
    return least(lambda: scorer.score(question))


def lowered(layers: int, devices: int):
    """A training step of 8 sequences on so many devices, ready to be compiled."""
    mesh = make_mesh(Parallelism(fsdp=devices), jax.devices()[:devices])
    training = Training(batch_size=8, learning_rate=1e-4)
    program = training_program(config_of(layers), NextToken(), Full(), training, mesh, ('all',))
    batch = lay_out([[example(1)]] * 8, Shape(8, LENGTH, 16))
    batch['cluster_ids'] = np.zeros_like(batch.pop('tasks'))
    del batch['segment_exits']
    split = jax.NamedSharding(mesh, jax.P(('data', 'fsdp')))
    shapes = {name: jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=split) for name, array in batch.items()}
    with jax.set_mesh(mesh):
        return program.step.lower(program.layout, {}, shapes)


def draw(axes, sizes: Sequence[int], values: Sequence[float], title: str, label: str) -> None:
    """One curve on logarithmic axes, from 0 growth to growth in step."""
    axes.loglog(sizes, values, marker='o')
    axes.set(title=title, xlabel=label)
    axes.set_xticks(sizes, [f'{size:,}' if size < 10_000 else f'{size:.0e}' for size in sizes])
    axes.minorticks_off()
    for size, value in zip(sizes, values):
        axes.annotate(f'{value:.3g}', (size, value), textcoords='offset points', xytext=(0, 6), ha='center', fontsize=8)
    axes.margins(0.15, 0.35)


def measure(most_rows: int) -> list[tuple[Sequence[int], Sequence[float], str, str]]:
    """Every curve: sizes, values, title and label."""
    layers, options, devices = (2, 4, 8, 16), (4, 10, 20, 40), (1, 2, 4, 8)
    rows = [most_rows // 10**k for k in (3, 2, 1, 0)]
    curves = [(layers, [least(lowered(n, 1).compile, 1) for n in layers], 'compilation of a step, s', 'layers')]
    print(curves[-1], flush=True)
    curves.append((options, [1e3 * seconds_of_question(n) for n in options], 'scoring a question, ms', 'options'))
    print(curves[-1], flush=True)
    steps = [lowered(4, n).compile() for n in devices]
    curves.append((devices, [step.cost_analysis()['flops'] / 1e9 for step in steps], 'GFLOP of a device', 'devices'))
    memory = [step.memory_analysis().temp_size_in_bytes / 1e6 for step in steps]
    curves.append((devices, memory, "a device's MB beside weights", 'devices'))
    print(curves[-2:], flush=True)
    curves.append((rows, [1e3 * seconds_to_last_row(n) for n in rows], 'opening a stream at its end, ms', 'rows'))
    print(curves[-1], flush=True)
    return curves


def main() -> None:
    """Measures and draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rows', type=int, default=10_000_000)
    curves = measure(parser.parse_args().rows)
    figure, all_axes = plt.subplots(1, len(curves), figsize=(3 * len(curves), 2.8), layout='constrained')
    for axes, curve in zip(all_axes, curves):
        draw(axes, *curve)
    figure.savefig(FIGURE, metadata={'Date': None})


if __name__ == '__main__':
    main()
