"""Probes: measurements of the model at chosen steps of training, one of which may end it."""

from collections.abc import Mapping
from typing import Protocol

from flan_jax.model.decoder import Params


class Probe(Protocol):
    """Measures the model during training, such as `flan_jax.evaluation.instruction_following.curve.Curve`."""

    def is_due(self, done: int) -> bool:
        """Whether to measure after `done` updates."""

    def __call__(self, done: int, params: Params) -> Mapping[str, float]:
        """Scalars for the metrics log after `done` updates; `params` are what the decoder reads."""

    def ends_tuning(self, done: int) -> bool:
        """Whether `done` updates are enough."""


class _NoProbe:
    """Measures nothing."""

    def is_due(self, done: int) -> bool:
        return False

    def __call__(self, done: int, params: Params) -> Mapping[str, float]:
        return {}

    def ends_tuning(self, done: int) -> bool:
        return False


NO_PROBE = _NoProbe()
