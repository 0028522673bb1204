"""Streaming generation: the tokens of `Generator`, returned step by step.

Every step also returns the log-probabilities of the token and of the most likely alternatives under the model, before
temperature, top-p or any other logits processor.

Shape letters: B rows of a batch, A answers (B without padding), K most likely tokens, V vocabulary.
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from flan_jax.errors import UserError
from flan_jax.inference.decoding import Continuation, Decoding
from flan_jax.inference.generation import BatchArguments, Generator, PrefilledBatch, check_prompts
from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.sampling import Answers, TokenByToken
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution
from flan_jax.model.programs import shared_jit

MOST_ALTERNATIVES = 20
"""Maximal number of most likely tokens per step, as in OpenAI's interface."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Step:
    """The next token of every answer.

    Attributes:
      token: its id, [A].
      ended: whether the answer has ended, so that the token is not part of it, [A].
      log_prob: its log-probability, in nats, [A].
      likeliest: the K most likely tokens, most likely first, [A, K].
      log_probs: their log-probabilities, in nats, [A, K].
    """

    token: jax.Array | np.ndarray
    ended: jax.Array | np.ndarray
    log_prob: jax.Array | np.ndarray
    likeliest: jax.Array | np.ndarray
    log_probs: jax.Array | np.ndarray


class Streamer:
    """Answers prompts with one model, token by token."""

    def __init__(self, model: LoadedModel, *, slots: int, batch_tokens: int, decoding: Decoding):
        """Makes a streamer of answers with up to `slots` tokens, about `batch_tokens` slots of KV cache at a time.

        Raises:
          UserError: for a reward model, for decoding that does not choose token by token, and for a logits processor
            that does not fit the model's vocabulary.
        """
        if not isinstance(decoding, TokenByToken):
            raise UserError(f'{decoding}: has no token before the last is decoded; stream greedy decoding or sampling')
        self._model = model
        self.slots = slots
        self._generator = Generator(model, max_new_tokens=slots, batch_tokens=batch_tokens, decoding=decoding)
        bound = dataclasses.replace(decoding, processors=decoding.of_model(model).processors)
        eos_id = model.prompt_format.end_id(model.vocabulary)
        program = _Program(model.config, model.execution, bound, slots, eos_id, len(model.vocabulary))
        shardings = (None, model.placement.everywhere)
        self._begin = shared_jit(functools.partial(_Program.begin, program))
        self._extend = shared_jit(
            functools.partial(_Program.extend, program), donate_argnames='answers', out_shardings=shardings
        )

    def stream(
        self, prompts: Sequence[np.ndarray], max_new_tokens: int, seed: int = 0
    ) -> Iterator[tuple[list[int], Iterator[Step]]]:
        """Batches of prompts as indices, each with an iterator that computes its steps lazily.

        The tokens are those of `Generator.answer` with the same seed. Steps end after `max_new_tokens`, or when all
        answers have ended; the iterator may be left earlier.

        Raises:
          PromptError: for an empty prompt, or one too long for the model.
        """
        check_prompts(self._model, prompts, max_new_tokens)
        key = jax.random.fold_in(jax.random.key(seed), 0)
        for batch in self._generator.prefilled(prompts):
            yield batch.members, self._steps(batch, min(max_new_tokens, self.slots), batch.key(key))
            del batch  # frees its cache before the next batch allocates one

    def _steps(self, batch: PrefilledBatch, count: int, key: jax.Array) -> Iterator[Step]:
        rows = np.array(batch.rows)
        with self._model.mesh_context():
            answers = self._begin(batch.arguments)
        for _ in range(count):
            with self._model.mesh_context():
                answers, step = self._extend(answers, batch.arguments, key)
            step = jax.tree.map(lambda values: np.asarray(values)[rows], step)
            yield step
            if step.ended.all():
                return


@dataclasses.dataclass(frozen=True)
class _Program:
    """The compiled functions, which begin and extend answers, and the settings that they depend on.

    Attributes:
      config: the decoder.
      execution: how it is computed.
      decoding: how tokens are chosen, of one model.
      slots: tokens of an answer at most.
      eos_id: the token that ends answers.
      vocabulary_size: tokens of the vocabulary, which may be fewer than the decoder's V.
    """

    config: DecoderConfig
    execution: Execution
    decoding: TokenByToken
    slots: int
    eos_id: int
    vocabulary_size: int

    def begin(self, arguments: BatchArguments) -> Answers:
        return self.decoding.begin(Continuation(self.config, *arguments, self.execution), self.slots)

    def extend(self, answers: Answers, arguments: BatchArguments, key: jax.Array) -> tuple[Answers, Step]:
        continuation = Continuation(self.config, *arguments, self.execution)
        extended, logits_BxV = self.decoding.extend(continuation, answers, self.eos_id, key)
        token_B = jax.lax.dynamic_index_in_dim(extended.tokens, answers.count, axis=1, keepdims=False)
        log_probs_BxV = jax.nn.log_softmax(logits_BxV.astype(jnp.float32))
        log_prob_B = jnp.take_along_axis(log_probs_BxV, token_B[:, None], axis=1)[:, 0]
        known_BxV = log_probs_BxV[:, : self.vocabulary_size]  # ids of padding have no text
        log_probs_BxK, likeliest_BxK = jax.lax.top_k(known_BxV, min(MOST_ALTERNATIVES, known_BxV.shape[1]))
        return extended, Step(token_B, extended.ended, log_prob_B, likeliest_BxK, log_probs_BxK)
