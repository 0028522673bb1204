"""LoRA: a low-rank term beside frozen matrices is all that is tuned (Hu et al. 2021, section 4.1).

The term of a kernel W [in, out] is (alpha / r) A B, with A [in, r] and B [r, out]. An adapter is a dictionary of these,
'layers/attention/query/lora_a' and '.../lora_b', stacked over layers as the kernels are; the decoder adds the products
to its activations where the dictionary of its parameters holds them, so that no second copy of a kernel is made.
"""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from flan_jax.errors import UnknownName
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import LORA_A, LORA_B, STACKED, Params, parameter_shapes
from flan_jax.settings import SettingsError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lora:
    """Whether an adapter is tuned instead of all weights, see `flan_jax.tuning.lora`.

    Attributes:
      rank: rank of the adapter; None tunes all weights.
      alpha: the adapter's products are scaled by alpha / rank.
      targets: linear layers that have one: 'attention/' with query, key, value or out, 'feed_forward/' with gate, up or
        down (Hu et al. 2021, section 7.1, adapt queries and values).
    """

    rank: int | None = None
    alpha: float = 16.0
    targets: tuple[str, ...] = ('attention/query', 'attention/value')

    def __post_init__(self):
        if self.rank is not None and (self.rank < 1 or not self.targets):
            raise SettingsError(f'LORA_RANK={self.rank}, LORA_TARGETS={self.targets}: needs a rank of 1 and a target')

    @property
    def scale(self) -> float:
        """Factor on the adapter's products."""
        return 1.0 if self.rank is None else self.alpha / self.rank


def adapter_shapes(config: DecoderConfig, lora: Lora) -> dict[str, jax.ShapeDtypeStruct]:
    """Shape of every array of an adapter, float32.

    Raises:
      UnknownName: for a target that is no stacked linear layer of the decoder.
    """
    kernels = {
        name.removeprefix(STACKED).removesuffix('/kernel'): shape.shape
        for name, shape in parameter_shapes(config).items()
        if name.startswith(STACKED) and name.endswith('/kernel')
    }
    shapes = {}
    for target in lora.targets:
        if target not in kernels:
            raise UnknownName('LoRA target', target, kernels)
        layers, size_in, size_out = kernels[target]
        shapes[f'{STACKED}{target}{LORA_A}'] = (layers, size_in, lora.rank)
        shapes[f'{STACKED}{target}{LORA_B}'] = (layers, lora.rank, size_out)
    return {name: jax.ShapeDtypeStruct(shape, jnp.float32) for name, shape in shapes.items()}


def initialise_adapter(shapes: Mapping[str, jax.ShapeDtypeStruct], key: jax.Array) -> Params:
    """A from a normal distribution, B zero, so that the tuned model begins as the base."""
    keys = jax.random.split(key, len(shapes))
    return {
        name: shape.shape[1] ** -0.5 * jax.random.normal(key, shape.shape)
        if name.endswith(LORA_A)
        else jnp.zeros(shape.shape)
        for key, (name, shape) in zip(keys, sorted(shapes.items()))
    }


def adapted(base: Params, tuned: Params, scale: float) -> Params:
    """What the decoder reads: the base with an adapter scaled by alpha / r; without a base, the tuned parameters."""
    return base | {name: scale * value if name.endswith(LORA_B) else value for name, value in tuned.items()}


def merged(base: Params, adapter: Params, scale: float) -> Params:
    """The base with the adapter's products added to its kernels: a plain model, in the base's dtypes."""
    params = dict(base)
    for name in adapter:
        if name.endswith(LORA_A):
            module = name.removesuffix(LORA_A)
            product = jnp.einsum('lir,lro->lio', adapter[name], adapter[module + LORA_B], precision='highest')
            kernel = params[f'{module}/kernel']
            params[f'{module}/kernel'] = (kernel.astype(jnp.float32) + scale * product).astype(kernel.dtype)
    return params
