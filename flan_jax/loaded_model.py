"""Loading models: the only way to open a checkpoint or a Hugging Face folder for use."""

import dataclasses
from typing import get_args

import jax
from etils import epath
from jax.sharding import Mesh

from flan_jax.convert import peft
from flan_jax.convert.base_model import CHECKPOINT, COMPANIONS, SOURCE, require_new
from flan_jax.convert.folder import ConversionError
from flan_jax.convert.read import CONFIG_FILE, HuggingFaceModel
from flan_jax.data.formats import format_of
from flan_jax.data.formats.beside import chat_template_beside
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.formats.plain import Plain
from flan_jax.distributed.mesh import Parallelism, make_mesh, parameter_layout, placed
from flan_jax.distributed.placement import Placement
from flan_jax.errors import UserError
from flan_jax.files import absolute, locate
from flan_jax.inference.loaded import LoadedModel
from flan_jax.model.decoder import LORA_A, Params
from flan_jax.settings import as_plain
from flan_jax.tokenizers.vocabulary import Vocabulary
from flan_jax.training import checkpoints
from flan_jax.training.moved_base import moved, write_moved
from flan_jax.training.program import execution_of, platform_of
from flan_jax.training.settings import ComputeDtype, ParamDtype
from flan_jax.training.weights import BASE_WEIGHTS, CheckpointContent, content_of
from flan_jax.tuning.lora import Lora

POLICY = 'policy'
"""Folder in MODEL_DIR of the language model that PPO trained."""


def load(
    folder: epath.PathLike,
    *,
    vocabulary: str | None = None,
    parallelism: Parallelism = Parallelism(),
    dtype: ComputeDtype = 'auto',
    param_dtype: str = 'float32',
    prompt_format: PromptFormat | None = None,
) -> LoadedModel:
    """Opens a model.

    Args:
      folder: one step of a run, a run (its newest complete checkpoint is used), a converted model, a Hugging Face
        folder, or a PEFT folder with a LoRA adapter, which names its base model.
      vocabulary: path of the vocabulary; None for the one that the run or the conversion names.
      parallelism: how devices share weights and work.
      dtype: dtype of activations; 'auto' is float32 on CPU and bfloat16 elsewhere.
      param_dtype: dtype of the weights.
      prompt_format: the text before, between and after the parts of a prompt. None for the format that the checkpoint
        was trained with, else the chat template in its folder, else FLAN's format for our checkpoints and no text
        (plain) for Hugging Face folders.

    Raises:
      CheckpointError: if there is no checkpoint, or the base model of an adapter is missing.
      ConversionError: if a Hugging Face folder cannot be read.
      UserError: if the vocabulary is missing, or not the one that the model was trained with; for an unknown dtype.
    """
    for name, given, kind in (('dtype', dtype, ComputeDtype), ('param_dtype', param_dtype, ParamDtype)):
        if given not in get_args(kind):
            raise UserError(f'{name}={given!r}: must be one of {", ".join(get_args(kind))}')
    mesh = make_mesh(parallelism)
    model = _opened(epath.Path(folder), mesh, vocabulary, param_dtype)
    prompt_format = prompt_format or model.prompt_format
    return dataclasses.replace(model, prompt_format=prompt_format, execution=execution_of(dtype, platform_of(mesh)))


def _opened(folder: epath.Path, mesh: Mesh, vocabulary: str | None, param_dtype: str) -> LoadedModel:
    if peft.is_adapter(folder):
        return _with_adapter(folder, mesh, vocabulary, param_dtype)
    if is_hugging_face(folder):
        return _of_hugging_face(folder, mesh, vocabulary, param_dtype)
    return _of_checkpoint(folder, mesh, vocabulary, param_dtype)


def _with_adapter(folder: epath.Path, mesh: Mesh, vocabulary: str | None, param_dtype: str) -> LoadedModel:
    base, lora, trained = _base_and_adapter(folder, mesh, vocabulary, param_dtype)
    return dataclasses.replace(
        base,
        params=lora.combine(base.params, trained),
        prompt_format=chat_template_beside(folder) or base.prompt_format,
        metadata={**base.metadata, 'tuning': as_plain(lora)},
    )


def _base_and_adapter(
    folder: epath.Path, mesh: Mesh, vocabulary: str | None, param_dtype: str
) -> tuple[LoadedModel, Lora, Params]:
    """The base model that a PEFT adapter names; the adapter's settings and parameters."""
    named = peft.base_of_adapter(folder)
    base = _opened(epath.Path(named), mesh, vocabulary, param_dtype)
    if any(name.endswith(LORA_A) for name in base.params):
        raise ConversionError(
            f'{folder} stands beside {named}, which is an adapter itself; merge that into its base by `flan-jax '
            'adapter merge`'
        )
    lora, arrays = peft.read_adapter(folder, base.config)
    layout = placed(lora.shapes(base.config), mesh)
    return base, lora, {name: jax.device_put(arrays[name], like.sharding) for name, like in layout.items()}


def merge_peft(folder: epath.PathLike, destination: epath.PathLike) -> None:
    """Merges a PEFT adapter into the base model that it names, and writes the result as a checkpoint.

    Raises:
      ConversionError, CheckpointError, UserError: as `load`, or if the destination exists.
    """
    require_new(destination)
    base, lora, trained = _base_and_adapter(epath.Path(folder), make_mesh(Parallelism()), None, 'float32')
    without = ('base', BASE_WEIGHTS, SOURCE)
    metadata = {name: value for name, value in base.metadata.items() if name not in without}
    metadata['vocabulary_path'] = str(base.vocabulary.path)
    merge = jax.jit(lora.merge, donate_argnums=0)
    checkpoints.save_params(destination, merge(base.params, trained), metadata)


