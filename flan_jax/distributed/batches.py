"""Batches on the mesh: which sequences a process must hold, and the global arrays that processes make of them.

A batch is split over the data and fsdp axes and the same on all of the tensor axis. Devices of one part may sit in
different processes, which then hold the same sequences; so what a process holds follows from its devices alone.

Shape letters: B sequences of the global batch, P those that a process holds.
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
    """Into how many parts a batch is split."""
    return mesh.shape['data'] * mesh.shape['fsdp']


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """The sharding of a batch's arrays, whose first axis is B."""
    return NamedSharding(mesh, PartitionSpec(LOGICAL_TO_MESH['batch']))


def check_batch(mesh: Mesh, batch_size: int, microbatches: int) -> None:
    """Raises SettingsError unless every group of devices gets as many sequences of every microbatch."""
    if batch_size % (microbatches * groups(mesh)):
        raise SettingsError(
            f'BATCH_SIZE={batch_size} must be a multiple of Training.microbatches={microbatches} times the '
            f'data * fsdp = {mesh.shape["data"]} * {mesh.shape["fsdp"]} groups of devices; change BATCH_SIZE, or raise '
            f'TENSOR={mesh.shape["tensor"]}, whose devices work on the same sequences'
        )


def addressed(mesh: Mesh, batch_size: int) -> np.ndarray:
    """Which sequences of every global batch this process must hold: those of its devices, [P], ascending."""
    parts = batch_sharding(mesh).addressable_devices_indices_map((batch_size,)).values()
    return np.unique(np.concatenate([np.arange(batch_size)[part] for part in parts]))


def device_batch(
    local: Mapping[str, np.ndarray], indices: np.ndarray, mesh: Mesh, batch_size: int
) -> dict[str, jax.Array]:
    """The global batch, arrays [B, ...], of which this process gives its part.

    Args:
      local: arrays [P, ...] of the sequences `indices`.
      indices: what `addressed` gives, or more.
      mesh: the devices.
      batch_size: B.
    """
    return {name: _global_array(value, indices, mesh, batch_size) for name, value in local.items()}


def batch_of_whole(whole: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """The global batch, arrays [B, ...], of arrays that every process holds as a whole."""
    batch_size = len(next(iter(whole.values())))
    indices = addressed(mesh, batch_size)
    return device_batch({name: value[indices] for name, value in whole.items()}, indices, mesh, batch_size)


def _global_array(local: np.ndarray, indices: np.ndarray, mesh: Mesh, batch_size: int) -> jax.Array:
    def part(index: tuple[slice, ...]) -> np.ndarray:
        return local[np.searchsorted(indices, np.arange(batch_size)[index[0]])][:, *index[1:]]

    shape: tuple[int, ...] = (batch_size, *local.shape[1:])
    return jax.make_array_from_callback(shape, batch_sharding(mesh), part)  # type: ignore[arg-type]


def check_replicas(batch: Mapping[str, jax.Array]) -> None:
    """Proves that all devices that should hold the same part of a batch do, over all processes.

    All processes must call it together. It copies the batch to the host: once at a run's start is enough.

    Raises:
      ReplicaError: on every process, naming the arrays, sequences and processes.
    """
    checksums = _checksums(batch)
    for name, array in batch.items():
        seen: dict[str, dict[int, set[int]]] = collections.defaultdict(lambda: collections.defaultdict(set))
        for device, index in array.sharding.devices_indices_map(array.shape).items():
            sequences = range(array.shape[0])[index[0]]
            process = device.process_index  # type: ignore[attr-defined]
            seen[f'{sequences[0]} to {sequences[-1]}'][checksums[name][device]].add(process)
        for place, processes in seen.items():
            if len(processes) > 1:
                raise ReplicaError(
                    f'{name} of sequences {place} of the first batch differs between devices of processes '
                    f'{" and ".join(str(sorted(found)) for found in processes.values())}; do all processes read the '
                    'same stream?'
                )


def _checksums(batch: Mapping[str, jax.Array]) -> dict[str, dict[jax.Device, int]]:
    """The checksum of what every device, of whatever process, holds of every array."""
    sharding = next(iter(batch.values())).sharding
    assert isinstance(sharding, NamedSharding), 'as device_batch lays it out'
    devices = sharding.mesh.devices.ravel()
    place = {device: index for index, device in enumerate(devices)}
    own = np.zeros((len(batch), len(devices)), np.uint32)
    for row, array in zip(own, batch.values(), strict=True):
        for shard in array.addressable_shards:
            row[place[shard.device]] = zlib.crc32(np.ascontiguousarray(shard.data).data)
    # Every device has one process that fills its column.
    whole = multihost_utils.process_allgather(own).sum(axis=0)
    return {name: dict(zip(devices, row.tolist(), strict=True)) for name, row in zip(batch, whole, strict=True)}
