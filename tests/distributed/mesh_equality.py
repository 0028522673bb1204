"""One training run on every mesh of eight devices, beside the same on one; prints how far they are apart.

The tests run it as a process of its own, since the number of devices is fixed when JAX starts:

  python -m tests.distributed.mesh_equality          # a table
  python -m tests.distributed.mesh_equality --json   # a line of JSON per mesh
"""

import dataclasses
import functools
import json
import sys

import jax
import numpy as np
import optax

from flan_jax.distributed.mesh import Parallelism, device_batch, make_mesh
from flan_jax.model import decoder
from flan_jax.model.config import lamda
from flan_jax.objectives.next_token import NextToken
from flan_jax.packing.best_fit import pack
from flan_jax.packing.example import Example
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.training.program import training_program
from flan_jax.training.settings import Training
from flan_jax.tuning.full import Full

DEVICES = 8
BATCH_SIZE, LENGTH, VOCABULARY = 16, 16, 128
STEPS = 2  # the second reads the optimizer state that the first wrote
# Eight heads for tensor=8, and matrices of at least 128 x 128, which is what Adafactor factors.
CONFIG = lamda(num_layers=2, d_model=128, vocab_size=VOCABULARY, head_dim=32)
TRAINING = Training(batch_size=BATCH_SIZE, learning_rate=0.1, remat='full')


def batches():
    rng = np.random.default_rng(0)
    lengths = zip(rng.integers(1, 9, 200), rng.integers(1, 5, 200))
    examples = [Example(rng.integers(1, VOCABULARY, i), (rng.integers(1, VOCABULARY, t),)) for i, t in lengths]
    sequences = [packed.examples() for packed in pack(examples, LENGTH, LENGTH, 1)]
    return [_batch(sequences[step * BATCH_SIZE : (step + 1) * BATCH_SIZE]) for step in range(STEPS)]


def _batch(sequences):
    batch = lay_out(sequences, Shape(BATCH_SIZE, LENGTH, LENGTH))
    batch['cluster_ids'] = batch.pop('tasks')
    del batch['segment_exits']
    return batch


@functools.cache
def first_params():
    params = decoder.initialise(CONFIG, jax.random.key(0))
    keys = iter(jax.random.split(jax.random.key(1), len(params)))
    return {name: value + 0.02 * jax.random.normal(next(keys), value.shape) for name, value in params.items()}


def run(devices, microbatches=1, **parallelism):
    """Losses by step, parameters and optimizer state after `STEPS` steps, as NumPy arrays; and the mesh's shape."""
    mesh = make_mesh(Parallelism(**parallelism), devices)
    training = dataclasses.replace(TRAINING, microbatches=microbatches)
    with jax.set_mesh(mesh):
        program = training_program(CONFIG, NextToken(), Full(), training, mesh, ('all',))
        params = {name: jax.device_put(v, program.layout.params[name].sharding) for name, v in first_params().items()}
        state, losses = program.start(jax.tree.map(lambda x: x.copy(), params)), []
        for batch in batches():
            state, metrics = program.step(state, {}, device_batch(batch, mesh))
            loss = metrics.objective['loss']
            losses.append(float(loss.total / loss.count))
    return losses, jax.tree.map(np.asarray, (state.params, state.optimizer)), tuple(mesh.shape.values())


def furthest(ours, expected, scale_of) -> float:
    """The largest difference in any array, as a share of the array's scale."""
    differences = jax.tree.map(lambda a, b, s: float(abs(a - b).max() / s), ours, expected, scale_of)
    return max(jax.tree.leaves(differences))


def row_moments(optimizer) -> list[np.ndarray]:
    """Adafactor's row moments; those of parameters that are not factored have one element a layer."""
    return [x for _, tree in optax.tree_utils.tree_get_all_with_path(optimizer, 'v_row') for x in jax.tree.leaves(tree)]


def compare(microbatches, alone, **parallelism) -> dict:
    """How far a mesh is from one device: losses; updates and Adafactor's state by their largest element."""
    losses, (params, optimizer), shape = run(jax.devices(), microbatches, **parallelism)
    losses_alone, (params_alone, optimizer_alone), _ = alone
    largest_update = {name: abs(value - first_params()[name]).max() for name, value in params_alone.items()}
    largest = jax.tree.map(lambda x: max(abs(x).max(), 1e-30), optimizer_alone)
    return {
        'mesh': shape,
        'microbatches': microbatches,
        'loss': max(abs(a - b) for a, b in zip(losses, losses_alone)),
        'update': furthest(params, params_alone, largest_update),
        'parameters': furthest(params, params_alone, jax.tree.map(lambda x: 1.0, params)),
        'optimizer': furthest(optimizer, optimizer_alone, largest),
        'factored': sum(moment.shape[-1] > 1 for moment in row_moments(optimizer)),
    }


def main(as_json: bool) -> None:
    alone = run(jax.devices()[:1])
    shapes = [(fsdp, tensor) for fsdp in (1, 2, 4, 8) for tensor in (1, 2, 4, 8) if fsdp * tensor <= DEVICES]
    if not as_json:
        print(f'{"data x fsdp x tensor":22}{"microbatches":14}{"loss":10}{"update":10}{"parameters":12}optimizer')
    for fsdp, tensor in shapes:
        for microbatches in (1, 2):
            row = compare(microbatches, alone, fsdp=fsdp, tensor=tensor)
            if as_json:
                print(json.dumps(row), flush=True)
            else:
                mesh = ' x '.join(map(str, row['mesh']))
                numbers = f'{row["loss"]:<10.1e}{row["update"]:<10.1e}{row["parameters"]:<12.1e}{row["optimizer"]:.1e}'
                print(f'{mesh:22}{microbatches:<14}{numbers}', flush=True)


if __name__ == '__main__':
    jax.config.update('jax_num_cpu_devices', DEVICES)
    main('--json' in sys.argv)
