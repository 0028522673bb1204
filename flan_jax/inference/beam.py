"""Beam search, as the baselines that FLAN compares with decode (Brown et al. 2020, section 2.4: width 4, penalty 0.6).

Of an answer of n tokens, EOS included, the score is its log-likelihood divided by ((5 + n) / 6) ** penalty (Wu et al.
2016, equation 14). A row is over when no beam still open can end better than the best that has ended.

The beams of a prompt share the memory of it, so that only what they wrote themselves moves when they are put in order.

Shape letters: B rows, W beams, N new tokens, D model, V vocabulary.
"""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from flan_jax.inference.prefill import ReadPrompts
from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params
from flan_jax.model.kv_cache import DecodeCache, PrefixCache

_IMPOSSIBLE = -1e30
"""Score of a beam that is not there; finite, so that sums and quotients of it stay so."""


@dataclasses.dataclass(frozen=True)
class Beams:
    """How beams are kept.

    Attributes:
      width: W.
      length_penalty: exponent of the length's share; 0 favours short answers, 1 compares the mean per token.
    """

    width: int = 4
    length_penalty: float = 0.6

    def __post_init__(self):
        if self.width < 1 or self.length_penalty < 0:
            raise ValueError(f'{self}: width must be at least 1, length_penalty at least 0')

    def penalty(self, length):
        """What the log-likelihood of an answer of `length` tokens is divided by."""
        return ((5.0 + length) / 6.0) ** self.length_penalty


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _State:
    """The search after `count` tokens.

    Attributes:
      count: tokens written by every open beam.
      tokens: of the open beams, [B, W, N].
      scores: their log-likelihoods, best first, [B, W].
      hidden: their last hidden states, [B * W, D].
      written: keys and values of their tokens, B * W rows.
      ended_tokens: of the best answer that has ended, [B, N].
      ended_scores: its score with the penalty, [B].
      ended_lengths: its tokens before EOS, [B].
    """

    count: jax.Array
    tokens: jax.Array
    scores: jax.Array
    hidden: jax.Array
    written: DecodeCache
    ended_tokens: jax.Array
    ended_scores: jax.Array
    ended_lengths: jax.Array


def search(
    config: DecoderConfig,
    params: Params,
    prompts: ReadPrompts,
    key: jax.Array,
    prefix: Sequence[PrefixCache],
    *,
    execution: Execution,
    eos_id: int,
    max_new_tokens: int,
    beams: Beams,
) -> tuple[jax.Array, jax.Array]:
    """Continues prompts by beam search; arguments and results are those of `generation.generate`.

    An answer that has ended wins over one that was cut off at `max_new_tokens`.
    """
    del key  # nothing is drawn
    width, new = beams.width, max_new_tokens
    remembered = (*prefix, prompts.memory)
    lengths_B = remembered[-1].length
    write = decoder.decode_step(config, params, remembered, execution)

    def unfinished(state: _State):
        reachable_B = state.scores[:, 0] / beams.penalty(new)  # a log-likelihood only falls, and penalties only grow
        return (state.count < new) & ((lengths_B > 0) & (reachable_B > state.ended_scores)).any()

    def extend(state: _State) -> _State:
        log_probabilities = jax.nn.log_softmax(decoder.logits(config, params, state.hidden))
        totals_BxWxV = state.scores[:, :, None] + log_probabilities.reshape(*state.scores.shape, -1)
        # Of 2 W candidates at most W end, so W stay open.
        scores, flat = jax.lax.top_k(totals_BxWxV.reshape(len(lengths_B), -1), 2 * width)
        parents, chosen = jnp.divmod(flat, totals_BxWxV.shape[-1])
        candidates = jnp.take_along_axis(state.tokens, parents[..., None], axis=1)
        candidates = candidates.at[:, :, state.count].set(chosen)
        ends = chosen == eos_id
        ended = _best_ended(state, candidates, jnp.where(ends, scores / beams.penalty(state.count + 1), _IMPOSSIBLE))
        open_scores, kept = jax.lax.top_k(jnp.where(ends, _IMPOSSIBLE, scores), width)
        tokens = jnp.take_along_axis(candidates, kept[..., None], axis=1)
        parents, chosen = (jnp.take_along_axis(a, kept, axis=1) for a in (parents, chosen))
        rows = (jnp.arange(len(lengths_B))[:, None] * width + parents).reshape(-1)
        hidden, written = write(chosen.reshape(-1).astype(jnp.int32), state.written.rows(rows))
        return _State(state.count + 1, tokens, open_scores, hidden, written, *ended)

    empty = decoder.init_decode_cache(config, jnp.repeat(remembered[-1].end, width), new, execution)
    state = jax.lax.while_loop(unfinished, extend, _start(prompts.hidden, empty, new))
    some_ended = state.ended_scores > _IMPOSSIBLE
    written = jnp.where(some_ended[:, None], state.ended_tokens, state.tokens[:, 0])
    counts = jnp.where(some_ended, state.ended_lengths, state.count)
    return written, jnp.where(lengths_B > 0, counts, 0)


def _start(hidden_RxGxD: jax.Array, written: DecodeCache, new: int) -> _State:
    """Every prompt's beams, of which only the first is there."""
    batch = hidden_RxGxD.shape[0] * hidden_RxGxD.shape[1]
    width = len(written.start) // batch
    return _State(
        count=jnp.zeros((), jnp.int32),
        tokens=jnp.zeros((batch, width, new), jnp.int32),
        scores=jnp.full((batch, width), _IMPOSSIBLE).at[:, 0].set(0.0),
        hidden=jnp.repeat(hidden_RxGxD.reshape(batch, -1), width, axis=0),
        written=written,
        ended_tokens=jnp.zeros((batch, new), jnp.int32),
        ended_scores=jnp.full(batch, _IMPOSSIBLE),
        ended_lengths=jnp.zeros(batch, jnp.int32),
    )


def _best_ended(state: _State, candidates, scores_BxC):
    """Tokens, score and length of the best answer that has ended so far."""
    best_B = scores_BxC.argmax(axis=1)
    score_B = jnp.take_along_axis(scores_BxC, best_B[:, None], axis=1)[:, 0]
    tokens_BxN = jnp.take_along_axis(candidates, best_B[:, None, None], axis=1)[:, 0]
    better = score_B > state.ended_scores
    return (
        jnp.where(better[:, None], tokens_BxN, state.ended_tokens),
        jnp.where(better, score_B, state.ended_scores),
        jnp.where(better, state.count, state.ended_lengths),
    )
