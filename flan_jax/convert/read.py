"""Reads config.json and safetensors of a folder of Hugging Face's transformers, directly into the target sharding.

A parameter is assembled shard by shard from slices of the files, so that the host's memory holds at most one parameter
besides the finished ones.
"""

import dataclasses
import fnmatch
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import safetensors
from etils import epath

from flan_jax.convert.config_json import read_clauses
from flan_jax.convert.families import FAMILIES, Family
from flan_jax.convert.folder import ConversionError, own_file
from flan_jax.convert.tensors import HEAD, places, their_shapes
from flan_jax.files import read_json
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import STACKED, Params
from flan_jax.model.value_head import value_head_shapes

CONFIG_FILE, TENSORS_FILE, INDEX_FILE = 'config.json', 'model.safetensors', 'model.safetensors.index.json'

_FETCH = 'fetch it again'

_DTYPES = ('BF16', 'F16', 'F32')


class HuggingFaceModel:
    """An opened folder with config.json and safetensors; tensors are not read before `params`.

    Attributes:
      folder: path of the folder.
      family: its architecture.
      config: the decoder.
      head: shape and dtype of its scalar head, for reward models (...ForSequenceClassification with one label).
    """

    def __init__(self, folder: epath.PathLike):
        """Opens the folder and checks that its config and all tensors can be converted.

        Raises:
          ConversionError: lists all unsupported keys and values or, if there are none, all tensors that are missing,
            unused, or of an unexpected shape or dtype.
        """
        self.folder = epath.Path(folder)
        self.family, self.config, rates = read_config(self.folder)
        self.head = value_head_shapes(self.config) if rates else {}
        self._places = places(self.family, self.config, self.head)
        self._files = _tensor_files(self.folder)
        self._tensors = {
            _full_name(name, self.family): (file, name) for file in self._files for name in sorted(file.keys())
        }
        if self.config.num_layers > len(self._tensors):
            raise ConversionError(
                f'{self.folder}: {CONFIG_FILE} declares {self.config.num_layers} layers, but the folder has only '
                f'{len(self._tensors)} tensors'
            )
        if problems := list(self._problems()):
            raise ConversionError(_listed(f'{self.folder}: tensors do not match {CONFIG_FILE}', problems))

    def params(
        self, layout: Mapping[str, jax.ShapeDtypeStruct], progress: Callable[[int], None] = lambda parameters: None
    ) -> Params:
        """All parameters, in the dtypes and shardings of `layout`; `progress` is called for each."""
        params: Params = {}
        for name, like in layout.items():
            reader: Any = self._reader(name, like.dtype)
            params[name] = jax.make_array_from_callback(like.shape, like.sharding, reader)
            progress(1)
        return params

    def _reader(self, name: str, dtype) -> Callable[[tuple[slice, ...]], np.ndarray]:
        """A function that reads any slice of one of our parameters."""
        place = self._places[name]

        def read(index):
            if not name.startswith(STACKED):
                return place.read(self._slice(place.pattern), index).astype(dtype)
            layers = range(self.config.num_layers)[index[0]]
            shape = [len(range(size)[part]) for size, part in zip(place.shape, index[1:])]
            stacked = np.empty((len(layers), *shape), dtype)
            for values, layer in zip(stacked, layers):
                values[...] = place.read(self._slice(place.pattern, layer), index[1:])
            return stacked

        return read

    def _slice(self, pattern: str, layer: int = 0):
        file, name = self._tensors[pattern.format(layer=layer)]
        return file.get_slice(name)

    def _problems(self):
        """A line for every tensor that is missing, unused, or of an unexpected shape or dtype."""
        expected = their_shapes(self._places, self.config)
        for name in sorted(expected.keys() - self._tensors.keys()):
            yield f'{name}: missing'
        for name in sorted(self._tensors.keys() - expected.keys()):
            if not self._is_superfluous(name):
                yield f'{name}: unexpected tensor'
        for name in sorted(expected.keys() & self._tensors.keys()):
            file, own_name = self._tensors[name]
            tensor = file.get_slice(own_name)
            if tuple(tensor.get_shape()) != expected[name]:
                yield f'{name}: shape {tuple(tensor.get_shape())}, expected {expected[name]}'
            if tensor.get_dtype() not in _DTYPES:
                yield f'{name}: dtype {tensor.get_dtype()}, supported are {", ".join(_DTYPES)}'

    def _is_superfluous(self, name: str) -> bool:
        """Whether a tensor is an old buffer, or a copy of the tied unembedding."""
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.family.buffers):
            return True
        unembedding = f'{self.family.modules["unembedding"]}.weight'
        if not self.config.tied_embedding or name != unembedding:
            return False
        twin = self._slice(self._places['embedding'].pattern)
        return np.array_equal(self._slice(unembedding)[:], twin[:])


