"""Prompts whose answers share sequences teach what they teach alone."""

import jax
import jax.numpy as jnp
import numpy as np

from flan_jax.evaluation.samples import Answered, Question
from flan_jax.model.decoder import hidden_states, log_probs_after
from flan_jax.model.inputs import Inputs
from flan_jax.model.value_head import init_value_head, response_values
from flan_jax.objectives.objective import Predictions
from flan_jax.objectives.ppo import Ppo
from flan_jax.packing.example import Example
from flan_jax.packing.layout import Shape
from flan_jax.rollouts.batches import TokenOutputs, lay_out_rollouts, with_advantages
from flan_jax.rollouts.rollout import Rollout
from tests.objectives.test_next_token import assert_trees_close
from tests.toy import CONFIGS, VOCABULARY, random_params

CONFIG = CONFIGS['rotary']
PPO = Ppo(kl_loss=0.1, whiten_rewards=True)
LONGEST = 4


def rollouts(count=8, answers=3):
    rng = np.random.default_rng(2)

    def draw(longest):
        return rng.integers(2, VOCABULARY, rng.integers(1, longest + 1)).astype(np.int32)

    return [
        Rollout(
            Answered(Question('?'), ('',) * answers),
            Example(draw(6), tuple(draw(LONGEST) for _ in range(answers))),
            tuple(rng.normal(size=answers).tolist()),
        )
        for _ in range(count)
    ]


@jax.jit
def seen_by(params, batch):
    hidden = hidden_states(CONFIG, params, Inputs.of(batch))
    return log_probs_after(CONFIG, params, hidden, batch), response_values(params, hidden, batch['response_ends'])


def gradients(length):
    """How many sequences each batch of four prompts has, and the gradient of each batch, some updates later."""
    reference, before, now = (
        random_params(CONFIG, scale) | init_value_head(CONFIG, jax.random.key(1)) for scale in (0.2, 0.21, 0.22)
    )
    batches = lay_out_rollouts(rollouts(), Shape(4, length, 3 * LONGEST * (length // 18)))
    outputs = []
    for batch in batches:
        (log_probs, values), (by_reference, _) = (seen_by(params, batch.arrays) for params in (before, reference))
        outputs.append(TokenOutputs(*map(np.array, (log_probs, values, by_reference))))

    def loss(params, batch):
        return PPO(Predictions(*seen_by(params, batch)), batch, ())[0] / PPO.denominator(batch)

    ready = [jax.tree.map(jnp.asarray, batch) for batch in with_advantages(PPO, batches, outputs)]
    return [len(batch['tokens']) for batch in ready], [jax.value_and_grad(loss)(now, batch) for batch in ready]


def test_packed_rollouts_give_the_gradient_of_unpacked_ones():
    (alone, expected), (together, found) = gradients(18), gradients(72)
    assert alone == [4, 4] and max(together) <= 2
    assert_trees_close(found, expected, rtol=1e-4, atol=1e-5)
