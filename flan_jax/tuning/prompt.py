"""Prompt tuning: only a soft prompt, prepended to every text, is trained (Lester et al. 2021, section 2).

Its rows [R, D] take the place of scaled token embeddings. The decoder prepends them to each text of a packed sequence
(`flan_jax.model.decoder`).
"""

import dataclasses
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp

from flan_jax.errors import UserError
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import PROMPT, Params
from flan_jax.settings import Count, SettingsError, Text
from flan_jax.tuning.tuning import Encode, Tuning

UNIFORM_BOUND = 0.5
"""Random rows are uniform between minus this and this (section 3.2)."""

MOST_COMMON = 5000
"""Rows are sampled from this many first ids: SentencePiece and most others sort ids by frequency (section 3.2)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prompt(Tuning):
    """A soft prompt is trained.

    Attributes:
      length: R, rows of the prompt (FLAN has 10, section 4.5).
      initialisation: of the rows. 'random': uniform between -0.5 and 0.5. 'vocabulary': embeddings of tokens sampled
        from the first 5,000 ids (section 3.2).
      labels: texts of the classes. The first rows are initialised with their embeddings instead; a text of several
        tokens with the mean of theirs (section 3.2).
    """

    length: Count = 100
    initialisation: Literal['random', 'vocabulary'] = 'vocabulary'
    labels: tuple[Text, ...] = ()

    freezes_base: ClassVar[bool] = True
    scales_updates: ClassVar[bool] = False
    factors_moments: ClassVar[bool] = False

    def check(self) -> None:
        if len(self.labels) > self.length:
            raise SettingsError(
                f'Prompt.labels has {len(self.labels)} texts, Prompt.length={self.length} rows; a text takes a row: '
                'raise Prompt.length, or leave some out'
            )

    @property
    def positions(self) -> int:
        return self.length

    def shapes(self, config: DecoderConfig) -> dict[str, jax.ShapeDtypeStruct]:
        return {PROMPT: jax.ShapeDtypeStruct((self.length, config.d_model), jnp.float32)}

    def init(self, config: DecoderConfig, key: jax.Array, frozen: Params, encode: Encode) -> Params:
        """Rows for the labels, then rows by `initialisation`; raises UserError for a label without tokens."""

        def embed(ids) -> jax.Array:
            return config.embedding_scale * frozen['embedding'][jnp.asarray(ids)].astype(jnp.float32)

        label_rows = [embed(_ids(label, encode)).mean(axis=0, keepdims=True) for label in self.labels]
        count = self.length - len(self.labels)
        match self.initialisation:
            case 'random':
                shape = (count, config.d_model)
                others = jax.random.uniform(key, shape, minval=-UNIFORM_BOUND, maxval=UNIFORM_BOUND)
            case 'vocabulary':
                others = embed(_sample_ids(key, count, config.vocab_size))
        return {PROMPT: jnp.concatenate([*label_rows, others])}

    def combine(self, frozen: Params, trained: Params) -> Params:
        return frozen | trained

    def merge(self, frozen: Params, trained: Params) -> Params:
        """Raises UserError always."""
        raise UserError(
            'a soft prompt cannot be merged: no decoder computes without it what it computes with it. Use the run as '
            'it is: evaluate, generate and flan_jax.loaded_model.load put the prompt before every text'
        )


def _sample_ids(key: jax.Array, count: int, vocab_size: int) -> jax.Array:
    """Ids of common tokens, without replacement if there are enough."""
    population = min(MOST_COMMON, vocab_size)
    return jax.random.choice(key, population, (count,), replace=count > population)


def _ids(label: str, encode: Encode) -> list[int]:
    if ids := list(encode(label)):
        return ids
    raise UserError(f'Prompt.labels: {label!r} has no tokens in the vocabulary; leave it out')
