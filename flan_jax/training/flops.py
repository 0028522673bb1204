"""Floating-point operations of a training step, and the peak of the hardware.

Counted as model FLOPs (Chowdhery et al. 2022, appendix B): two operations for each multiply-add of a matrix product,
attention as if every token attended to its whole sequence, no rematerialisation. Only necessary products are counted:
hidden states are projected onto the vocabulary at predicted positions only, and frozen kernels have no gradient.
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
    """The size of a batch.

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
    """Operations of a forward pass with a soft prompt of `rows` rows."""
    prompt = BatchSize(sequences=1, length=rows, predicted=0)
    texts = _product_flops(config, batch) + _attention_flops(config, batch)
    return texts + _product_flops(config, prompt) + _prompt_attention_flops(config, rows, batch)


def training_flops(config: DecoderConfig, tuning: Tuning, batch: BatchSize) -> float:
    """Operations of a training step.

    The backward pass has two products for each forward product: for the gradient of the input, and for that of the
    kernel. Frozen kernels do without the second; in attention both operands are activations.
    """
    products, attention = _product_flops(config, batch), _attention_flops(config, batch)
    if not tuning.freezes_base:
        return 3 * products + 3 * attention
    shapes = tuning.shapes(config).items()
    trained = sum(math.prod(shape.shape) for name, shape in shapes if name.endswith((LORA_A, LORA_B)))
    rows = sum(shape.shape[0] for name, shape in shapes if name.startswith(PROMPT))
    adapter, prompt = 3 * 2 * trained * batch.tokens, _prompt_flops(config, rows, batch)
    return 2 * products + 3 * attention + adapter + prompt


def _prompt_flops(config: DecoderConfig, rows: int, batch: BatchSize) -> float:
    """Operations of a training step for soft prompts, which are computed once per batch."""
    prompt = BatchSize(sequences=1, length=rows, predicted=0)
    return 2 * _product_flops(config, prompt) + 3 * _prompt_attention_flops(config, rows, batch)


def _prompt_attention_flops(config: DecoderConfig, rows: int, batch: BatchSize) -> float:
    """Forward attention within a soft prompt, and of all tokens to it."""
    prompt = BatchSize(sequences=1, length=rows, predicted=0)
    return _attention_flops(config, prompt) + _attention_flops(config, batch) * rows / batch.length


def peak_flops() -> float | None:
    """Peak operations per second of all devices together; None if unknown, as for CPUs."""
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
