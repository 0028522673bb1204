"""How much arithmetic a step needs, and how much the hardware could do.

Counted as Chowdhery et al. 2022, appendix B, count it: two operations for each multiply-add of a matrix product,
attention as if every token attended to all of its sequence, nothing computed again. Only what a step needs is counted:
the vocabulary is multiplied at predicted positions alone, and frozen kernels have no gradient.
"""

import dataclasses
import math

import jax

from flan_jax.distributed.chips import CHIPS
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import LORA_A, LORA_B, PROMPT, STACKED, parameter_shapes
from flan_jax.tuning.tuning import Tuning


@dataclasses.dataclass(frozen=True)
class BatchSize:
    """What a step computes on.

    Attributes:
      sequences: sequences in a step.
      length: tokens in a sequence.
      predicted: positions of a sequence that are projected onto the vocabulary.
    """

    sequences: int
    length: int
    predicted: int

    @property
    def tokens(self) -> int:
        """Tokens of a step."""
        return self.sequences * self.length


def parameter_count(config: DecoderConfig) -> int:
    """All parameters, embeddings included."""
    return sum(math.prod(shape.shape) for shape in parameter_shapes(config).values())


def forward_flops(config: DecoderConfig, batch: BatchSize, rows: int = 0) -> float:
    """Operations of a forward pass behind a soft prompt of so many rows."""
    alone = BatchSize(sequences=1, length=rows, predicted=0)
    of_texts = _product_flops(config, batch) + _attention_flops(config, batch)
    return of_texts + _product_flops(config, alone) + _attended_flops(config, rows, batch)


def training_flops(config: DecoderConfig, tuning: Tuning, batch: BatchSize) -> float:
    """Operations of a training step.

    Backward, each product is taken twice more: for the gradient of its input, and for that of its kernel. Of a frozen
    kernel the second falls away; attention multiplies activations alone.
    """
    products, attention = _product_flops(config, batch), _attention_flops(config, batch)
    if not tuning.freezes_base:
        return 3 * products + 3 * attention
    shapes = tuning.shapes(config).items()
    trained = sum(math.prod(shape.shape) for name, shape in shapes if name.endswith((LORA_A, LORA_B)))
    rows = sum(shape.shape[0] for name, shape in shapes if name.startswith(PROMPT))
    of_adapter, of_prompt = 3 * 2 * trained * batch.tokens, _prompt_flops(config, rows, batch)
    return 2 * products + 3 * attention + of_adapter + of_prompt


def _prompt_flops(config: DecoderConfig, rows: int, batch: BatchSize) -> float:
    """A training step's operations for soft prompts: computed once, and attended to, or masked, by all tokens."""
    alone = BatchSize(sequences=1, length=rows, predicted=0)
    return 2 * _product_flops(config, alone) + 3 * _attended_flops(config, rows, batch)


def _attended_flops(config: DecoderConfig, rows: int, batch: BatchSize) -> float:
    """Forward products of a soft prompt's rows with each other, and of all tokens with them."""
    alone = BatchSize(sequences=1, length=rows, predicted=0)
    return _attention_flops(config, alone) + _attention_flops(config, batch) * rows / batch.length


def peak_flops() -> float | None:
    """The peak of all devices together; None where it is not known, as on CPUs."""
    chip = CHIPS.get(jax.devices()[0].device_kind)
    return None if chip is None else chip.flops * jax.device_count()


def _product_flops(config: DecoderConfig, batch: BatchSize) -> float:
    """Forward products with kernels."""
    shapes = parameter_shapes(config)
    kernels = sum(
        math.prod(shape.shape) for name, shape in shapes.items() if name.startswith(STACKED) and name.endswith('kernel')
    )
    vocabulary = config.vocab_size * config.d_model
    return 2 * kernels * batch.tokens + 2 * vocabulary * batch.sequences * batch.predicted


def _attention_flops(config: DecoderConfig, batch: BatchSize) -> float:
    """Forward products of queries with keys, and of scores with values."""
    return 4 * config.num_layers * config.num_heads * config.head_dim * batch.length * batch.tokens
