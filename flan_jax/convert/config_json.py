"""config.json to DecoderConfig and back, clause by clause.

A family's config.json is described by a list of clauses. Each reads the keys it knows into fields of DecoderConfig, and
writes those keys from a DecoderConfig. Keys that no clause reads are refused, unless they are known to have no effect.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from flan_jax.model.config import DecoderConfig, Learned, Llama3Scaling, Rotary
from flan_jax.settings import SettingsError

REQUIRED = object()
"""Default of a key that is required."""

POSITIONS = 'max_position_embeddings'
"""The key of the longest sequence in most families."""

WITHOUT_EFFECT = frozenset((
    '_attn_implementation_autoset', '_name_or_path', 'activation_dropout', 'architectures', 'attention_dropout',
    'attention_probs_dropout_prob', 'attn_pdrop', 'bos_token_id', 'cache_implementation', 'chunk_size_feed_forward',
    'classifier_dropout', 'dropout', 'dtype', 'embd_pdrop', 'eos_token_id', 'finetuning_task',
    'gradient_checkpointing', 'hidden_dropout', 'hidden_dropout_prob', 'id2label', 'init_std', 'initializer_range',
    'is_decoder', 'keys_to_ignore_at_inference', 'label2id', 'layerdrop', 'max_position_embeddings',
    'max_sequence_length', 'model_type', 'n_ctx', 'output_attentions', 'output_hidden_states', 'output_past',
    'pad_token_id', 'prefix', 'pretraining_tp', 'problem_type', 'reorder_and_upcast_attn', 'resid_pdrop',
    'return_dict', 'summary_activation', 'summary_first_dropout', 'summary_proj_to_labels', 'summary_type',
    'summary_use_proj', 'task_specific_params', 'tokenizer_class', 'torch_dtype', 'transformers_version',
    'unsloth_fixed', 'unsloth_version', 'use_cache',
))  # fmt: skip
"""Keys without effect on the logits at inference: dropout, initialisation, special tokens, caching."""

ACTIVATIONS = {
    'silu': 'silu',
    'swish': 'silu',
    'relu': 'relu',
    'gelu': 'gelu_exact',
    'gelu_new': 'gelu',
    'gelu_pytorch_tanh': 'gelu',
    'gelu_fast': 'gelu',
}
"""Names of activations in transformers to ours."""


_MISREAD = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError)
"""Exceptions of a clause for a value of another type than it reads."""


class ConfigJson:
    """A config.json that records which of its keys were read, and collects its problems."""

    def __init__(self, values: Mapping[str, Any]):
        self.values = values
        self.problems: list[str] = []
        self._known = set(WITHOUT_EFFECT)

    def take(self, key: str, default: Any = REQUIRED, nullable: bool = False) -> Any:
        """The value of a key, or its default.

        Args:
          key: the key.
          default: the value if the key is absent, or null and not `nullable`; `REQUIRED` records a problem.
          nullable: whether null is a value.
        """
        self._known.add(key)
        if nullable and key in self.values:
            return self.values[key]
        value = self.values.get(key)
        if value is None and default is REQUIRED:
            self.problems.append(f'{key}: missing')
            return None
        return default if value is None else value

    def refuse(self, key: str, value: Any, allowed: str) -> None:
        """Records that a value is not supported."""
        self.problems.append(f'{key}={value!r}: not supported, only {allowed}')

    def unread(self) -> list[str]:
        """A problem for every key that was not read and may have an effect."""
        unread = sorted(set(self.values) - self._known)
        return [f'{key}={self.values[key]!r}: unsupported key' for key in unread]


class Clause(Protocol):
    """Some keys of config.json, and the corresponding fields of DecoderConfig."""

    def read(self, json: ConfigJson) -> dict[str, Any]:
        """The fields."""

    def write(self, config: DecoderConfig) -> dict[str, Any]:
        """The keys."""


@dataclasses.dataclass(frozen=True)
class Same:
    """A key with the same value as a field.

    Attributes:
      key: the key.
      field: the field.
      default: transformers' default if the key is absent.
      nullable: whether null is a value of the field.
    """

    key: str
    field: str
    default: Any = REQUIRED
    nullable: bool = False

    def read(self, json):
        return {self.field: json.take(self.key, self.default, self.nullable)}

    def write(self, config):
        return {self.key: getattr(config, self.field)}


@dataclasses.dataclass(frozen=True)
class OneOf:
    """A key that selects one of several sets of fields; if several fit, the default is written, or the first."""

    key: str
    choices: Mapping[Any, Mapping[str, Any]]
    default: Any = REQUIRED

    def read(self, json):
        value = json.take(self.key, self.default)
        if value is not None and value not in list(self.choices):
            json.refuse(self.key, value, ' or '.join(map(repr, self.choices)))
            return {}
        return self.choices.get(value, {})

    def write(self, config):
        fitting = [
            value
            for value, fields in self.choices.items()
            if all(getattr(config, name) == chosen for name, chosen in fields.items())
        ]
        return {self.key: self.default if self.default in fitting else fitting[0]} if fitting else {}


@dataclasses.dataclass(frozen=True)
class Always:
    """Fields with fixed values, which no key of the family's config.json changes."""

    fields: Mapping[str, Any]

    def read(self, json):
        return dict(self.fields)

    def write(self, config):
        return {}


