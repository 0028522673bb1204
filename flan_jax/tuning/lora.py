"""LoRA: only low-rank terms, added to frozen kernels, are trained (Hu et al. 2021, section 4.1).

The term of a kernel W [in, out] is (alpha / r) A B, with A [in, r] and B [r, out]. An adapter is a dictionary of these,
'layers/attention/query/lora_a' and '.../lora_b', stacked over layers like the kernels. If the parameters include them,
the decoder adds their products to its activations, without a second copy of the kernel.
"""

import dataclasses
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp

from flan_jax.errors import UnknownName
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import LORA_A, LORA_B, STACKED, Params, parameter_shapes
from flan_jax.settings import Count, NotEmpty, Positive, Text
from flan_jax.tuning.tuning import Encode, Tuning


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lora(Tuning):
    """A low-rank adapter is trained.

    Attributes:
      rank: r.
      alpha: the low-rank terms are scaled by alpha / r.
      targets: linear layers to adapt: 'attention/' with query, key, value or out, 'feed_forward/' with gate, up or down
        (Hu et al. 2021, section 7.1, adapt queries and values).
    """

    rank: Count = 8
    alpha: Positive = 16.0
    targets: Annotated[tuple[Text, ...], NotEmpty()] = ('attention/query', 'attention/value')

    freezes_base: ClassVar[bool] = True
    scales_updates: ClassVar[bool] = False
    factors_moments: ClassVar[bool] = True

    @property
    def scale(self) -> float:
        """Factor on the low-rank terms."""
        return self.alpha / self.rank

    def shapes(self, config: DecoderConfig) -> dict[str, jax.ShapeDtypeStruct]:
        kernels = {
            name.removeprefix(STACKED).removesuffix('/kernel'): shape.shape
            for name, shape in parameter_shapes(config).items()
            if name.startswith(STACKED) and name.endswith('/kernel')
        }
        shapes = {}
        for target in self.targets:
            if target not in kernels:
                raise UnknownName('target of Lora.targets', target, kernels)
            layers, size_in, size_out = kernels[target]
            shapes[f'{STACKED}{target}{LORA_A}'] = (layers, size_in, self.rank)
            shapes[f'{STACKED}{target}{LORA_B}'] = (layers, self.rank, size_out)
        return {name: jax.ShapeDtypeStruct(shape, jnp.float32) for name, shape in shapes.items()}

    def init(self, config: DecoderConfig, key: jax.Array, frozen: Params, encode: Encode) -> Params:
        """A is normal with variance 1 / in, B is zero, so that the tuned model starts as the base model."""
        shapes = self.shapes(config)
        keys = jax.random.split(key, len(shapes))
        return {
            name: shape.shape[1] ** -0.5 * jax.random.normal(key, shape.shape)
            if name.endswith(LORA_A)
            else jnp.zeros(shape.shape)
            for key, (name, shape) in zip(keys, sorted(shapes.items()))
        }

    def combine(self, frozen: Params, trained: Params) -> Params:
        scaled = {name: self.scale * value if name.endswith(LORA_B) else value for name, value in trained.items()}
        return frozen | scaled

    def merge(self, frozen: Params, trained: Params) -> Params:
        params = dict(frozen)
        for name in trained:
            if name.endswith(LORA_A):
                module = name.removesuffix(LORA_A)
                product = jnp.einsum('lir,lro->lio', trained[name], trained[module + LORA_B], precision='highest')
                kernel = params[f'{module}/kernel']
                params[f'{module}/kernel'] = (kernel.astype(jnp.float32) + self.scale * product).astype(kernel.dtype)
        return params
