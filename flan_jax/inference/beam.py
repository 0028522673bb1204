"""Beam search, as in the baselines of FLAN (Brown et al. 2020, section 2.4: width 4, length penalty 0.6).

The score of an answer of n tokens, EOS included, is its log-probability divided by ((5 + n) / 6) ** penalty (Wu et al.
2016, equation 14). A search ends when no open beam can still beat the best finished answer.

The beams of a prompt share the prompt's cache, so that reordering beams moves only the keys and values of new tokens.

Shape letters: B prompts, W beams, N new tokens, C candidates, D model, V vocabulary.
"""

import dataclasses
from typing import Annotated

import jax
import jax.numpy as jnp

from flan_jax.inference.decoding import Continuation, Decoding, StoppingCriteria
from flan_jax.inference.processors.processor import Generated, process
from flan_jax.model.kv_cache import DecodeCache
from flan_jax.settings import AtLeast, Count

_IMPOSSIBLE = -1e30
"""Score of an absent beam; finite, so that sums and quotients stay finite."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _State:
    """The search after `count` tokens.

    Attributes:
      count: number of tokens of every open beam.
      tokens: tokens of the open beams, [B, W, N].
      scores: log-probabilities of the open beams, best first, [B, W].
      hidden: their final hidden states, [B * W, D].
      cache: keys and values of their tokens, ordered by prompt.
      ended_tokens: tokens of the best finished answer, [B, N].
      ended_scores: its score with the length penalty, [B].
      ended_lengths: its number of tokens before EOS, [B].
    """

    count: jax.Array
    tokens: jax.Array
    scores: jax.Array
    hidden: jax.Array
    cache: DecodeCache
    ended_tokens: jax.Array
    ended_scores: jax.Array
    ended_lengths: jax.Array


@dataclasses.dataclass(frozen=True)
class Beams(Decoding):
    """Beam search. A finished answer is preferred to one that was cut off at the maximal length.

    Attributes:
      width: W.
      length_penalty: exponent of the length penalty; 0 favours short answers, 1 compares means per token.
    """

    width: Count = 4
    length_penalty: Annotated[float, AtLeast(0)] = 0.6

    def penalty(self, length):
        """The divisor of the log-probability of an answer of `length` tokens."""
        return ((5.0 + length) / 6.0) ** self.length_penalty

    def decode(self, prompts: Continuation, stopping: StoppingCriteria, key: jax.Array):
        del key  # nothing is random
        new = stopping.max_new_tokens

        def unfinished(state: _State):
            reachable_B = state.scores[:, 0] / self.penalty(new)  # log-probabilities only fall, and penalties only grow
            return (state.count < new) & (prompts.is_prompt_B & (reachable_B > state.ended_scores)).any()

        start = _start(prompts.hidden_BxD, prompts.init_cache(new, self.width), self.width, new)
        state = jax.lax.while_loop(unfinished, lambda state: self._extend(state, prompts, stopping.eos_id), start)
        some_ended_B = state.ended_scores > _IMPOSSIBLE
        tokens_BxN = jnp.where(some_ended_B[:, None], state.ended_tokens, state.tokens[:, 0])
        lengths_B = jnp.where(some_ended_B, state.ended_lengths, state.count)
        return tokens_BxN, jnp.where(prompts.is_prompt_B, lengths_B, 0)

    def _extend(self, state: _State, prompts: Continuation, eos_id: int) -> _State:
        """The search after one more token."""
        batch = len(state.scores)
        totals_BxWxV = self._totals(state, prompts)
        # Of 2 W candidates at most W end (each beam has one EOS), so at least W stay open.
        scores_BxC, flat_BxC = jax.lax.top_k(totals_BxWxV.reshape(batch, -1), 2 * self.width)
        parents_BxC, chosen_BxC = jnp.divmod(flat_BxC, totals_BxWxV.shape[-1])
        candidates = jnp.take_along_axis(state.tokens, parents_BxC[..., None], axis=1)
        candidates = candidates.at[:, :, state.count].set(chosen_BxC)
        ends = chosen_BxC == eos_id
        penalised_BxC = scores_BxC / self.penalty(state.count + 1)
        exists = scores_BxC > _IMPOSSIBLE / 2
        ended = _best_ended(state, candidates, jnp.where(ends & exists, penalised_BxC, _IMPOSSIBLE))
        open_scores, kept = jax.lax.top_k(jnp.where(ends, _IMPOSSIBLE, scores_BxC), self.width)
        tokens = jnp.take_along_axis(candidates, kept[..., None], axis=1)
        parents, chosen = (jnp.take_along_axis(a, kept, axis=1) for a in (parents_BxC, chosen_BxC))
        beams = (jnp.arange(batch)[:, None] * self.width + parents).reshape(-1)
        hidden, cache = prompts.step(chosen.reshape(-1).astype(jnp.int32), state.cache.take(beams))
        return _State(state.count + 1, tokens, open_scores, hidden, cache, *ended)

    def _totals(self, state: _State, prompts: Continuation) -> jax.Array:
        """Log-probabilities of every beam with every next token, [B, W, V]."""
        batch, width, new = state.tokens.shape
        texts = jnp.repeat(prompts.tokens_BxP, width, axis=0)
        generated = Generated(state.tokens.reshape(batch * width, new), state.count, texts)
        logits = process(self.processors, prompts.logits(state.hidden), generated)
        log_probs = jax.nn.log_softmax(logits).reshape(batch, width, -1)
        return jnp.maximum(state.scores[:, :, None] + log_probs, _IMPOSSIBLE)


def _start(hidden_BxD: jax.Array, cache: DecodeCache, width: int, new: int) -> _State:
    """The initial state: of every prompt's beams, only the first is present."""
    batch = len(hidden_BxD)
    return _State(
        count=jnp.zeros((), jnp.int32),
        tokens=jnp.zeros((batch, width, new), jnp.int32),
        scores=jnp.full((batch, width), _IMPOSSIBLE).at[:, 0].set(0.0),
        hidden=jnp.repeat(hidden_BxD, width, axis=0),
        cache=cache,
        ended_tokens=jnp.zeros((batch, new), jnp.int32),
        ended_scores=jnp.full(batch, _IMPOSSIBLE),
        ended_lengths=jnp.zeros(batch, jnp.int32),
    )


def _best_ended(state: _State, candidates, scores_BxC):
    """Tokens, score and length of the best finished answer so far."""
    best_B = scores_BxC.argmax(axis=1)
    score_B = jnp.take_along_axis(scores_BxC, best_B[:, None], axis=1)[:, 0]
    tokens_BxN = jnp.take_along_axis(candidates, best_B[:, None, None], axis=1)[:, 0]
    better = score_B > state.ended_scores
    return (
        jnp.where(better[:, None], tokens_BxN, state.ended_tokens),
        jnp.where(better, score_B, state.ended_scores),
        jnp.where(better, state.count, state.ended_lengths),
    )
