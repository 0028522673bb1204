"""Full fine-tuning: every weight is trained."""

import dataclasses
from typing import ClassVar

import jax

from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Params
from flan_jax.tuning.tuning import Encode, Tuning


@dataclasses.dataclass(frozen=True)
class Full(Tuning):
    """All weights are trained, and nothing is frozen."""

    freezes_base: ClassVar[bool] = False
    scales_updates: ClassVar[bool] = True
    factors_moments: ClassVar[bool] = True

    def shapes(self, config: DecoderConfig) -> dict[str, jax.ShapeDtypeStruct]:
        return decoder.parameter_shapes(config)

    def init(self, config: DecoderConfig, key: jax.Array, frozen: Params, encode: Encode) -> Params:
        return decoder.initialise(config, key)

    def combine(self, frozen: Params, trained: Params) -> Params:
        return trained

    def merge(self, frozen: Params, trained: Params) -> Params:
        return trained
