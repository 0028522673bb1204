"""A checkpoint opened for use: decoder, weights and vocabulary, all found from its folder."""

import dataclasses

import jax
from etils import epath

from flan_jax import manifest
from flan_jax.convert.base_model import CHECKPOINT, COMPANIONS, decoder_from_plain
from flan_jax.distributed.mesh import Parallelism, make_mesh, parameter_layout
from flan_jax.distributed.placement import Placement
from flan_jax.errors import UserError
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params
from flan_jax.tokenizers.vocabulary import Vocabulary
from flan_jax.training import checkpoints
from flan_jax.training.program import execution_of, platform_of
from flan_jax.training.settings import Training


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """What answering takes."""

    config: DecoderConfig
    params: Params
    vocabulary: Vocabulary
    execution: Execution
    placement: Placement


def load(folder: epath.PathLike, vocabulary: str | None = None) -> LoadedModel:
    """Opens a checkpoint.

    Args:
      folder: one step of a run, a run (its newest checkpoint is meant), or a converted model.
      vocabulary: path of the vocabulary; None for the one that the run or the conversion names.

    Raises:
      CheckpointError: if there is no checkpoint.
      UserError: if the vocabulary cannot be found, or is not the one the model was trained with.
    """
    checkpoint = _checkpoint_in(epath.Path(folder))
    metadata = checkpoints.metadata(checkpoint)
    if 'model' not in metadata:
        raise UserError(f'{checkpoint} does not say which model it belongs to; train or convert writes that')
    pieces = Vocabulary(vocabulary or _vocabulary_of(checkpoint))
    if pieces.fingerprint != metadata['vocabulary']:
        raise UserError(
            f'{checkpoint} was trained with vocabulary {metadata["vocabulary"]}; {pieces.path} is '
            f'{pieces.fingerprint}; name the right one by --vocabulary'
        )
    config = decoder_from_plain(metadata['model'])
    mesh = make_mesh(Parallelism())
    return LoadedModel(
        config=config,
        params=jax.block_until_ready(checkpoints.load_params(checkpoint, parameter_layout(config, mesh))),
        vocabulary=pieces,
        execution=execution_of(Training(), platform_of(mesh)),
        placement=Placement(mesh),
    )


def _checkpoint_in(folder: epath.Path) -> epath.Path:
    if (folder / CHECKPOINT).is_dir():
        return folder / CHECKPOINT
    return checkpoints.latest_folder(folder) or folder


def _vocabulary_of(checkpoint: epath.Path) -> str | None:
    """The path that the conversion or the run of a checkpoint names; None for the bundled vocabulary."""
    beside, run = checkpoint.parent / COMPANIONS, checkpoint.parent.parent
    if beside.is_dir():
        return str(beside)
    if (run / manifest.FILE).exists():
        return manifest.read(run)['run']['data']['vocabulary']
    raise UserError(f'no vocabulary is known of {checkpoint}; name one by --vocabulary')
