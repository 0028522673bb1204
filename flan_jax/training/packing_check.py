"""Checks on this device that packing changes neither loss nor gradient.

Attention kernels have been known to ignore segment masks silently. Texts and trees of random tokens are learned from,
packed and each in its own sequence, in float32 at the highest precision of the device. The difference without a segment
mask is measured as well: if it were within the bound, too, the check would prove nothing.
"""

import dataclasses

import jax
import jax.flatten_util
import numpy as np
import optax

from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig, Rotary
from flan_jax.objectives.next_token import NextToken
from flan_jax.packing.example import Example
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.training.step import Learning, predictions
from flan_jax.tuning.full import Full

BOUND = 1e-4
"""Bound on the differences, relative to the loss and to the gradient's norm."""

LENGTH = 320
"""Tokens of a sequence: more than one block of queries, see `flan_jax.model.attention`."""

_CONFIG = DecoderConfig(
    vocab_size=128, num_layers=2, d_model=64, num_heads=4, num_kv_heads=2, head_dim=16, d_ff=128, position=Rotary()
)


@dataclasses.dataclass(frozen=True)
class Difference:
    """The larger of the relative differences in loss and in gradient from unpacked examples.

    Attributes:
      packed: the difference of packed sequences.
      unmasked: the difference of packed sequences without a segment mask.
    """

    packed: float
    unmasked: float

    @property
    def proven(self) -> bool:
        """Whether packing changes nothing, and a missing mask would have been noticed."""
        return self.packed < BOUND < self.unmasked / 10


def packing_difference(responses: int) -> Difference:
    """Measures on this device; examples with one response are chains, with several responses trees."""
    examples = _examples(responses)
    params = decoder.initialise(_CONFIG, jax.random.key(0))
    packed = _batch([examples], chains=responses == 1)
    alone = _batch([[dataclasses.replace(ex, responses=(r,))] for ex in examples for r in ex.responses], chains=True)
    unmasked = packed | {'segment_ids': np.ones_like(packed['segment_ids'])}
    if responses > 1:
        unmasked['segment_exits'] = np.full_like(packed['segment_exits'], 2)
    with jax.default_matmul_precision('highest'):
        expected, *found = (_loss_and_gradient(params, batch) for batch in (alone, packed, unmasked))
    return Difference(*(_difference(one, expected) for one in found))


def _examples(responses: int) -> list[Example]:
    """Four examples that fit into one sequence."""
    rng = np.random.default_rng(0)
    draw = lambda size: rng.integers(1, _CONFIG.vocab_size, (int(size),))  # noqa: E731
    prompts = (50, 33, 61, 20)
    return [Example(draw(prompt), tuple(draw(rng.integers(6, 12)) for _ in range(responses))) for prompt in prompts]


def _batch(sequences: list[list[Example]], chains: bool) -> dict[str, np.ndarray]:
    batch = lay_out(sequences, Shape(len(sequences), LENGTH, LENGTH))
    batch['cluster_ids'] = np.zeros_like(batch.pop('tasks'))
    if chains:
        del batch['segment_exits']
    return batch


@jax.jit
def _loss_and_gradient(params, batch):
    """The summed loss, and its gradient as one vector."""
    learning = Learning(_CONFIG, NextToken(), Full(), optax.identity(), decoder.Execution())
    summed = lambda params: learning.objective(predictions(learning, params, batch), batch, ('all',))[0]  # noqa: E731
    loss, gradient = jax.value_and_grad(summed)(params)
    return loss, jax.flatten_util.ravel_pytree(gradient)[0]


def _difference(found, expected) -> float:
    """The larger relative difference of losses and of gradients; infinite if either is not finite."""
    relative = [float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in zip(found, expected)]
    return max(relative) if np.isfinite(relative).all() else float('inf')
