"""Where batches of inference lie: their sequences split over the devices, what comes of them on every process."""

import dataclasses
from collections.abc import Mapping

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from flan_jax.distributed.batches import device_batch, groups


@dataclasses.dataclass(frozen=True)
class Placement:
    """How batches are placed.

    Attributes:
      mesh: the devices; None for JAX's default device.
    """

    mesh: Mesh | None = None

    def batch_size(self, wanted: int) -> int:
        """The next number of sequences that the groups of devices can share equally."""
        parts = 1 if self.mesh is None else groups(self.mesh)
        return -(-max(wanted, 1) // parts) * parts

    def place(self, batch: Mapping[str, np.ndarray]) -> Mapping[str, jax.Array | np.ndarray]:
        """A batch, which every process holds whole, with its sequences split over the devices."""
        if self.mesh is None:
            return dict(batch)
        size = len(next(iter(batch.values())))
        return device_batch(batch, np.arange(size), self.mesh, size)

    @property
    def everywhere(self) -> NamedSharding | None:
        """The sharding of results that every process reads."""
        return None if self.mesh is None else NamedSharding(self.mesh, PartitionSpec())


DEFAULT_DEVICE = Placement()
