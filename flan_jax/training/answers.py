"""What training asks a model for while it goes on, where a run wants it."""

from collections.abc import Mapping
from typing import Protocol

from flan_jax.model.decoder import Params


class Answers(Protocol):
    """Asks the model, and says whether it has learned enough, as `flan_jax.evaluation.instruction_following.curve`."""

    def is_due(self, done: int) -> bool:
        """Whether the model is asked after so many updates."""

    def __call__(self, done: int, params: Params) -> Mapping[str, float]:
        """What the log notes of whole weights after so many updates."""

    def ends_tuning(self, done: int) -> bool:
        """Whether no further update is made after so many."""


class _Nothing:
    """Asks nothing."""

    def is_due(self, done: int) -> bool:
        return False

    def __call__(self, done: int, params: Params) -> Mapping[str, float]:
        return {}

    def ends_tuning(self, done: int) -> bool:
        return False


NOTHING = _Nothing()
