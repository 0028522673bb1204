"""Implicit rewards under a hinge: SLiC's loss against a reference model (Liu et al. 2023, RSO)."""

import dataclasses

import jax

from flan_jax.objectives.pairwise import ImplicitReward


@dataclasses.dataclass(frozen=True)
class DpoHinge(ImplicitReward):
    """max(0, 1 - margin) between implicit rewards; 1 / beta is the margin in nats beyond which nothing is learned."""

    def pair_loss(self, better: jax.Array, worse: jax.Array) -> jax.Array:
        return jax.nn.relu(1 - (better - worse))
