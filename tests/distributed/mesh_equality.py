"""One training run on every mesh of eight devices, beside the same on one; prints how far they are apart.

The tests run it as a process of its own, since the number of devices is fixed when JAX starts:

  python -m tests.distributed.mesh_equality          # a table of every mesh with one microbatch and with two
  python -m tests.distributed.mesh_equality --json   # a line of JSON per mesh, with one or two in turn
"""

import dataclasses
import functools
import json
import os
import sys
import tempfile

import jax
import numpy as np
import optax

from flan_jax.distributed.batches import addressable_sequences, device_batch
from flan_jax.distributed.mesh import Parallelism, make_mesh, parameter_layout
from flan_jax.distributed.virtual_devices import prevent_deadlock
from flan_jax.model import decoder
from flan_jax.model.config import Learned, lamda
from flan_jax.objectives.next_token import NextToken
from flan_jax.packing.best_fit import pack
from flan_jax.packing.example import Example
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.training.digests import digests
from flan_jax.training.program import training_program
from flan_jax.training.run_checkpoints import Checkpoints
from flan_jax.training.settings import Training
from flan_jax.tuning.full import Full

DEVICES = 8
BATCH_SIZE, SEQUENCE_LENGTH = 16, 16
STEPS = 2  # the second reads the optimizer state that the first wrote
# Eight heads for tensor=8, and matrices of at least 128 x 128, which is what Adafactor factors.
CONFIG = lamda(num_layers=2, d_model=128, vocab_size=128, head_dim=32)
# GPT-2's kind of vocabulary, and a width that eight devices do not divide.
INDIVISIBLE = dataclasses.replace(CONFIG, vocab_size=129, d_model=132, position=Learned(SEQUENCE_LENGTH), norm='layer')
TRAINING = Training(batch_size=BATCH_SIZE, learning_rate=0.1, remat='full', residual_dropout=0.2)


def batches(steps=STEPS, batch_size=BATCH_SIZE, config=CONFIG):
    """The whole batches of some steps."""
    rng = np.random.default_rng(0)
    lengths = zip(rng.integers(1, 9, 200), rng.integers(1, 5, 200))
    draw = functools.partial(rng.integers, 1, config.vocab_size)
    examples = [Example(draw(prompt), (draw(response),)) for prompt, response in lengths]
    packed = list(pack(examples, SEQUENCE_LENGTH, SEQUENCE_LENGTH, 1))[: steps * batch_size]
    sequences = [sequence.examples() for sequence in packed]
    return [_batch(sequences[start : start + batch_size]) for start in range(0, len(sequences), batch_size)]


def _batch(sequences):
    batch = lay_out(sequences, Shape(len(sequences), SEQUENCE_LENGTH, SEQUENCE_LENGTH))
    batch['cluster_ids'] = batch.pop('tasks')
    del batch['segment_exits']
    return batch


@functools.cache
def first_params(config=CONFIG):
    params = decoder.initialise(config, jax.random.key(0))
    keys = iter(jax.random.split(jax.random.key(1), len(params)))
    moved = {name: value + 0.02 * jax.random.normal(next(keys), value.shape) for name, value in params.items()}
    return jax.device_get(moved)


def laid_out(params, layout):
    """NumPy arrays, which every process has whole, where a layout says; copies, as a step takes their memory."""
    return {
        name: jax.make_array_from_callback(value.shape, layout[name].sharding, lambda part, value=value: +value[part])
        for name, value in params.items()
    }


def tune(mesh, data, training=TRAINING, config=CONFIG, params=None, saved=None):
    """The losses of the batches `data`, each process giving what it must; and the state at their end.

    It starts from the newest of the checkpoints `saved`, where these are given.
    """
    indices, params = addressable_sequences(mesh, training.batch_size), params or first_params(config)
    with jax.set_mesh(mesh):
        program = training_program(config, NextToken(), Full(), training, mesh, ('all',))
        state, losses = saved and saved.restore(program.layout), []
        state = state or program.start(laid_out(params, program.layout.params))
        for batch in data:
            local = {name: value[indices] for name, value in batch.items()}
            state, metrics = program.step(state, {}, device_batch(local, indices, mesh, training.batch_size))
            losses.append(float(metrics.objective['loss'].total / metrics.objective['loss'].count))
    return losses, state


