"""Greedy decoding and sampling: one answer to each prompt, token by token.

Shape letters: B prompts, N new tokens, D model, V vocabulary.
"""

import abc
import dataclasses

import jax
import jax.numpy as jnp

from flan_jax.inference.decoding import Continuation, Decoding, StoppingCriteria
from flan_jax.inference.processors.processor import Generated, process
from flan_jax.model.kv_cache import DecodeCache


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Answers:
    """Answers that are being generated, all with the same number of tokens.

    Attributes:
      count: number of tokens generated so far, a scalar.
      hidden: final hidden states that give the next logits, [B, D].
      cache: keys and values of the generated tokens.
      tokens: the generated tokens, of which the first `count` are set, [B, N].
      ended: whether the answer has ended, [B].
      lengths: number of tokens of each answer, EOS excluded, [B].
    """

    count: jax.Array
    hidden: jax.Array
    cache: DecodeCache
    tokens: jax.Array
    ended: jax.Array
    lengths: jax.Array


class TokenByToken(Decoding):
    """Decoding that chooses one next token for each prompt."""

    @abc.abstractmethod
    def choose(self, logits_BxV: jax.Array, key: jax.Array) -> jax.Array:
        """The next token of each answer, int32 [B]."""

    def begin(self, prompts: Continuation, new: int) -> Answers:
        """Answers without tokens yet, with space for `new` tokens."""
        batch = len(prompts.is_prompt_B)
        return Answers(
            count=jnp.zeros((), jnp.int32),
            hidden=prompts.hidden_BxD,
            cache=prompts.init_cache(new),
            tokens=jnp.zeros((batch, new), jnp.int32),
            ended=~prompts.is_prompt_B,
            lengths=jnp.zeros(batch, jnp.int32),
        )

    def extend(self, prompts: Continuation, answers: Answers, eos_id: int, key: jax.Array) -> tuple[Answers, jax.Array]:
        """The answers with one more token, and the model's logits for it, before any processor, [B, V]."""
        count = answers.count
        own_BxV = prompts.logits(answers.hidden)
        logits_BxV = process(self.processors, own_BxV, Generated(answers.tokens, count, prompts.tokens_BxP))
        token_B = self.choose(logits_BxV, jax.random.fold_in(key, count))
        ended_B = answers.ended | (token_B == eos_id)
        hidden_BxD, cache = prompts.step(token_B, answers.cache)
        extended = Answers(
            count=count + 1,
            hidden=hidden_BxD,
            cache=cache,
            tokens=answers.tokens.at[:, count].set(token_B),
            ended=ended_B,
            lengths=answers.lengths + ~ended_B,
        )
        return extended, own_BxV

    def decode(self, prompts: Continuation, stopping: StoppingCriteria, key: jax.Array):
        def unfinished(answers):
            return (answers.count < stopping.max_new_tokens) & ~answers.ended.all()

        def extend(answers):
            return self.extend(prompts, answers, stopping.eos_id, key)[0]

        answers = jax.lax.while_loop(unfinished, extend, self.begin(prompts, stopping.max_new_tokens))
        return answers.tokens, answers.lengths


@dataclasses.dataclass(frozen=True)
class Greedy(TokenByToken):
    """Takes the most likely token."""

    def choose(self, logits_BxV, key):
        return jax.lax.top_k(logits_BxV, 1)[1][:, 0]  # the first of equals, like argmax, but faster on a CPU


@dataclasses.dataclass(frozen=True)
class Sampling(TokenByToken):
    """Samples a token from the processed distribution."""

    def choose(self, logits_BxV, key):
        return jax.random.categorical(key, logits_BxV).astype(jnp.int32)
