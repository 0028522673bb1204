"""Sharding of arrays over the mesh: one table from parameter names to logical axes, one from those to mesh axes."""

import fnmatch
import math

import jax
from jax.sharding import AbstractMesh, Mesh, PartitionSpec

MESH_AXES = ('data', 'fsdp', 'tensor')
"""'data' splits the batch; 'fsdp' the batch, and parameters along d_model; 'tensor' heads, feed-forward, vocabulary."""

LOGICAL_TO_MESH: dict[str | None, str | tuple[str, ...] | None] = {
    'batch': ('data', 'fsdp'),
    'length': None,
    'sequence': 'tensor',
    'vocab': 'tensor',
    'embed': 'fsdp',
    'heads': 'tensor',
    'mlp': 'tensor',
    'layers': None,
    None: None,
}

PARAMETER_AXES: dict[str, tuple[str | None, ...]] = {
    'embedding': ('vocab', 'embed'),
    'prompt': (None, 'embed'),
    'prompts/*': (None, 'embed'),
    'unembedding/kernel': ('embed', 'vocab'),
    'value_head/kernel': ('embed', None),
    'position_embedding': (None, 'embed'),
    'relative_bias': (None, 'heads'),
    'layers/attention/query_norm/*': ('layers', None),
    'layers/attention/key_norm/*': ('layers', None),
    'layers/attention/out/kernel': ('layers', 'heads', 'embed'),
    'layers/attention/out/bias': ('layers', None),
    'layers/attention/*/kernel': ('layers', 'embed', 'heads'),
    'layers/attention/*/bias': ('layers', 'heads'),
    'layers/feed_forward/down/kernel': ('layers', 'mlp', 'embed'),
    'layers/feed_forward/down/bias': ('layers', None),
    'layers/feed_forward/*/kernel': ('layers', 'embed', 'mlp'),
    'layers/feed_forward/*/bias': ('layers', 'mlp'),
    'layers/*norm/*': ('layers', None),
    'final_norm/*': (None,),
}
"""Logical axes by pattern of a parameter's name; the first pattern that matches is used."""


def parameter_axes(name: str) -> tuple[str | None, ...]:
    """The logical axes of a parameter; raises KeyError for a name that no pattern matches.

    LoRA's matrices are split like their kernel; their rank axis is not split.
    """
    module, _, leaf = name.rpartition('/')
    if leaf in ('lora_a', 'lora_b'):
        layers, size_in, size_out = parameter_axes(f'{module}/kernel')
        return (layers, size_in, None) if leaf == 'lora_a' else (layers, None, size_out)
    for pattern, axes in PARAMETER_AXES.items():
        if fnmatch.fnmatchcase(name, pattern):
            return axes
    raise KeyError(f'no logical axes for parameter {name!r}; add a pattern to PARAMETER_AXES')


def partition_spec(
    logical_axes: tuple[str | None, ...], shape: tuple[int, ...], mesh: Mesh | AbstractMesh
) -> PartitionSpec:
    """The mesh axes of an array's logical axes; an axis whose size the mesh axes do not divide is not split."""
    return PartitionSpec(
        *(
            LOGICAL_TO_MESH[axis] if size % _parts(LOGICAL_TO_MESH[axis], mesh) == 0 else None
            for axis, size in zip(logical_axes, shape, strict=True)
        )
    )


def parameter_spec(name: str, shape: tuple[int, ...], mesh: Mesh | AbstractMesh) -> PartitionSpec:
    """How a parameter is split; axes that do not divide, such as GPT-2's vocabulary of 50,257, are replicated."""
    return partition_spec(parameter_axes(name), shape, mesh)


def constrain(x: jax.Array, logical_axes: tuple[str | None, ...]) -> jax.Array:
    """Constrains an activation's sharding to `partition_spec` if a mesh is in use; returns it unchanged otherwise."""
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty:
        return x
    return jax.lax.with_sharding_constraint(x, partition_spec(logical_axes, x.shape, mesh))


def _parts(mesh_axes: str | tuple[str, ...] | None, mesh: Mesh | AbstractMesh) -> int:
    """The number of parts that mesh axes split an axis into."""
    names = (mesh_axes,) if isinstance(mesh_axes, str) else mesh_axes or ()
    return math.prod(mesh.shape[name] for name in names)