@dataclasses.dataclass(frozen=True)
class Only:
    """A key that is supported with one value only."""

    key: str
    value: Any

    def read(self, json):
        if (found := json.take(self.key, self.value)) != self.value:
            json.refuse(self.key, found, repr(self.value))
        return {}

    def write(self, config):
        return {}


@dataclasses.dataclass(frozen=True)
class HeadDim:
    """The width of a head: d_model / num_heads, unless the family has a key for it."""

    key: str | None = None
    d_model: str = 'hidden_size'
    num_heads: str = 'num_attention_heads'

    def read(self, json):
        shared = (json.values.get(self.d_model) or 0) // (json.values.get(self.num_heads) or 1)
        return {'head_dim': json.take(self.key, shared) if self.key else shared}

    def write(self, config):
        return {self.key: config.head_dim} if self.key else {}


@dataclasses.dataclass(frozen=True)
class LearnedPositions:
    """The length of a table of learned positions."""

    key: str
    offset: int = 0

    def read(self, json):
        length = json.take(self.key)
        return {} if length is None else {'position': Learned(max_length=length, offset=self.offset)}

    def write(self, config):
        return {self.key: config.position.max_length} if isinstance(config.position, Learned) else {}


@dataclasses.dataclass(frozen=True)
class RotaryPositions:
    """Rotary embedding, in transformers 5's format (rope_parameters) and in that of earlier versions."""

    base_key: str = 'rope_theta'
    fraction_key: str | None = None
    default_fraction: float = 1.0

    def read(self, json):
        fraction = json.take(self.fraction_key, self.default_fraction) if self.fraction_key else 1.0
        base, scaling = json.take(self.base_key, 10_000.0), json.take('rope_scaling', {})
        given = dict(json.take('rope_parameters', {}) or scaling)
        base = float(given.pop('rope_theta', base))
        fraction = float(given.pop('partial_rotary_factor', fraction))
        trained_length = length_given(json.take(POSITIONS, json.take('max_sequence_length', None)))
        return {'position': Rotary(base, fraction, _llama3_scaling(json, given), trained_length)}

    def write(self, config):
        # The format that all versions of transformers read.
        if not isinstance(config.position, Rotary):
            return {}
        keys = {self.base_key: config.position.base}
        if self.fraction_key:
            keys[self.fraction_key] = config.position.fraction
        if config.position.trained_length:
            keys[POSITIONS] = config.position.trained_length
        if scaling := config.position.scaling:
            keys['rope_scaling'] = {'rope_type': 'llama3'} | {
                theirs: getattr(scaling, ours) for theirs, ours in _LLAMA3_SCALING.items()
            }
        return keys


