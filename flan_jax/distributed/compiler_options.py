"""XLA options for training steps, by device kind."""

from jax.sharding import Mesh

_GATHER_AT_ONCE = {'xla_jf_spmd_threshold_for_windowed_einsum_mib': '1000000'}
"""Disables windowed einsums, which multiply the shards of a gathered array as they arrive.

They overlap communication with arithmetic, but communicate more. This costs time where the interconnect is the
bottleneck: by the roofline of a v5e slice, the 137B step takes 0.61 s without them and 0.94 s with them, LIMA's step of
65B parameters 0.86 s and 2.26 s. On v4 and v6e they change the roofline by at most 0.02, and stay enabled
(docs/pods.md).
"""

OPTIONS = {'TPU v5 lite': _GATHER_AT_ONCE, 'TPU v5e': _GATHER_AT_ONCE}
"""Compiler options by device kind, as JAX names it."""


def compiler_options(mesh: Mesh) -> dict[str, str]:
    """The options for a mesh's devices; most need none."""
    return OPTIONS.get(mesh.devices.flat[0].device_kind, {})
