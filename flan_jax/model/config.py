"""The decoder's hyperparameters: one frozen dataclass, set by a gin file per family and size."""

import dataclasses
import math
import sys
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from flan_jax.settings import AtLeast, Between, Count, Positive, Settings, SettingsError, from_plain, settings_in


@dataclasses.dataclass(frozen=True)
class RelativeBias(Settings):
    """T5's learned bias per head and bucket of distance, shared by all layers (Raffel et al. 2020, section 2.1)."""

    num_buckets: Count = 32
    max_distance: Count = 128


@dataclasses.dataclass(frozen=True)
class Rotary(Settings):
    """Rotary position embedding (Su et al. 2021).

    Attributes:
      base: base of the wavelengths.
      fraction: share of each head's dimensions that is rotated.
      scaling: Llama 3.1's scaling of long wavelengths; None for no scaling.
      trained_length: length in tokens of the longest sequences that the model was trained on
        (max_position_embeddings); None if unknown. It changes nothing that the decoder computes, so configs that
        differ only in this field compare equal.
    """

    base: Positive = 10_000.0
    fraction: Annotated[float, Between(0, 1)] = 1.0
    scaling: 'Llama3Scaling | None' = None
    trained_length: Count | None = dataclasses.field(default=None, compare=False)


@dataclasses.dataclass(frozen=True)
class Llama3Scaling(Settings):
    """Frequencies are divided by `factor` where the wavelength exceeds the original context (Llama 3.1)."""

    factor: Positive = 8.0
    low_frequency_factor: Positive = 1.0
    high_frequency_factor: Positive = 4.0
    original_length: Count = 8192


@dataclasses.dataclass(frozen=True)
class Learned(Settings):
    """A learned vector per position; `offset` rows of the table are reserved (OPT has two)."""

    max_length: Count
    offset: Annotated[int, AtLeast(0)] = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecoderConfig(Settings):
    """A left-to-right transformer.

    Attributes:
      vocab_size: rows of the embedding, padding included.
      num_layers: number of blocks.
      d_model: width of the residual stream.
      num_heads: query heads.
      num_kv_heads: key and value heads, a divisor of `num_heads`; None for `num_heads`.
      head_dim: width of a head.
      d_ff: width of the feed-forward layer (of each branch, where gated).
      position: the position scheme.
      norm: 'rms' (Zhang & Sennrich 2019), 'layer' (Ba et al. 2016), or 'nonparametric', which is a layer norm without
        scale and bias (OLMo: Groeneveld et al. 2024, section 2.1).
      norm_epsilon: added to the variance.
      norm_offset: added to the stored scales (Gemma stores scale minus one).
      block: where norms stand. 'pre': before attention and feed-forward; 'post': after them, before the sum (OLMo 2);
        'sandwich': both (Gemma 2); 'parallel': before, with attention and feed-forward side by side (GPT-NeoX).
      activation: nonlinearity; 'gelu' is the tanh approximation, 'gelu_exact' uses the error function.
      gated: whether the activation gates a second branch (Shazeer 2020).
      attention_bias: which attention projections have a bias.
      feed_forward_bias: whether the feed-forward layers have one.
      query_key_norm: normalise queries and keys per head, or over all heads at once.
      query_scale: factor on the queries; None for head_dim ** -0.5.
      attention_softcap: bound on attention scores, cap * tanh(score / cap); None for no bound.
      logit_softcap: the same on the logits.
      window: sliding window: a query attends to the last `window` positions, its own included; None for all.
      window_every: layers whose index is a multiple of this have the window; the others attend to everything.
      tied_embedding: whether the unembedding is the embedding's transpose.
      embedding_scale: factor on embeddings.
    """

    vocab_size: Count
    num_layers: Count
    d_model: Count
    num_heads: Count
    head_dim: Count
    d_ff: Count
    num_kv_heads: Count | None = None
    position: RelativeBias | Rotary | Learned = RelativeBias()
    norm: Literal['rms', 'layer', 'nonparametric'] = 'rms'
    norm_epsilon: Annotated[float, AtLeast(0)] = 1e-6
    norm_offset: float = 0.0
    block: Literal['pre', 'post', 'sandwich', 'parallel'] = 'pre'
    activation: Literal['gelu', 'gelu_exact', 'silu', 'relu'] = 'gelu'
    gated: bool = True
    attention_bias: Literal['none', 'qkv', 'all'] = 'none'
    feed_forward_bias: bool = False
    query_key_norm: Literal['none', 'head', 'all'] = 'none'
    query_scale: Positive | None = None
    attention_softcap: Positive | None = None
    logit_softcap: Positive | None = None
    window: Count | None = None
    window_every: Count = 1
    tied_embedding: bool = True
    embedding_scale: Positive = 1.0

    def check(self) -> None:
        if self.num_heads % self.kv_heads:
            raise SettingsError(f'DecoderConfig.num_kv_heads={self.kv_heads} must divide num_heads={self.num_heads}')
        if isinstance(self.position, Rotary) and self.rotary_dim % 2:
            raise SettingsError(f'DecoderConfig.position: {self.rotary_dim} rotated dimensions cannot be paired')

    @property
    def kv_heads(self) -> int:
        """Number of key and value heads."""
        return self.num_kv_heads or self.num_heads

    @property
    def rotary_dim(self) -> int:
        """Rotated dimensions of each head."""
        return int(self.head_dim * self.position.fraction) if isinstance(self.position, Rotary) else 0

    @property
    def scale_of_queries(self) -> float:
        """Factor on the queries."""
        return self.head_dim**-0.5 if self.query_scale is None else self.query_scale

    @property
    def max_length(self) -> float:
        """The longest sequence that has a position for every token; infinite unless positions are learned."""
        return self.position.max_length if isinstance(self.position, Learned) else math.inf

    @property
    def trained_length(self) -> float:
        """The longest sequence that the model was trained for; infinite if unknown."""
        trained = self.position.trained_length if isinstance(self.position, Rotary) else None
        return trained or self.max_length


def lamda(*, num_layers: int, d_model: int, vocab_size: int, head_dim: int = 128) -> DecoderConfig:
    """LaMDA-PT at any size (Thoppilan et al. 2022, section 3 and Table 27).

    The paper states relative attention bias, gated GELU, head_dim 128, and sizes that all follow heads * head_dim =
    2 * d_model and d_ff = 8 * d_model. It does not state the kind and position of the norms, nor whether embeddings
    are tied; here they are T5's norms and a tied, scaled embedding.
    """
    return DecoderConfig(
        vocab_size=vocab_size,
        num_layers=num_layers,
        d_model=d_model,
        num_heads=2 * d_model // head_dim,
        head_dim=head_dim,
        d_ff=8 * d_model,
        embedding_scale=math.sqrt(d_model),
    )


def decoder_from_plain(plain: Mapping[str, Any]) -> DecoderConfig:
    """The config from its JSON form, as stored in the metadata of checkpoints.

    Raises:
      SettingsError: if the type is not one of this file, or a field is unknown or has a value that is not allowed.
    """
    config = from_plain(plain, settings_in(sys.modules[__name__]))
    if not isinstance(config, DecoderConfig):
        raise SettingsError(f'type={type(config).__name__}: must be DecoderConfig')
    return config
