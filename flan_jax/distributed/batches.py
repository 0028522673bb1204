"""Batches on the mesh: which sequences a process must load, and the global arrays made of them.

A batch is split over the data and fsdp axes and replicated along the tensor axis. Devices with the same part may belong
to different processes, which then load the same sequences. What a process loads follows from its devices alone.

Shape letters: B sequences of the global batch, P sequences of a process.
"""

import collections
import zlib
from collections.abc import Mapping

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from flan_jax.errors import UserError
from flan_jax.model.partitioning import LOGICAL_TO_MESH
from flan_jax.settings import SettingsError


class ReplicaError(UserError):
    """Processes that must hold the same sequences hold different ones."""


def groups(mesh: Mesh) -> int:
    """The number of parts that a batch is split into."""
    return mesh.shape['data'] * mesh.shape['fsdp']


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """The sharding of a batch's arrays, whose first axis is B."""
    return NamedSharding(mesh, PartitionSpec(LOGICAL_TO_MESH['batch']))


def check_batch(mesh: Mesh, batch_size: int, microbatches: int) -> None:
    """Raises SettingsError unless every microbatch can be split equally over the groups of devices."""
    if batch_size % (microbatches * groups(mesh)):
        raise SettingsError(
            f'BATCH_SIZE={batch_size} must be a multiple of Training.microbatches={microbatches} times the '
            f'data * fsdp = {mesh.shape["data"]} * {mesh.shape["fsdp"]} groups of devices; change BATCH_SIZE, or raise '
            f'TENSOR={mesh.shape["tensor"]}, whose devices work on the same sequences'
        )


def addressable_sequences(mesh: Mesh, batch_size: int) -> np.ndarray:
    """Indices in the global batch of the sequences that this process's devices hold, [P], ascending."""
    parts = batch_sharding(mesh).addressable_devices_indices_map((batch_size,)).values()
    return np.unique(np.concatenate([np.arange(batch_size)[part] for part in parts]))


def device_batch(
    local: Mapping[str, np.ndarray], indices: np.ndarray, mesh: Mesh, batch_size: int
) -> dict[str, jax.Array]:
    """The global batch, arrays [B, ...], from this process's part of it.

    Args:
      local: arrays [P, ...] of the sequences `indices`.
      indices: ascending, at least those of `addressable_sequences`.
      mesh: the devices.
      batch_size: B.
    """
    return {name: _global_array(value, indices, mesh, batch_size) for name, value in local.items()}


def shard_batch(batch: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """The global batch from arrays [B, ...] that every process holds in full."""
    batch_size = len(next(iter(batch.values())))
    return device_batch(batch, np.arange(batch_size), mesh, batch_size)


def _global_array(local: np.ndarray, indices: np.ndarray, mesh: Mesh, batch_size: int) -> jax.Array:
    def part(index: tuple[slice, ...]) -> np.ndarray:
        return local[np.searchsorted(indices, np.arange(batch_size)[index[0]])][:, *index[1:]]

    shape: tuple[int, ...] = (batch_size, *local.shape[1:])
    return jax.make_array_from_callback(shape, batch_sharding(mesh), part)  # type: ignore[arg-type]


def check_replicas(batch: Mapping[str, jax.Array]) -> None:
    """Verifies that devices with the same part of a batch hold equal data, over all processes.

    All processes must call it together. It copies the batch to the host; one call at the start of a run is enough.

    Raises:
      ReplicaError: on every process, with the names of arrays, sequences and processes.
    """
    checksums = _checksums(batch)
    for name, array in batch.items():
        seen: dict[str, dict[int, set[int]]] = collections.defaultdict(lambda: collections.defaultdict(set))
        for device, index in array.sharding.devices_indices_map(array.shape).items():
            sequences = range(array.shape[0])[index[0]]
            process = device.process_index  # type: ignore[attr-defined]
            seen[f'{sequences[0]} to {sequences[-1]}'][checksums[name][device]].add(process)
        for named, processes in seen.items():
            if len(processes) > 1:
                raise ReplicaError(
                    f'{name} of sequences {named} of the first batch differs between devices of processes '
                    f'{" and ".join(str(sorted(found)) for found in processes.values())}; do all processes read the '
                    'same stream?'
                )


def _checksums(batch: Mapping[str, jax.Array]) -> dict[str, dict[jax.Device, int]]:
    """The checksum of every array's shard on every device of all processes."""
    sharding = next(iter(batch.values())).sharding
    assert isinstance(sharding, NamedSharding), 'made by device_batch'
    devices = sharding.mesh.devices.ravel()
    column = {device: index for index, device in enumerate(devices)}
    own = np.zeros((len(batch), len(devices)), np.uint32)
    for row, array in zip(own, batch.values(), strict=True):
        for shard in array.addressable_shards:
            row[column[shard.device]] = zlib.crc32(np.ascontiguousarray(shard.data).data)
    # The column of a device is filled by its process alone.
    whole = multihost_utils.process_allgather(own).sum(axis=0)
    return {name: dict(zip(devices, row.tolist(), strict=True)) for name, row in zip(batch, whole, strict=True)}
