"""What decoding is: how prefilled prompts are continued, token by token.

Shape letters: B prompts, P tokens of each, C copies of each, N new tokens, D model, V vocabulary.
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
      eos_id: with this token, which is not part of it.
      max_new_tokens: N, after so many tokens.
    """

    eos_id: int
    max_new_tokens: int


class Continuation:
    """A model that has prefilled prompts and goes on after each.

    Attributes:
      hidden_BxD: last hidden state of each prompt.
      is_prompt_B: False for padding, after which nothing is generated.
      tokens_BxP: the tokens of each prompt, at the left, then `NO_TOKEN`.
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
        """Goes on after `prompts`, which themselves continue `prefix`."""
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
        """An empty cache for `slots` tokens of C answers to each prompt, those of one prompt side by side."""
        return decoder.init_decode_cache(self._config, jnp.repeat(self._end_B, copies), slots, self._execution)

    def step(self, token_B: jax.Array, cache: DecodeCache) -> tuple[jax.Array, DecodeCache]:
        """Hidden states of the latest tokens, [B * C, D], and the cache with them."""
        return self._step(token_B, cache)


@dataclasses.dataclass(frozen=True)
class Decoding(Settings, abc.ABC):
    """How answers are decoded; its fields are its settings.

    Attributes:
      processors: what logits pass through before a token is chosen, in order.
    """

    processors: tuple[LogitsProcessor, ...] = dataclasses.field(default=(), kw_only=True)

    def of_model(self, model: LoadedModel) -> 'Decoding':
        """The same for one model: its processors know its vocabulary, beyond which no id is ever generated."""
        processors = (VocabularyMask(len(model.vocabulary)), *(p.of_model(model) for p in self.processors))
        return dataclasses.replace(self, processors=processors)

    @abc.abstractmethod
    def decode(self, prompts: Continuation, stopping: StoppingCriteria, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Answers prompts; `key` is for what is random.

        Returns:
          The tokens of each answer, [B, N], and how many of them stand before its EOS, [B].
        """
