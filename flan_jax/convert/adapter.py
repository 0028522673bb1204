"""Exports LoRA adapters: merged into their base, or as a folder that PEFT loads."""

import json

import numpy as np
from etils import epath
from safetensors.numpy import save

from flan_jax.convert.base_model import SOURCE, new_folder, require_new
from flan_jax.convert.families import Family, Part
from flan_jax.convert.folder import ConversionError
from flan_jax.convert.write import family_of
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.files import absolute
from flan_jax.model.decoder import LORA_A, LORA_B, Params
from flan_jax.training import checkpoints
from flan_jax.training.weights import BASE_WEIGHTS, CheckpointContent
from flan_jax.tuning.lora import Lora

CONFIG_FILE = 'adapter_config.json'
TENSORS_FILE = 'adapter_model.safetensors'


def merge(content: CheckpointContent, destination: epath.PathLike) -> None:
    """Merges an adapter's checkpoint into its base model, and writes a checkpoint of all weights.

    Raises:
      ConversionError: if the checkpoint is not an adapter's, or the destination exists.
      CheckpointError: if the base model is missing.
    """
    _adapter_of(content)
    require_new(destination)
    metadata = {name: value for name, value in content.metadata.items() if name not in ('tuning', 'base', BASE_WEIGHTS)}
    checkpoints.save_params(destination, content.merged(make_mesh(Parallelism())), metadata)


def export(content: CheckpointContent, destination: epath.PathLike, base_name: str | None = None) -> str:
    """Writes an adapter's checkpoint as a folder that `peft.PeftModel.from_pretrained` loads.

    Args:
      content: the checkpoint of a run with `Lora`.
      destination: folder to be made.
      base_name: name or folder of the base model for adapter_config.json; None for the folder of transformers that the
        run's base was converted from, if any, else the run's base.

    Returns:
      The base model's name in adapter_config.json; a folder has its absolute path.

    Raises:
      ConversionError: as `merge`, or if no family of transformers has the adapted matrices as separate tensors.
    """
    lora = _adapter_of(content)
    if content.has_value_head:
        raise ConversionError(
            f'{content.folder} is a reward model, whose head cannot be stored in a LoRA adapter; use `flan-jax '
            'adapter merge` or `flan-jax convert` for the whole model'
        )
    family, _ = family_of(content.config)
    modules = {target: _module(family, target) for target in lora.targets}
    base = _base(content, base_name)
    settings = {
        'peft_type': 'LORA',
        'task_type': 'CAUSAL_LM',
        'base_model_name_or_path': base,
        'r': lora.rank,
        'lora_alpha': lora.alpha,
        'target_modules': sorted(module.rpartition('.')[2] for module in modules.values()),
        'lora_dropout': 0.0,
        'bias': 'none',
        'fan_in_fan_out': False,
        'inference_mode': True,
    }
    with new_folder(destination, marker=CONFIG_FILE) as unfinished:
        adapter = content.trained(make_mesh(Parallelism()))
        tensors = {name: array for target in lora.targets for name, array in _tensors(modules[target], target, adapter)}
        (unfinished / TENSORS_FILE).write_bytes(save(tensors, metadata={'format': 'pt'}))
        (unfinished / CONFIG_FILE).write_text(json.dumps(settings, indent=2))
    return base


def _base(content: CheckpointContent, name: str | None) -> str:
    """The base model's name in an exported adapter, valid in every working directory; see `export`."""
    if name:
        return str(absolute(name)) if absolute(name).is_dir() else name  # a name on the Hugging Face Hub
    base = absolute(content.base or '')
    source = checkpoints.metadata(base).get(SOURCE) if base.is_dir() else None
    return source if source and epath.Path(source).is_dir() else str(base)


def _adapter_of(content: CheckpointContent) -> Lora:
    match content.tuning:
        case Lora() as lora:
            return lora
        case tuning if tuning.freezes_base:
            raise ConversionError(
                f'{content.folder} holds parameters of {type(tuning).__name__}, not a LoRA adapter, and can be '
                'neither merged nor exported; use it directly with evaluate and generate'
            )
    raise ConversionError(f'{content.folder} holds all weights, not an adapter; use `flan-jax convert`')


def _module(family: Family, target: str) -> str:
    """The name of transformers' module, with '{layer}' for the layer."""
    theirs = family.modules[f'layers/{target}']
    if isinstance(theirs, Part) or not family.transposed:
        raise ConversionError(
            f'{family.model_type} keeps {target} as part of a fused matrix, or split where ours is fused, so a '
            'separate adapter cannot be applied to it; use `flan-jax adapter merge` or `flan-jax convert` for '
            'the whole model'
        )
    return theirs


def _tensors(module: str, target: str, adapter: Params):
    """PEFT's tensors of one target: A [r, in] and B [out, r] for every layer."""
    for ending, letter in ((LORA_A, 'A'), (LORA_B, 'B')):
        for layer, array in enumerate(np.asarray(adapter[f'layers/{target}{ending}'])):
            name = f'base_model.model.{module.format(layer=layer)}.lora_{letter}.weight'
            yield name, np.ascontiguousarray(array.T)
