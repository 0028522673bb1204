"""Shared by the benchmarks against PyTorch: a model with the same weights on both sides, and fair timing.

Both sides compute in float32 on one core, to which this process is pinned. Times are processor times of this process,
because wall time would depend on the other load of the machine. Repetitions alternate, and ratios are taken per
repetition.
"""

import functools
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import jax
import numpy as np
import torch
import transformers

from flan_jax.convert.read import HuggingFaceModel
from flan_jax.distributed.mesh import Parallelism, make_mesh, parameter_layout
from flan_jax.inference.loaded import LoadedModel, TokenIds
from flan_jax.training.program import execution_of

os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # both libraries start their threads later
torch.set_num_threads(1)

VOCABULARY = 32_000


@functools.cache
def llama(
    vocabulary: int = VOCABULARY, width: int = 384, layers: int = 8
) -> tuple[transformers.PreTrainedModel, LoadedModel]:
    """A Llama, by default of 26M parameters, with random weights, theirs and ours."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=8 * width // 3,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        num_key_value_heads=width // 64,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        initializer_range=0.05,
    )
    model = transformers.LlamaForCausalLM(config).eval()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        ours = HuggingFaceModel(folder)
        params = ours.params(parameter_layout(ours.config, make_mesh(Parallelism())))
    execution = execution_of('float32', 'cpu')
    return model, LoadedModel(ours.config, jax.block_until_ready(params), TokenIds(vocabulary), execution=execution)


class OwnProcess:
    """Work in a process of its own, whose memory is managed as where only that side runs."""

    def __init__(self, make: Callable[..., Callable[[], object]], *arguments: object):
        """`make(*arguments)` is called there, and gives what is called for every repetition."""
        spawn = multiprocessing.get_context('spawn')
        self._connection, other = spawn.Pipe()
        spawn.Process(target=_answer, args=(other, make, arguments), daemon=True).start()

    def __call__(self) -> object:
        """What the work gives; `seconds` are then the processor seconds that it took there."""
        self._connection.send(None)
        value, self.seconds = self._connection.recv()
        return value


def _answer(connection: Connection, make: Callable[..., Callable[[], object]], arguments: tuple) -> None:
    work = make(*arguments)
    while _is_asked(connection):
        start = time.process_time()
        value = work()
        connection.send((value, time.process_time() - start))


def _is_asked(connection: Connection) -> bool:
    """Waits for the next call; False where the other process has ended."""
    try:
        connection.recv()
    except EOFError:
        return False
    return True


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds that a call takes."""
    if isinstance(work, OwnProcess):
        work()
        return work.seconds
    start = time.process_time()
    work()
    return time.process_time() - start


def fastest(candidates: dict[int, Callable[[], object]]) -> int:
    """The batch size whose second run is fastest; the first run warms up."""
    for work in candidates.values():
        work()
    return min(candidates, key=lambda size: seconds(candidates[size]))


def alternate(
    ours: Callable[[], object], theirs: Callable[[], object], repeats: int
) -> tuple[list[float], list[float]]:
    """The seconds of both sides, repetition by repetition."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(repeats)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def print_row(name: str, work: float, unit: str, ours: list[float], theirs: list[float], note: str) -> None:
    """One line of the table: speeds by the median repetition, and the median of the repetitions' ratios."""
    ratios = [b / a for a, b in zip(ours, theirs)]
    print(
        f'| {name} | {work / statistics.median(ours):.1f} {unit} | {work / statistics.median(theirs):.1f} {unit} | '
        f'{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | {note} |',
        flush=True,
    )


def random_tokens(random: np.random.Generator, length: int) -> np.ndarray:
    """Tokens of a prompt or an answer, none of them special."""
    return random.integers(10, VOCABULARY, length)