def read_config(folder: epath.Path) -> tuple[Family, DecoderConfig, bool]:
    """The family and the decoder of a folder's config.json, and whether it is a reward model, with a scalar head.

    A reward model has no unembedding, and its config has tied embeddings.

    Raises:
      ConversionError: if there is no config.json, or its family, keys or values are not supported.
    """
    path = own_file(folder, CONFIG_FILE)
    if not path.exists():
        raise ConversionError(
            f'{folder} has no {CONFIG_FILE}; give a folder as written by save_pretrained of transformers'
        )
    values = read_json(path, _FETCH)
    family = FAMILIES.get(str(values.get('model_type')))
    if family is None:
        raise ConversionError(
            f'{path}: model_type={values.get("model_type")!r} is not supported; supported are {", ".join(FAMILIES)}'
        )
    config, problems = read_clauses(family.clauses, values)
    rates = values.get('architectures') == [family.classifier]
    if not rates and values.get('architectures') not in (None, [family.architecture]):
        known = f'{family.architecture}, and {family.classifier} with one label'
        problems.insert(0, f'architectures={values["architectures"]}: not supported, only {known}')
    if config is None or problems:
        raise ConversionError(_listed(f'{path} cannot be converted', problems))
    return family, dataclasses.replace(config, tied_embedding=True) if rates else config, rates


def _tensor_files(folder: epath.Path) -> list[Any]:
    """The opened safetensors files of a folder."""
    index, single = folder / INDEX_FILE, folder / TENSORS_FILE
    if index.exists():
        names = _files_of(index)
    elif single.exists():
        names = [TENSORS_FILE]
    else:
        raise ConversionError(
            f'{folder} has neither {TENSORS_FILE} nor {INDEX_FILE}; if it has pytorch_model.bin, load it with '
            'transformers and save it again as safetensors'
        )
    if absent := [name for name in names if not own_file(folder, name).exists()]:
        raise ConversionError(_listed(f'{folder}: files named in {INDEX_FILE} are missing', absent))
    try:
        return [safetensors.safe_open(folder / name, framework='numpy') for name in names]
    except (safetensors.SafetensorError, OSError) as error:
        raise ConversionError(f'{folder}: a safetensors file is damaged ({error}); download it again') from error


def _files_of(index: epath.Path) -> list[str]:
    """The files that an index file names; raises ConversionError."""
    weight_map = read_json(index, _FETCH).get('weight_map')
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise ConversionError(f'{index}: weight_map={str(weight_map)[:100]} is not a mapping of tensors to files')
    return sorted(set(weight_map.values()))


def _full_name(name: str, family: Family) -> str:
    """The name of a tensor with the prefix that some files omit."""
    complete = (family.prefix, f'{family.modules["unembedding"]}.', f'{HEAD}.')
    return name if name.startswith(complete) else family.prefix + name


def _listed(title: str, lines: list[str]) -> str:
    return f'{title} ({len(lines)}):\n' + '\n'.join(f'  {line}' for line in lines)
