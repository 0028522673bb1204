"""Greedy decoding and sampling: one answer to each prompt, one token after the other.

Shape letters: B prompts, N new tokens, D model, V vocabulary.
"""

import abc
import dataclasses

import jax
import jax.numpy as jnp

from flan_jax.inference.decoding import Continuation, Decoding, StoppingCriteria
from flan_jax.inference.processors.processor import Generated, process


class TokenByToken(Decoding):
    """Decoding that chooses one next token for each prompt."""

    @abc.abstractmethod
    def choose(self, logits_BxV: jax.Array, key: jax.Array) -> jax.Array:
        """The next token of each answer, int32 [B]."""

    def decode(self, prompts: Continuation, stopping: StoppingCriteria, key: jax.Array):
        new = stopping.max_new_tokens

        def unfinished(carry):
            count, _, _, _, ended_B, _ = carry
            return (count < new) & ~ended_B.all()

        def extend(carry):
            count, hidden_BxD, cache, tokens_BxN, ended_B, lengths_B = carry
            generated = Generated(tokens_BxN, count, prompts.tokens_BxP)
            logits_BxV = process(self.processors, prompts.logits(hidden_BxD), generated)
            token_B = self.choose(logits_BxV, jax.random.fold_in(key, count))
            ended_B |= token_B == stopping.eos_id
            tokens_BxN = tokens_BxN.at[:, count].set(token_B)
            lengths_B += ~ended_B
            hidden_BxD, cache = prompts.step(token_B, cache)
            return count + 1, hidden_BxD, cache, tokens_BxN, ended_B, lengths_B

        batch = len(prompts.is_prompt_B)
        tokens_BxN, lengths_B = jnp.zeros((batch, new), jnp.int32), jnp.zeros(batch, jnp.int32)
        carry = (0, prompts.hidden_BxD, prompts.init_cache(new), tokens_BxN, ~prompts.is_prompt_B, lengths_B)
        *_, tokens_BxN, _, lengths_B = jax.lax.while_loop(unfinished, extend, carry)
        return tokens_BxN, lengths_B


@dataclasses.dataclass(frozen=True)
class Greedy(TokenByToken):
    """Takes the likeliest token."""

    def choose(self, logits_BxV, key):
        return jax.lax.top_k(logits_BxV, 1)[1][:, 0]  # the first of the largest; on a CPU faster than argmax


@dataclasses.dataclass(frozen=True)
class Sampling(TokenByToken):
    """Draws a token from the distribution that the processors leave."""

    def choose(self, logits_BxV, key):
        return jax.random.categorical(key, logits_BxV).astype(jnp.int32)
