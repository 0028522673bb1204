"""Imports LoRA adapters from folders in PEFT's format, which name their base model."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy
from etils import epath

from flan_jax.convert.adapter import CONFIG_FILE, TENSORS_FILE
from flan_jax.convert.families import Family, Part
from flan_jax.convert.folder import ConversionError
from flan_jax.convert.write import family_of
from flan_jax.files import read_json
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import LORA_A, LORA_B, STACKED
from flan_jax.tuning.lora import Lora

_TENSOR = re.compile(r'base_model\.model\.(?P<module>.+)\.lora_(?P<letter>[AB])\.weight')

_UNSUPPORTED = (
    'alpha_pattern', 'bias', 'fan_in_fan_out', 'layers_to_transform', 'modules_to_save', 'rank_pattern', 'use_dora',
    'use_rslora',
)  # fmt: skip
"""Keys of adapter_config.json that change what an adapter computes; they must be false, empty or 'none'."""


def is_adapter(folder: epath.PathLike) -> bool:
    """Whether a folder holds an adapter in PEFT's format."""
    return (epath.Path(folder) / CONFIG_FILE).exists()


def base_of_adapter(folder: epath.PathLike) -> str:
    """The folder of the base model that an adapter names.

    Raises:
      ConversionError: if it is not an existing folder.
    """
    base = _settings(folder).get('base_model_name_or_path')
    if not base or not epath.Path(base).is_dir():
        raise ConversionError(
            f'{folder} is an adapter of {base!r}, which is not a folder on this machine; set '
            f'base_model_name_or_path in its {CONFIG_FILE} to the path of the base model'
        )
    return base


def read_adapter(folder: epath.PathLike, config: DecoderConfig) -> tuple[Lora, dict[str, np.ndarray]]:
    """An adapter's settings, and its arrays in our layout: A [L, in, r] and B [L, r, out] of every target, float32.

    Raises:
      ConversionError: for an adapter of another kind than LoRA, or tensors that do not fit the decoder.
    """
    settings = _settings(folder)
    if settings.get('peft_type') != 'LORA':
        raise ConversionError(f'{folder}: peft_type={settings.get("peft_type")!r}; only LORA is supported')
    if wrong := [key for key in _UNSUPPORTED if settings.get(key) not in (None, False, 'none', {}, [])]:
        raise ConversionError(f'{folder}: {wrong[0]}={settings[wrong[0]]!r} in {CONFIG_FILE} is not supported')
    by_name = _by_name(folder, family_of(config)[0], config.num_layers)
    targets = sorted({name.removesuffix(LORA_A).removesuffix(LORA_B) for name in by_name})
    lora = Lora(rank=settings['r'], alpha=float(settings['lora_alpha']), targets=tuple(targets))
    arrays = {f'{STACKED}{name}': np.stack(layers) for name, layers in by_name.items()}
    for name, shape in lora.shapes(config).items():
        if name not in arrays or arrays[name].shape != shape.shape:
            found = arrays[name].shape if name in arrays else 'nothing'
            raise ConversionError(f'{folder}: {name} has shape {found}, but the model needs {shape.shape}')
    return lora, arrays


def _by_name(folder: epath.PathLike, family: Family, num_layers: int) -> dict[str, list[np.ndarray]]:
    """Target with the suffix of A or B to the array of each layer, transposed to our layout."""
    tensors = safetensors.numpy.load((epath.Path(folder) / TENSORS_FILE).read_bytes())
    places = _places(family, num_layers)
    found: dict[str, dict[int, np.ndarray]] = {}
    for name, tensor in tensors.items():
        match = _TENSOR.fullmatch(name)
        if match is None or match['module'] not in places:
            raise ConversionError(f'{folder}: a decoder of the family {family.model_type} has no parameter {name}')
        target, layer = places[match['module']]
        ending = LORA_A if match['letter'] == 'A' else LORA_B
        found.setdefault(target + ending, {})[layer] = tensor.astype(np.float32).T
    if incomplete := [name for name, layers in found.items() if len(layers) < num_layers]:
        raise ConversionError(f'{folder}: {incomplete[0]} is missing in some of the {num_layers} layers')
    return {name: [layers[layer] for layer in range(num_layers)] for name, layers in found.items()}


def _places(family: Family, num_layers: int) -> dict[str, tuple[str, int]]:
    """Name of PEFT's module to our target and layer, for the matrices that are separate tensors in the family."""
    own = {
        theirs: ours.removeprefix(STACKED)
        for ours, theirs in family.modules.items()
        if ours.startswith(STACKED) and not isinstance(theirs, Part) and family.transposed
    }
    return {module.format(layer=layer): (ours, layer) for module, ours in own.items() for layer in range(num_layers)}


def _settings(folder: epath.PathLike) -> Mapping[str, Any]:
    return read_json(epath.Path(folder) / CONFIG_FILE, 'fetch it again')
