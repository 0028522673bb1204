"""The weights of a tuned model: those in its checkpoint, combined with those of its base model if they are frozen."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
from etils import epath
from jax.sharding import Mesh

from flan_jax.distributed.mesh import parameter_layout, placed
from flan_jax.files import locate
from flan_jax.model.config import DecoderConfig, decoder_from_plain
from flan_jax.model.decoder import Layout, Params, parameter_shapes
from flan_jax.model.value_head import VALUE_HEAD, value_head_shapes
from flan_jax.settings import SettingsError
from flan_jax.training import checkpoints
from flan_jax.training.checkpoints import CheckpointError
from flan_jax.training.moved_base import moved
from flan_jax.tuning.tuning import Tuning, tuning_from_plain

BASE_WEIGHTS = 'base_weights'
"""Key in a checkpoint's metadata: digest of the weights of its base model."""


@dataclasses.dataclass(frozen=True)
class CheckpointContent:
    """Description of a checkpoint's weights, before they are loaded.

    Attributes:
      folder: folder of the checkpoint.
      config: the decoder.
      tuning: how it was tuned, and thereby which parameters it holds.
      has_value_head: whether it also holds a value head, as reward models do.
      metadata: all of its metadata.
    """

    folder: epath.Path
    config: DecoderConfig
    tuning: Tuning
    metadata: Mapping[str, Any]
    has_value_head: bool = False

    def combined(self, mesh: Mesh, dtype: str = 'float32') -> Params:
        """All parameters that the decoder reads, on a mesh; adapters stay float32, the base model is in `dtype`."""
        if not self.tuning.freezes_base:
            return checkpoints.load_params(
                self.folder, parameter_layout(self.config, mesh, dtype) | placed(self.head, mesh)
            )
        return self.tuning.combine(self._frozen(mesh, dtype), self.trained(mesh))

    def merged(self, mesh: Mesh, dtype: str = 'float32') -> Params:
        """Weights of an equivalent decoder without adapter, in `dtype`; the adapter is merged in float32.

        Raises:
          UserError: if there is no such decoder, before anything is loaded.
        """
        if not self.tuning.freezes_base:
            return self.combined(mesh, dtype)
        jax.eval_shape(self.tuning.merge, parameter_shapes(self.config), self.tuning.shapes(self.config))
        merge = jax.jit(lambda frozen, trained: _cast(self.tuning.merge(frozen, trained), dtype), donate_argnums=0)
        trained = self.trained(mesh)
        head = {name: trained.pop(name) for name in value_head_shapes(self.config) if name in trained}
        return merge(self._frozen(mesh, 'float32'), trained) | head

    def trained(self, mesh: Mesh) -> Params:
        """The parameters that the checkpoint itself holds, float32."""
        return checkpoints.load_params(
            self.folder, placed(self.tuning.shapes(self.config), mesh) | placed(self.head, mesh)
        )

    @property
    def head(self) -> Layout:
        """Shape and dtype of the value head; empty if there is none."""
        return value_head_shapes(self.config) if self.has_value_head else {}

    @property
    def base(self) -> str | None:
        """The current folder of the base model's weights; None if training started from random weights."""
        named = self.metadata.get('base')
        return moved(self.folder).get('now') or (named and locate(named, self.folder))

    def _frozen(self, mesh: Mesh, dtype: str) -> Params:
        base = self.base
        holds = f'{self.folder} holds only what {type(self.tuning).__name__} trained beside the base model {base!r}'
        if base is None or not epath.Path(base).exists():
            raise CheckpointError(
                f'{holds}, which is not there; put it back, or say where it is now by '
                '`flan-jax adapter rebase RUN --base=FOLDER`'
            )
        self.require_base(base)
        return checkpoints.load_params(base, parameter_layout(self.config, mesh, dtype))

    def require_base(self, folder: epath.PathLike) -> None:
        """Raises CheckpointError if a base model is known to have other weights than those of training."""
        if self.metadata.get(BASE_WEIGHTS) not in (None, checkpoints.weights_digest(folder)):
            raise CheckpointError(
                f'{self.folder} was not trained beside the weights that are in {folder} now; put back those that it '
                'was, or say where they are by `flan-jax adapter rebase RUN --base=FOLDER`'
            )


def content_of(folder: epath.PathLike) -> CheckpointContent:
    """The description of a checkpoint's weights.

    Args:
      folder: one step of a run, or the checkpoint of a conversion or of a merged adapter.

    Raises:
      CheckpointError: if there is no checkpoint, or it does not say what it holds.
    """
    metadata = checkpoints.metadata(folder)
    if 'model' not in metadata:
        raise CheckpointError(f'{folder} does not say which decoder its weights are for; train or convert writes that')
    try:
        decoder = decoder_from_plain(metadata['model'])
        tuning = tuning_from_plain(metadata.get('tuning') or {'type': 'Full'})
    except SettingsError as error:
        raise CheckpointError(
            f'{folder} says something of its weights that this version does not know: {error}'
        ) from error
    has_head = VALUE_HEAD in checkpoints.parameter_metadata(folder)
    return CheckpointContent(epath.Path(folder), decoder, tuning, metadata, has_head)


def require_base_as_before(model_dir: epath.PathLike, base: epath.PathLike) -> None:
    """Raises CheckpointError if a run would resume with another base model than that of its newest checkpoint.

    Checkpoints that are damaged are skipped: `Checkpoints.restore` reports them.
    """
    for folder in reversed(checkpoints.folders(model_dir)):
        try:
            before = checkpoints.metadata(folder).get(BASE_WEIGHTS)
        except CheckpointError:
            continue
        if before not in (None, checkpoints.weights_digest(base)):
            raise CheckpointError(
                f'{folder} was not trained beside the weights that INITIAL_CHECKPOINT_PATH={base} holds now; put back '
                'those that it was, or choose another MODEL_DIR'
            )
        return


def _cast(params: Params, dtype: str) -> Params:
    return {name: value.astype(dtype) for name, value in params.items()}
