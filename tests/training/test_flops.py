"""The arithmetic that a step needs, beside that of the program that computes it."""

import functools
import math

import jax
import pytest

from flan_jax.aot.roofline import product_flops
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.model.config import DecoderConfig, Rotary
from flan_jax.model.decoder import label_log_probs, parameter_shapes
from flan_jax.objectives.next_token import NextToken
from flan_jax.training.flops import BatchSize, forward_flops, training_flops
from flan_jax.training.program import training_program
from flan_jax.training.settings import Training
from flan_jax.tuning.full import Full
from flan_jax.tuning.lora import Lora
from flan_jax.tuning.prompt import Prompt
from flan_jax.tuning.task_prompts import TaskPrompts

# One block of queries: attention in blocks computes less than is counted.
SIZE = BatchSize(sequences=4, length=128, predicted=16)
CONFIG = DecoderConfig(
    vocab_size=2000,
    num_layers=3,
    d_model=64,
    num_heads=4,
    head_dim=16,
    d_ff=256,
    position=Rotary(),
    tied_embedding=False,
)


def batch():
    shapes = dict.fromkeys(('tokens', 'positions', 'segment_ids'), (SIZE.sequences, SIZE.length))
    shapes |= dict.fromkeys(('predict_at', 'labels', 'cluster_ids'), (SIZE.sequences, SIZE.predicted))
    arrays = {name: jax.ShapeDtypeStruct(shape, 'int32') for name, shape in shapes.items()}
    return arrays | {'weights': jax.ShapeDtypeStruct((SIZE.sequences, SIZE.predicted), 'float32')}


def test_the_forward_pass_is_counted_as_it_is_computed():
    forward = jax.make_jaxpr(functools.partial(label_log_probs, CONFIG))(parameter_shapes(CONFIG), batch())
    assert forward_flops(CONFIG, SIZE) == pytest.approx(product_flops(forward.jaxpr), rel=1e-6)


def test_a_soft_prompt_counts_in_the_forward_pass():
    tuning = Prompt(length=64)
    params = parameter_shapes(CONFIG) | tuning.shapes(CONFIG)
    forward = jax.make_jaxpr(functools.partial(label_log_probs, CONFIG))(params, batch())
    assert forward_flops(CONFIG, SIZE, rows=64) == pytest.approx(product_flops(forward.jaxpr), rel=0.01)
    assert forward_flops(CONFIG, SIZE, rows=64) > 1.01 * forward_flops(CONFIG, SIZE)


@pytest.mark.parametrize(
    'tuning',
    [
        Full(), Lora(rank=4), Lora(rank=4, targets=('feed_forward/down',)), Prompt(length=64),
        TaskPrompts(tasks=('a', 'b'), lengths=(24, 40)),
    ],
)  # fmt: skip
def test_a_step_is_counted_as_it_is_computed(tuning):
    """Nothing is computed again where all activations are kept, and nothing for kernels that are frozen."""
    mesh = make_mesh(Parallelism(), jax.devices()[:1])
    training = Training(batch_size=SIZE.sequences, remat='none')
    program = training_program(CONFIG, NextToken(), tuning, training, mesh, ('a',))
    ids = {'prompt_ids': jax.ShapeDtypeStruct((SIZE.sequences, SIZE.length), 'int32')}
    step = jax.make_jaxpr(program.step)(program.layout, program.frozen, batch() | ids)
    computed = product_flops(step.jaxpr)
    assert training_flops(CONFIG, tuning, SIZE) == pytest.approx(computed, rel=0.06)


def test_the_vocabulary_counts_at_predicted_positions_alone():
    more = BatchSize(SIZE.sequences, SIZE.length, SIZE.length)
    difference = forward_flops(CONFIG, more) - forward_flops(CONFIG, SIZE)
    assert difference == 2 * math.prod(
        (CONFIG.vocab_size, CONFIG.d_model, SIZE.sequences, SIZE.length - SIZE.predicted)
    )
