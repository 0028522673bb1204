"""What a tuning is: which parameters are trained, and how they join the base model's."""

import abc
import dataclasses
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import jax
import numpy as np
import optax

from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Params
from flan_jax.settings import Settings, SettingsError, from_plain, settings_in
from flan_jax.tuning.early_stopping import EarlyStopping

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
      stopping: when a part of what is trained is learned enough; None for never.
    """

    freezes_base: ClassVar[bool]
    scales_updates: ClassVar[bool]
    factors_moments: ClassVar[bool]
    stopping: ClassVar[EarlyStopping | None] = None

    @property
    def positions(self) -> int:
        """Positions that what is trained takes before every text."""
        return 0

    @property
    def prompt_names(self) -> tuple[str, ...]:
        """Names of the prompts of which each text reads one; empty where all texts read the same."""
        return ()

    @abc.abstractmethod
    def shapes(self, config: DecoderConfig) -> dict[str, jax.ShapeDtypeStruct]:
        """Shape and dtype of every trained parameter; raises UserError for settings that do not fit the decoder."""

    def shapes_in_use(self, config: DecoderConfig) -> dict[str, jax.ShapeDtypeStruct]:
        """Shape and dtype of what stands beside the base model's weights when the tuned model is used."""
        return self.shapes(config) if self.freezes_base else {}

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

    def columns(self, batch: Mapping[str, np.ndarray], tasks: Sequence[str]) -> dict[str, np.ndarray]:
        """The columns of a batch of the stream that a step reads.

        Args:
          batch: see `flan_jax.packing.stream.PackedStream.batch`.
          tasks: names that its task_ids stand for.
        """
        return {name: column for name, column in batch.items() if name not in ('task_ids', 'sequence_ids')}

    def independent(self, optimizer: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
        """The optimizer as what is trained needs it; its `update` is given `shares` as well."""
        return optax.with_extra_args_support(optimizer)

    def shares(
        self, denominator: Callable[[Mapping], jax.Array], batch: Mapping[str, jax.Array]
    ) -> dict[str, jax.Array]:
        """The part of a batch's denominator that is a parameter's own, where parameters are trained by themselves."""
        return {}


def tuning_from_plain(plain: Mapping[str, Any]) -> Tuning:
    """The tuning whose type and fields JSON holds, as the metadata of checkpoints do; it is one of this room.

    Raises:
      SettingsError: for another type, for fields that it has not, or values it does not allow.
    """
    room = importlib.import_module(__package__)
    modules = [
        importlib.import_module(f'{room.__name__}.{found.name}') for found in pkgutil.iter_modules(room.__path__)
    ]
    tuning = from_plain(plain, [made for module in modules for made in settings_in(module)])
    if not isinstance(tuning, Tuning):
        raise SettingsError(f'type={type(tuning).__name__}: must be a tuning')
    return tuning
