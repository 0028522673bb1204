"""The interface of decoding methods: how prefilled prompts are continued, token by token.

Shape letters: B prompts, P prompt tokens, C copies of each prompt, N new tokens, D model, V vocabulary.
"""

import abc
import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.prefill import PrefilledPrompts
from flan_jax.inference.processors.processor import LogitsProcessor
from flan_jax.inference.processors.vocabulary_mask import VocabularyMask
from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params
from flan_jax.model.kv_cache import DecodeCache, PrefixCache
from flan_jax.settings import Settings


@dataclasses.dataclass(frozen=True)
class StoppingCriteria:
    """When an answer ends.

    Attributes:
      eos_id: token that ends an answer and is not part of it.
      max_new_tokens: N, maximal number of tokens.
    """

    eos_id: int
    max_new_tokens: int


class Continuation:
    """A model with a batch of prefilled prompts, to be continued.

    Attributes:
      hidden_BxD: final hidden state of each prompt's last token.
      is_prompt_B: False for rows of padding, for which nothing is generated.
      tokens_BxP: the tokens of each prompt, padded on the right with `NO_TOKEN`.
    """

    def __init__(
        self,
        config: DecoderConfig,
        params: Params,
        prompts: PrefilledPrompts,
        prefix: Sequence[PrefixCache],
        tokens_BxP: jax.Array,
        execution: Execution,
    ):
        """Continues `prompts`, which themselves continue `prefix`."""
        self._config, self._params, self._execution = config, params, execution
        caches = (*prefix, prompts.cache)
        self._end_B = caches[-1].end
        self._step = decoder.decode_step(config, params, caches, execution)
        self.tokens_BxP = tokens_BxP
        self.is_prompt_B = caches[-1].length > 0
        self.hidden_BxD = prompts.hidden.reshape(len(self._end_B), -1)

    def logits(self, hidden_BxD: jax.Array) -> jax.Array:
        """Logits of the next token, float32 [B, V]."""
        return decoder.logits(self._config, self._params, hidden_BxD)

    def init_cache(self, slots: int, copies: int = 1) -> DecodeCache:
        """An empty cache for `slots` tokens of C answers to each prompt; rows are ordered by prompt."""
        return decoder.init_decode_cache(self._config, jnp.repeat(self._end_B, copies), slots, self._execution)

    def step(self, token_B: jax.Array, cache: DecodeCache) -> tuple[jax.Array, DecodeCache]:
        """Final hidden states of the latest tokens, [B * C, D], and the cache extended by these tokens."""
        return self._step(token_B, cache)


@dataclasses.dataclass(frozen=True)
class Decoding(Settings, abc.ABC):
    """How answers are decoded; its fields are its settings.

    Attributes:
      processors: logits processors, applied in order before a token is chosen.
    """

    processors: tuple[LogitsProcessor, ...] = dataclasses.field(default=(), kw_only=True)

    def of_model(self, model: LoadedModel) -> 'Decoding':
        """This decoding for a model: processors know its vocabulary, and ids beyond the vocabulary are masked."""
        processors = (VocabularyMask(len(model.vocabulary)), *(p.of_model(model) for p in self.processors))
        return dataclasses.replace(self, processors=processors)

    @abc.abstractmethod
    def decode(self, prompts: Continuation, stopping: StoppingCriteria, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Answers prompts.

        Args:
          prompts: the prefilled prompts.
          stopping: when answers end.
          key: random key.

        Returns:
          The tokens of each answer, [B, N], and its number of tokens before EOS, [B].
        """
