"""What a tuning is: which parameters are trained, and how they join the base model's."""

import abc
import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import jax

from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Params
from flan_jax.settings import Settings

Encode = Callable[[str], Sequence[int]]
"""Text to token ids."""


@dataclasses.dataclass(frozen=True)
class Tuning(Settings, abc.ABC):
    """Which parameters are trained; its fields are its settings.

    Attributes:
      freezes_base: whether the base model's weights stay as they are, so that a checkpoint holds `shapes` only and is
        nothing without its base.
      scales_updates: whether updates may be relative to a parameter's size; not where it begins at zero.
      factors_moments: whether the optimizer may keep second moments of large matrices by row and column only.
    """

    freezes_base: ClassVar[bool]
    scales_updates: ClassVar[bool]
    factors_moments: ClassVar[bool]

    @property
    def positions(self) -> int:
        """Positions that what is trained takes before every text."""
        return 0

    @abc.abstractmethod
    def shapes(self, config: DecoderConfig) -> dict[str, jax.ShapeDtypeStruct]:
        """Shape and dtype of every trained parameter; raises UserError for settings that do not fit the decoder."""

    @abc.abstractmethod
    def init(self, config: DecoderConfig, key: jax.Array, frozen: Params, encode: Encode) -> Params:
        """Fresh trained parameters, float32.

        Args:
          config: the decoder.
          key: for what is random.
          frozen: the weights of the base model; empty where nothing is frozen.
          encode: text to ids by the run's vocabulary.
        """

    @abc.abstractmethod
    def combine(self, frozen: Params, trained: Params) -> Params:
        """What the decoder reads; `frozen` is empty where nothing is frozen."""

    @abc.abstractmethod
    def merge(self, frozen: Params, trained: Params) -> Params:
        """Weights of a plain decoder that computes the same, in the dtypes of the base model.

        Raises:
          UserError: if there is no such decoder.
        """


def tuning_from_plain(plain: Mapping[str, Any]) -> Tuning:
    """The tuning whose type and fields JSON holds, as the metadata of checkpoints do; its file has its type's name."""
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    name = fields.pop('type')
    return getattr(importlib.import_module(f'flan_jax.tuning.{name.lower()}'), name)(**fields)
