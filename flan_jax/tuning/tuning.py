"""The interface of tunings: which parameters are trained, and how they combine with those of the base model."""

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
      freezes_base: whether the base model's weights are frozen, so that a checkpoint holds only `shapes` and cannot be
        used without its base model.
      scales_updates: whether updates may be relative to a parameter's size; not if parameters start at zero.
      factors_moments: whether the optimizer may factor second moments of large matrices into rows and columns.
      stopping: early stopping of parts of the parameters; None for none.
    """

    freezes_base: ClassVar[bool]
    scales_updates: ClassVar[bool]
    factors_moments: ClassVar[bool]
    stopping: ClassVar[EarlyStopping | None] = None

    @property
    def positions(self) -> int:
        """Number of positions that soft prompts take before every text."""
        return 0

    @property
    def prompt_names(self) -> tuple[str, ...]:
        """Names of the soft prompts, if each text attends to one of several; otherwise empty."""
        return ()

    @abc.abstractmethod
    def shapes(self, config: DecoderConfig) -> dict[str, jax.ShapeDtypeStruct]:
        """Shape and dtype of every trained parameter; raises UserError for settings that do not fit the decoder."""

    def shapes_in_use(self, config: DecoderConfig) -> dict[str, jax.ShapeDtypeStruct]:
        """Shape and dtype of the parameters that the tuned model adds to the base model's at inference."""
        return self.shapes(config) if self.freezes_base else {}

    @abc.abstractmethod
    def init(self, config: DecoderConfig, key: jax.Array, frozen: Params, encode: Encode) -> Params:
        """Initial values of the trained parameters, float32.

        Args:
          config: the decoder.
          key: random key.
          frozen: the weights of the base model; empty if nothing is frozen.
          encode: text to token ids by the run's vocabulary.
        """

    @abc.abstractmethod
    def combine(self, frozen: Params, trained: Params) -> Params:
        """All parameters of the decoder; `frozen` is empty if nothing is frozen."""

    @abc.abstractmethod
    def merge(self, frozen: Params, trained: Params) -> Params:
        """Weights of an equivalent decoder without adapter, in the dtypes of the base model.

        Raises:
          UserError: if there is no such decoder.
        """

    def columns(self, batch: Mapping[str, np.ndarray], tasks: Sequence[str]) -> dict[str, np.ndarray]:
        """The columns that a step reads, from a batch of the stream.

        Args:
          batch: see `flan_jax.packing.stream.PackedStream.batch`.
          tasks: names of the tasks, indexed by task_ids.
        """
        return {name: column for name, column in batch.items() if name not in ('task_ids', 'sequence_ids')}

    def independent(self, optimizer: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
        """The optimizer, adapted to the trained parameters; its `update` also takes `shares`."""
        return optax.with_extra_args_support(optimizer)

    def shares(
        self, denominator: Callable[[Mapping], jax.Array], batch: Mapping[str, jax.Array]
    ) -> dict[str, jax.Array]:
        """The share of a batch's denominator that belongs to each parameter; empty unless they train independently."""
        return {}


def tuning_from_plain(plain: Mapping[str, Any]) -> Tuning:
    """The tuning from its JSON form, as stored in the metadata of checkpoints; one of this package.

    Raises:
      SettingsError: if the type is not a tuning, or a field is unknown or has a value that is not allowed.
    """
    room = importlib.import_module(__package__)
    modules = [
        importlib.import_module(f'{room.__name__}.{found.name}') for found in pkgutil.iter_modules(room.__path__)
    ]
    tuning = from_plain(plain, [made for module in modules for made in settings_in(module)])
    if not isinstance(tuning, Tuning):
        raise SettingsError(f'type={type(tuning).__name__}: must be a tuning')
    return tuning
