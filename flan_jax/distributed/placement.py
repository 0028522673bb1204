"""Where batches of questions lie: their rows split over the devices, what comes of them on every process."""

import dataclasses
from collections.abc import Mapping

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from flan_jax.model.partitioning import partition_spec


@dataclasses.dataclass(frozen=True)
class Placement:
    """How batches are placed.

    Attributes:
      mesh: the devices; None for JAX's default device.
    """

    mesh: Mesh | None = None

    def rows(self, wanted: int) -> int:
        """The next number of rows that the groups of devices can share equally."""
        shares = 1 if self.mesh is None else self.mesh.shape['data'] * self.mesh.shape['fsdp']
        return -(-max(wanted, 1) // shares) * shares

    def place(self, batch: Mapping[str, np.ndarray]) -> dict[str, jax.Array | np.ndarray]:
        """A batch, which every process holds whole, with its rows split over the devices."""
        if self.mesh is None:
            return dict(batch)
        sharding = NamedSharding(self.mesh, partition_spec(('batch',)))
        return {
            name: jax.make_array_from_callback(value.shape, sharding, value.__getitem__)
            for name, value in batch.items()
        }

    @property
    def everywhere(self) -> NamedSharding | None:
        """The sharding of results that every process reads."""
        return None if self.mesh is None else NamedSharding(self.mesh, PartitionSpec())


DEFAULT_DEVICE = Placement()
