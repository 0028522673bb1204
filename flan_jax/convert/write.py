"""Writing a folder that transformers loads: config.json and safetensors.

AutoModelForCausalLM takes a language model, AutoModelForSequenceClassification a reward model.
"""

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ml_dtypes
import numpy as np
from etils import epath
from safetensors.numpy import save_file

from flan_jax.convert.config_json import POSITIONS, WITHOUT_EFFECT, length_given, read_clauses, write_clauses
from flan_jax.convert.families import FAMILIES, Family
from flan_jax.convert.folder import ConversionError
from flan_jax.convert.read import CONFIG_FILE, INDEX_FILE, TENSORS_FILE
from flan_jax.convert.tensors import Place, places, their_shapes
from flan_jax.model.config import DecoderConfig, Rotary
from flan_jax.model.decoder import Params
from flan_jax.model.value_head import VALUE_HEAD

FILE_BYTES = 5 * 10**9
"""Largest size of a file's tensors in bytes: transformers' default."""

DTYPES = {'float32': np.float32, 'bfloat16': ml_dtypes.bfloat16, 'float16': np.float16}


def family_of(config: DecoderConfig, preferred: str | None = None) -> tuple[Family, dict[str, Any]]:
    """The family whose config.json can express a decoder, and the keys of that config.json.

    Args:
      config: the decoder.
      preferred: model_type of the family to prefer among several; by default it is the first in `FAMILIES`.

    Raises:
      ConversionError: if there is none; names, for the most similar family, the fields that it cannot express.
    """
    differences = {}
    for family in sorted(FAMILIES.values(), key=lambda family: family.model_type != preferred):
        keys = {'model_type': family.model_type, 'architectures': [family.architecture]}
        keys |= write_clauses(family.clauses, config)
        differences[family.model_type] = _differences(config, read_clauses(family.clauses, keys)[0])
        if not differences[family.model_type]:
            return family, keys
    nearest = min(differences, key=lambda name: len(differences[name]))
    raise ConversionError(
        f'no model family of transformers equals this decoder; the nearest is {nearest}, which differs in '
        + ', '.join(differences[nearest])
    )


def write_model(
    folder: epath.Path,
    config: DecoderConfig,
    params: Params,
    dtype: str = 'float32',
    like: Mapping[str, Any] | None = None,
    progress: Callable[[int], None] = lambda tensors: None,
    file_bytes: int = FILE_BYTES,
) -> None:
    """Writes config.json and the tensors.

    Args:
      folder: an existing folder.
      config: the decoder.
      params: its parameters.
      dtype: dtype of the tensors on disk.
      like: a config.json whose family is preferred, and whose keys without effect, such as bos_token_id, are copied.
      progress: called for each tensor written.
      file_bytes: largest size of a file's tensors in bytes.

    Raises:
      ConversionError: see `family_of`.
    """
    like = like or {}
    family, keys = family_of(config, like.get('model_type'))
    kept = {key: value for key, value in like.items() if key in WITHOUT_EFFECT}
    head = {name: params[name] for name in (VALUE_HEAD,) if name in params}
    values = kept | keys | _positions(config, kept) | {'torch_dtype': dtype, 'dtype': dtype}
    if head:
        values = _as_classifier(values, family)
    (folder / CONFIG_FILE).write_text(json.dumps(dict(sorted(values.items())), indent=2) + '\n')

    found = places(family, config, head)
    shapes = their_shapes(found, config)
    files = _files(shapes, np.dtype(DTYPES[dtype]).itemsize, file_bytes)
    tensors = _tensors(found, params, config.num_layers, DTYPES[dtype])
    for file, names in files.items():
        content = dict(itertools.islice(tensors, len(names)))
        save_file(content, folder / file, metadata={'format': 'pt'})
        progress(len(names))
    if len(files) > 1:
        weight_map = {name: file for file, names in files.items() for name in names}
        total = sum(int(np.prod(shape)) for shape in shapes.values()) * np.dtype(DTYPES[dtype]).itemsize
        index = {'metadata': {'total_size': total}, 'weight_map': weight_map}
        (folder / INDEX_FILE).write_text(json.dumps(index, indent=2) + '\n')


def _positions(config: DecoderConfig, kept: Mapping[str, Any]) -> dict[str, Any]:
    """The longest sequence of a rotary model: as in the original config.json, unless it was trained on longer ones."""
    came_with = length_given(kept.get(POSITIONS))
    if not isinstance(config.position, Rotary) or came_with is None:
        return {}
    return {POSITIONS: max(came_with, config.position.trained_length or 0)}


def _as_classifier(values: dict[str, Any], family: Family) -> dict[str, Any]:
    """The config.json of a reward model.

    transformers takes the score of the last token that is not padding. If the padding token were the EOS, that would be
    the token before the EOS, so no padding token is written: then it is the last token, for batches of a single text.
    """
    values = values | {'architectures': [family.classifier], 'id2label': {'0': 'reward'}, 'label2id': {'reward': 0}}
    ends = values.get('eos_token_id')
    if values.get('pad_token_id') in (ends if isinstance(ends, list) else [ends]):
        values['pad_token_id'] = None
    return values


def _files(shapes: Mapping[str, tuple[int, ...]], itemsize: int, file_bytes: int) -> dict[str, list[str]]:
    """The tensors of each file, in order."""
    files: list[list[str]] = [[]]
    used = 0
    for name, shape in shapes.items():
        size = int(np.prod(shape)) * itemsize
        if files[-1] and used + size > file_bytes:
            files.append([])
            used = 0
        files[-1].append(name)
        used += size
    if len(files) == 1:
        return {TENSORS_FILE: files[0]}
    return {f'model-{n:05d}-of-{len(files):05d}.safetensors': names for n, names in enumerate(files, 1)}


def _tensors(found: Mapping[str, Place], params: Params, num_layers: int, dtype) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors in the order of `their_shapes`, each made of one parameter, or of several for fused tensors."""
    by_pattern: dict[str, list[str]] = {}
    for name, place in found.items():
        by_pattern.setdefault(place.pattern, []).append(name)
    for pattern, names in by_pattern.items():
        stacked = '{layer}' in pattern
        ours = {name: np.asarray(params[name]) for name in names}
        for layer in range(num_layers) if stacked else (0,):
            tensor = np.empty(found[names[0]].their_shape, dtype)
            for name, values in ours.items():
                found[name].write(values[layer] if stacked else values, tensor)
            yield pattern.format(layer=layer), tensor


def _differences(config: DecoderConfig, other: DecoderConfig | None) -> list[str]:
    """The fields in which two decoders differ in what they compute."""
    names = [field.name for field in dataclasses.fields(config)]
    if other is None:
        return names
    ours, theirs = _spelled_out(config), _spelled_out(other)
    return [name for name in names if getattr(ours, name) != getattr(theirs, name)]


def _spelled_out(config: DecoderConfig) -> DecoderConfig:
    """The same decoder with explicit values for fields whose defaults depend on other fields."""
    return dataclasses.replace(
        config,
        num_kv_heads=config.kv_heads,
        query_scale=round(config.scale_of_queries, 12),
        window_every=config.window_every if config.window is not None else 1,
    )
