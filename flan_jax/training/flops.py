"""How much arithmetic a step needs, and how much the hardware could do."""

import math

import jax

from flan_jax.distributed.chips import CHIPS
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import parameter_shapes


def parameter_count(config: DecoderConfig) -> int:
    """All parameters, embeddings included."""
    return sum(math.prod(shape.shape) for shape in parameter_shapes(config).values())


def flops_per_token(config: DecoderConfig, sequence_length: int) -> float:
    """Operations of a training step per token: 6N + 12LHQT (Chowdhery et al. 2022, appendix B)."""
    shapes = parameter_shapes(config)
    multiplied = sum(math.prod(s.shape) for name, s in shapes.items() if name.endswith('kernel') or name == 'embedding')
    if not config.tied_embedding:
        multiplied -= math.prod(shapes['embedding'].shape)
    return 6 * multiplied + 12 * config.num_layers * config.num_heads * config.head_dim * sequence_length


def peak_flops() -> float | None:
    """The peak of all devices together; None where it is not known, as on CPUs."""
    chip = CHIPS.get(jax.devices()[0].device_kind)
    return chip and chip.flops * jax.device_count()