def length_given(value: Any) -> int | None:
    """A length in tokens from config.json; None if the value is not one."""
    return int(value) if isinstance(value, int | float) and 1 <= value < math.inf else None


_LLAMA3_SCALING = {
    'factor': 'factor',
    'low_freq_factor': 'low_frequency_factor',
    'high_freq_factor': 'high_frequency_factor',
    'original_max_position_embeddings': 'original_length',
}


def _llama3_scaling(json: ConfigJson, given: dict[str, Any]) -> Llama3Scaling | None:
    kinds = {given.pop(key) for key in ('rope_type', 'type') if key in given} or {'default'}
    kind = kinds.pop()
    if kinds or kind not in ('default', 'llama3'):
        json.refuse('rope_scaling type', kind, "'default' or 'llama3'")
        return None
    names = _LLAMA3_SCALING if kind == 'llama3' else {}
    json.problems += [f'rope_scaling.{key}: missing' for key in names if key not in given]
    json.problems += [f'rope_scaling.{key}={given[key]!r}: unsupported key' for key in given if key not in names]
    if kind == 'default' or any(key not in given for key in names):
        return None
    return Llama3Scaling(**{ours: given[theirs] for theirs, ours in names.items()})


@dataclasses.dataclass(frozen=True)
class Window:
    """Sliding-window attention in every layer, or in layers 0, 2, 4, ... (`every` 2); null for none."""

    every: int = 1
    default: int | None = 4096

    def read(self, json):
        window = json.take('sliding_window', self.default, nullable=True)
        kinds = json.take('layer_types', None)
        expected = ['full_attention' if i % self.every else 'sliding_attention' for i in range(len(kinds or ()))]
        if kinds is not None and (kinds != expected or len(kinds) != json.values.get('num_hidden_layers')):
            json.refuse('layer_types', kinds, f'sliding_attention in every layer that {self.every} divides')
        return {'window': window, 'window_every': self.every}

    def write(self, config):
        return {'sliding_window': config.window}


@dataclasses.dataclass(frozen=True)
class NoWindow:
    """Qwen's keys for windows, which have no effect if use_sliding_window is false."""

    def read(self, json):
        if json.take('use_sliding_window', False):
            json.refuse('use_sliding_window', True, 'False')
        json.take('sliding_window', None)
        json.take('max_window_layers', None)
        kinds = json.take('layer_types', [])
        if set(kinds) - {'full_attention'}:
            json.refuse('layer_types', kinds, 'full_attention throughout')
        return {}

    def write(self, config):
        return {'use_sliding_window': False}


def activation(key: str, default: str) -> OneOf:
    """The clause of the key that names the activation."""
    return OneOf(key, {theirs: {'activation': ours} for theirs, ours in ACTIVATIONS.items()}, default)


def read_clauses(clauses: Sequence[Clause], values: Mapping[str, Any]) -> tuple[DecoderConfig | None, list[str]]:
    """The decoder that a config.json describes, or None, and all problems, one line each."""
    json = ConfigJson(values)
    fields: dict[str, Any] = {}
    for clause in clauses:
        try:
            fields |= clause.read(json)
        except SettingsError as error:
            json.problems.append(str(error))
        except _MISREAD as error:
            json.problems.append(f'{_keys_of(clause)}: cannot be read: {error}')
    problems = json.problems + json.unread()
    if problems:
        return None, problems
    try:
        return DecoderConfig(**fields), []
    except (SettingsError, *_MISREAD) as error:
        return None, [str(error)]


def _keys_of(clause: Clause) -> str:
    """The keys of a clause, for a message."""
    keys = [value for name, value in vars(clause).items() if 'key' in name and isinstance(value, str)]
    return ', '.join(keys) or type(clause).__name__


def write_clauses(clauses: Iterable[Clause], config: DecoderConfig) -> dict[str, Any]:
    """The keys of config.json for a decoder, as far as the clauses can express it."""
    keys: dict[str, Any] = {}
    for clause in clauses:
        keys |= clause.write(config)
    return keys