def _of_checkpoint(folder: epath.PathLike, mesh: Mesh, vocabulary: str | None, param_dtype: str) -> LoadedModel:
    content = content_of(checkpoint_in(folder))
    pieces = vocabulary_of(content, vocabulary)
    return LoadedModel(
        config=content.config,
        params=jax.block_until_ready(content.combined(mesh, param_dtype)),
        vocabulary=pieces,
        prompt_format=prompt_format_of(content) or Flan(),
        placement=Placement(mesh),
        metadata=content.metadata,
        prompts=content.tuning.prompt_names,
    )


def _of_hugging_face(folder: epath.Path, mesh: Mesh, vocabulary: str | None, param_dtype: str) -> LoadedModel:
    opened = HuggingFaceModel(folder)
    pieces = Vocabulary(vocabulary or str(folder))
    if len(pieces) > opened.config.vocab_size:
        raise UserError(f'{pieces.path} has {len(pieces)} tokens, the model {opened.config.vocab_size}')
    layout = parameter_layout(opened.config, mesh, param_dtype) | placed(opened.head, mesh)
    return LoadedModel(
        config=opened.config,
        params=jax.block_until_ready(opened.params(layout)),
        vocabulary=pieces,
        prompt_format=chat_template_beside(folder) or Plain(),
        placement=Placement(mesh),
        metadata={'model': as_plain(opened.config), 'vocabulary': pieces.fingerprint},
    )


def vocabulary_and_format(folder: epath.PathLike) -> tuple[Vocabulary, PromptFormat]:
    """The vocabulary and prompt format that `load` would use, without loading weights; raises like `load`."""
    if peft.is_adapter(folder):
        vocabulary, prompt_format = vocabulary_and_format(peft.base_of_adapter(folder))
        return vocabulary, chat_template_beside(folder) or prompt_format
    if is_hugging_face(folder):
        return Vocabulary(str(folder)), chat_template_beside(folder) or Plain()
    content = content_of(checkpoint_in(folder))
    return vocabulary_of(content), prompt_format_of(content) or Flan()


def is_hugging_face(folder: epath.PathLike) -> bool:
    """Whether a folder holds a Hugging Face model, rather than a run, a checkpoint or a conversion."""
    return (epath.Path(folder) / CONFIG_FILE).exists()


def checkpoint_in(folder: epath.PathLike) -> epath.Path:
    """The checkpoint in a folder: that of a conversion, the policy of a PPO run, the newest complete checkpoint of
    another run, or the folder itself.
    """
    folder = epath.Path(folder)
    for name in (CHECKPOINT, POLICY):
        if (folder / name).is_dir():
            return folder / name
    return checkpoints.latest_folder(folder) or folder


def rebase(content: CheckpointContent, base: epath.PathLike) -> epath.Path:
    """Notes the new location of a checkpoint's base model, for all commands; returns the base's checkpoint.

    Weights are compared by their digests; checkpoints of versions without digests, by decoder and vocabulary.

    Raises:
      CheckpointError: if there is no checkpoint, or it is of another decoder or vocabulary, or has other weights.
      UserError: if the checkpoint holds all weights.
    """
    if not content.tuning.freezes_base:
        raise UserError(f'{content.folder} holds all weights, and needs no base model')
    found = content_of(absolute(checkpoint_in(base)))
    if found.tuning.freezes_base or found.config != content.config:
        raise checkpoints.CheckpointError(f'{base} is no base model of {content.folder}: it is another decoder')
    if found.metadata.get('vocabulary') != content.metadata.get('vocabulary'):
        raise checkpoints.CheckpointError(
            f'{base} is no base model of {content.folder}: its vocabulary is {found.metadata.get("vocabulary")}, not '
            f'{content.metadata.get("vocabulary")}'
        )
    content.require_base(found.folder)
    write_moved(content.folder, content.metadata['base'], found.folder)
    return found.folder


def vocabulary_of(content: CheckpointContent, path: str | None = None) -> Vocabulary:
    """The vocabulary that a checkpoint was trained with: at `path`, next to a conversion, or where its run found it.

    Raises:
      UserError: if it cannot be found, or has another fingerprint.
    """
    vocabulary = Vocabulary(path or _path_of_vocabulary(content))
    expected = content.metadata.get('vocabulary')
    if vocabulary.fingerprint != expected:
        raise UserError(
            f'{content.folder} was trained with vocabulary {expected}; {vocabulary.path} is {vocabulary.fingerprint}; '
            'name the right one by --vocabulary'
        )
    return vocabulary


def _path_of_vocabulary(content: CheckpointContent) -> str | None:
    """The path of the vocabulary; None for the bundled one."""
    base = moved(content.folder).get('now')
    for checkpoint in (content.folder, *([epath.Path(base)] if base else [])):
        beside = checkpoint.parent / COMPANIONS
        if beside.is_dir():
            return str(beside)
    if 'vocabulary_path' in content.metadata:
        path = content.metadata['vocabulary_path']
        return path and locate(path, content.folder)
    raise UserError(f'no vocabulary is known of {content.folder}; name one by --vocabulary')


def prompt_format_of(content: CheckpointContent) -> PromptFormat | None:
    """The prompt format that a checkpoint was trained with, or the chat template in its folder; None if neither."""
    recipe = content.metadata.get('prompt_format')
    return format_of(recipe) if recipe else chat_template_beside(content.folder.parent / COMPANIONS)
