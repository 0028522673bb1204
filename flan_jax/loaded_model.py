"""The one way to open weights: a checkpoint becomes a model ready for use, whatever was tuned."""

import jax
from etils import epath

from flan_jax.convert.base_model import CHECKPOINT, COMPANIONS
from flan_jax.data.formats import format_of
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.format import PromptFormat
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.distributed.placement import Placement
from flan_jax.errors import UserError
from flan_jax.inference.loaded import LoadedModel
from flan_jax.tokenizers.vocabulary import Vocabulary
from flan_jax.training import checkpoints
from flan_jax.training.program import execution_of, platform_of
from flan_jax.training.weights import CheckpointContent, content_of


def load(
    folder: epath.PathLike,
    *,
    vocabulary: str | None = None,
    parallelism: Parallelism = Parallelism(),
    dtype: str = 'auto',
    param_dtype: str = 'float32',
    prompt_format: PromptFormat | None = None,
) -> LoadedModel:
    """Opens a checkpoint.

    Args:
      folder: one step of a run, a run (its newest complete checkpoint is meant), or a converted model.
      vocabulary: path of the vocabulary; None for the one that the run or the conversion names.
      parallelism: how devices share weights and work.
      dtype: dtype of activations; 'auto' is float32 on CPU and bfloat16 elsewhere.
      param_dtype: dtype of the weights.
      prompt_format: what stands before, between and after the texts of a prompt; None for the one that the
        checkpoint was trained with, FLAN's where it does not say.

    Raises:
      CheckpointError: if there is no checkpoint, or the base model of an adapter is missing.
      UserError: if the vocabulary cannot be found, or is not the one the model was trained with.
    """
    content = content_of(checkpoint_in(folder))
    pieces = vocabulary_of(content, vocabulary)
    mesh = make_mesh(parallelism)
    return LoadedModel(
        config=content.config,
        params=jax.block_until_ready(content.combined(mesh, param_dtype)),
        vocabulary=pieces,
        prompt_format=prompt_format or _format_of(content),
        execution=execution_of(dtype, platform_of(mesh)),
        placement=Placement(mesh),
        metadata=content.metadata,
        prompts=content.tuning.prompt_names,
    )


def checkpoint_in(folder: epath.PathLike) -> epath.Path:
    """The checkpoint that a folder means: a conversion's, the newest complete one of a run, or the folder itself."""
    folder = epath.Path(folder)
    if (folder / CHECKPOINT).is_dir():
        return folder / CHECKPOINT
    return checkpoints.latest_folder(folder) or folder


def vocabulary_of(content: CheckpointContent, path: str | None = None) -> Vocabulary:
    """The vocabulary that a checkpoint was trained with: at a path, beside a conversion, or where its run found it.

    Raises:
      UserError: if it cannot be found, or is another one.
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
    """Where the vocabulary is; None for the bundled one."""
    beside = content.folder.parent / COMPANIONS
    if beside.is_dir():
        return str(beside)
    if 'vocabulary_path' in content.metadata:
        return content.metadata['vocabulary_path']
    raise UserError(f'no vocabulary is known of {content.folder}; name one by --vocabulary')


def _format_of(content: CheckpointContent) -> PromptFormat:
    recipe = content.metadata.get('prompt_format')
    return format_of(recipe) if recipe else Flan()
