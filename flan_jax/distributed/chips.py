"""Peak performance of accelerators by JAX's device kind: the manufacturers' figures, per JAX device.

Sources. TPU: Google Cloud's page of each generation (peak bfloat16 compute, HBM capacity and bandwidth, interconnect
per chip); v3's links from Jouppi et al. 2020 (Communications of the ACM 63(7), table 3). GPU: NVIDIA's data sheets;
links are NVLink, within a host. A TPU v3 chip has two JAX devices, each with half of the chip's resources.
"""

import dataclasses

GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Chip:
    """Peak figures of one JAX device.

    Attributes:
      flops: dense bfloat16 floating-point operations per second.
      hbm_bytes: memory in bytes.
      hbm_bandwidth: bytes per second to and from memory.
      link_bandwidth: bytes per second sent over all links together, in each direction.
    """

    flops: float
    hbm_bytes: float
    hbm_bandwidth: float
    link_bandwidth: float


_V5E = Chip(197e12, 16 * GIB, 819e9, 200e9)
_V5P = Chip(459e12, 95 * GIB, 2765e9, 600e9)
_V6E = Chip(918e12, 32 * GIB, 1640e9, 400e9)

CHIPS = {
    'TPU v3': Chip(123e12 / 2, 16 * GIB, 900e9 / 2, 4 * 82e9 / 2),
    'TPU v4': Chip(275e12, 32 * GIB, 1228e9, 300e9),
    'TPU v5 lite': _V5E,
    'TPU v5e': _V5E,
    'TPU v5': _V5P,
    'TPU v5p': _V5P,
    'TPU v6 lite': _V6E,
    'TPU v6e': _V6E,
    'NVIDIA A100-SXM4-80GB': Chip(312e12, 80e9, 2039e9, 300e9),
    'NVIDIA H100 80GB HBM3': Chip(989e12, 80e9, 3350e9, 450e9),
    'NVIDIA H200': Chip(989e12, 141e9, 4800e9, 450e9),
}
"""Peak figures by device kind."""
