"""What XLA is told when it compiles a training step for a kind of device."""

from jax.sharding import Mesh

_GATHER_AT_ONCE = {'xla_jf_spmd_threshold_for_windowed_einsum_mib': '1000000'}
"""No windowed einsums: products that start with the parts of a gathered array that are there already.

They hide what is sent behind arithmetic, but send more of it. Where links bind anyway that is time lost: on a v5e slice
the 137B step could take 0.61 s instead of 0.94 without them, LIMA's of 65B 0.86 s instead of 2.26. On v4 and v6e they
change the roofline by two hundredths at most, and stay (docs/pods.md).
"""

OPTIONS = {'TPU v5 lite': _GATHER_AT_ONCE, 'TPU v5e': _GATHER_AT_ONCE}
"""Kind of device, as JAX names it, to options of its compiler."""


def compiler_options(mesh: Mesh) -> dict[str, str]:
    """The options for a mesh's devices; most need none."""
    return OPTIONS.get(mesh.devices.flat[0].device_kind, {})
