"""Placement of inference batches: sequences are split over the devices, results replicated on every process."""

import dataclasses
from collections.abc import Mapping

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from flan_jax.distributed.batches import groups, shard_batch


@dataclasses.dataclass(frozen=True)
class Placement:
    """How batches are placed.

    Attributes:
      mesh: the devices; None for JAX's default device.
    """

    mesh: Mesh | None = None

    def batch_size(self, wanted: int) -> int:
        """The least batch size from `wanted` on that can be split equally over the devices."""
        parts = 1 if self.mesh is None else groups(self.mesh)
        return -(-max(wanted, 1) // parts) * parts

    def place(self, batch: Mapping[str, np.ndarray]) -> Mapping[str, jax.Array | np.ndarray]:
        """The batch with its sequences split over the devices; every process must hold it in full."""
        return dict(batch) if self.mesh is None else shard_batch(batch, self.mesh)

    @property
    def everywhere(self) -> NamedSharding | None:
        """The sharding of results that every process reads."""
        return None if self.mesh is None else NamedSharding(self.mesh, PartitionSpec())


DEFAULT_DEVICE = Placement()