def run(devices, microbatches=1, **parallelism):
    """Losses by step, parameters and optimizer state after `STEPS` steps, as NumPy arrays; and the mesh's shape."""
    mesh = make_mesh(Parallelism(**parallelism), devices)
    losses, state = tune(mesh, batches(), dataclasses.replace(TRAINING, microbatches=microbatches))
    return losses, jax.tree.map(np.asarray, (state.params, state.optimizer)), tuple(mesh.shape.values())


def log_likelihoods(mesh, config):
    """How a mesh scores every response token of a batch, as a NumPy array [B, P]."""
    (batch,) = batches(1, config=config)
    params = laid_out(first_params(config), parameter_layout(config, mesh))
    with jax.set_mesh(mesh):
        score = functools.partial(decoder.label_log_probs, config)
        return np.asarray(jax.jit(score)(params, device_batch(batch, np.arange(BATCH_SIZE), mesh, BATCH_SIZE)))


def compare_indivisible(**parallelism) -> dict:
    """How far a mesh that divides neither vocabulary nor width is from one device: losses and log-likelihoods."""
    ours, alone = losses_and_scores(make_mesh(Parallelism(**parallelism))), indivisible_alone()
    loss, log_likelihood = (float(abs(a - b).max()) for a, b in zip(ours, alone))
    return {'indivisible': parallelism, 'loss': loss, 'log_likelihood': log_likelihood}


@functools.cache
def indivisible_alone():
    return losses_and_scores(make_mesh(Parallelism(), jax.devices()[:1]))


def losses_and_scores(mesh):
    losses, _ = tune(mesh, batches(config=INDIVISIBLE), config=INDIVISIBLE)
    return np.array(losses), log_likelihoods(mesh, INDIVISIBLE)


def digests_agree(shapes) -> dict:
    """Whether the weights have the same digests on every mesh as on one device."""

    def on(mesh):
        return digests(laid_out(first_params(), parameter_layout(CONFIG, mesh)))

    alone = on(make_mesh(Parallelism(), jax.devices()[:1]))
    return {'digests': all(on(make_mesh(Parallelism(fsdp=f, tensor=t))) == alone for f, t in shapes)}


def compare_resumed(first, then, losses_alone) -> dict:
    """How far the loss after a checkpoint is, on another number of devices than saved it, from that on one device."""
    data = batches()
    with tempfile.TemporaryDirectory() as folder:
        _, state = tune(first, data[:1])
        with Checkpoints(folder, 1, {'model': 'any'}) as saved:
            saved.save(1, state)
        with Checkpoints(folder, 1, {'model': 'any'}) as saved:
            losses, state = tune(then, data[1:], saved=saved)
    assert int(state.step) == STEPS == len(losses) + 1
    return {'resumed': [first.size, then.size], 'difference': abs(losses[0] - losses_alone[1])}


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
    one, four, all_devices = (
        make_mesh(Parallelism(**parallelism), jax.devices()[:count])
        for parallelism, count in (({}, 1), ({'fsdp': 2, 'tensor': 2}, 4), ({'fsdp': 8}, 8))
    )
    # First, while the program of one device is still there: a process keeps eight.
    for first, then in ((one, all_devices), (all_devices, four), (four, one)):
        print(json.dumps(compare_resumed(first, then, alone[0])), flush=True)
    shapes = [(fsdp, tensor) for fsdp in (1, 2, 4, 8) for tensor in (1, 2, 4, 8) if fsdp * tensor <= DEVICES]
    if not as_json:
        print(f'{"data x fsdp x tensor":22}{"microbatches":14}{"loss":10}{"update":10}{"parameters":12}optimizer')
    for index, (fsdp, tensor) in enumerate(shapes):
        for microbatches in [1 + index % 2] if as_json else (1, 2):
            row = compare(microbatches, alone, fsdp=fsdp, tensor=tensor)
            if as_json:
                print(json.dumps(row), flush=True)
            else:
                mesh = ' x '.join(map(str, row['mesh']))
                numbers = f'{row["loss"]:<10.1e}{row["update"]:<10.1e}{row["parameters"]:<12.1e}{row["optimizer"]:.1e}'
                print(f'{mesh:22}{microbatches:<14}{numbers}', flush=True)
    print(json.dumps(digests_agree(shapes)), flush=True)
    for parallelism in ({'tensor': 2}, {'fsdp': 8}):
        print(json.dumps(compare_indivisible(**parallelism)), flush=True)


if __name__ == '__main__':
    os.environ['JAX_NUM_CPU_DEVICES'] = str(DEVICES)
    prevent_deadlock()
    jax.config.update('jax_num_cpu_devices', DEVICES)
    main('--json' in sys.argv)
