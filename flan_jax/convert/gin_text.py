"""A decoder as the lines of a gin file."""

from flan_jax.model.config import DecoderConfig
from flan_jax.settings import bindings


def gin_lines(config: DecoderConfig) -> list[str]:
    """The bindings that make `Run.model` this decoder, without those of default values."""
    return ['Run.model = @DecoderConfig()', *bindings(config, defaults=False)]
