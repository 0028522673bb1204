"""The mesh of devices, and the sharding of parameters over it."""

import dataclasses
from collections.abc import Mapping

import jax
from jax.experimental import mesh_utils
from jax.sharding import AxisType, Mesh, NamedSharding

from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import parameter_shapes
from flan_jax.model.partitioning import MESH_AXES, parameter_spec
from flan_jax.settings import Count, Settings, SettingsError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parallelism(Settings):
    """How devices share the work; the remaining factor of the number of devices is the data axis.

    Attributes:
      fsdp: devices over which sequences and, along d_model, parameters are split.
      tensor: devices over which heads, feed-forward and vocabulary are split.
    """

    fsdp: Count = 1
    tensor: Count = 1


def make_mesh(parallelism: Parallelism, devices=None) -> Mesh:
    """A mesh over all devices, [data, fsdp, tensor].

    Raises:
      SettingsError: if they do not divide the number of devices.
    """
    devices = jax.devices() if devices is None else devices
    inner = parallelism.fsdp * parallelism.tensor
    if len(devices) % inner:
        raise SettingsError(
            f'FSDP={parallelism.fsdp} times TENSOR={parallelism.tensor} must divide the {len(devices)} devices'
        )
    shape = (len(devices) // inner, parallelism.fsdp, parallelism.tensor)
    # Lets a mesh axis be a part of a physical axis of a TPU's torus.
    arranged = mesh_utils.create_device_mesh(shape, devices, allow_split_physical_axes=True)
    return Mesh(arranged, MESH_AXES, axis_types=(AxisType.Auto,) * 3)


def parameter_layout(config: DecoderConfig, mesh: Mesh, dtype='float32') -> dict[str, jax.ShapeDtypeStruct]:
    """Shape, dtype and sharding of every parameter."""
    return placed(parameter_shapes(config), mesh, dtype)


def placed(shapes: Mapping[str, jax.ShapeDtypeStruct], mesh: Mesh, dtype='float32') -> dict[str, jax.ShapeDtypeStruct]:
    """Shape, dtype and sharding of named parameters."""
    return {
        name: jax.ShapeDtypeStruct(
            shape.shape, dtype, sharding=NamedSharding(mesh, parameter_spec(name, shape.shape, mesh))
        )
        for name, shape in shapes.items()
    }
