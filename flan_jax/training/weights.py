"""The weights that a checkpoint means, whatever was tuned: what is trained, and the base model it is trained beside."""

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
"""What a checkpoint calls the digest of the weights that it was trained beside, or from."""


@dataclasses.dataclass(frozen=True)
class CheckpointContent:
    """What a checkpoint says of its weights; none is loaded yet.

    Attributes:
      folder: of the checkpoint.
      config: the decoder.
      tuning: which parameters it holds, with the settings they were trained with.
      has_value_head: whether it holds a scalar head besides, as reward models do.
      metadata: everything that it says of itself.
    """

    folder: epath.Path
    config: DecoderConfig
    tuning: Tuning
    metadata: Mapping[str, Any]
    has_value_head: bool = False

    def combined(self, mesh: Mesh, dtype: str = 'float32') -> Params:
        """What the decoder reads, laid out over a mesh; adapters stay float32 beside a base in `dtype`."""
        if not self.tuning.freezes_base:
            return checkpoints.load_params(
                self.folder, parameter_layout(self.config, mesh, dtype) | placed(self.head, mesh)
            )
        return self.tuning.combine(self._frozen(mesh, dtype), self.trained(mesh))

    def merged(self, mesh: Mesh, dtype: str = 'float32') -> Params:
        """Weights of a plain decoder that computes the same, in `dtype`, merged in float32 where there is a base.

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
        """Shape and dtype of the scalar head, where there is one."""
        return value_head_shapes(self.config) if self.has_value_head else {}

    @property
    def base(self) -> str | None:
        """Where the weights that this was trained beside, or from, are now; None for fresh ones."""
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
        """Raises CheckpointError if it is known that a base model has other weights than this was trained beside."""
        if self.metadata.get(BASE_WEIGHTS) not in (None, checkpoints.weights_digest(folder)):
            raise CheckpointError(
                f'{self.folder} was not trained beside the weights that are in {folder} now; put back those that it '
                'was, or say where they are by `flan-jax adapter rebase RUN --base=FOLDER`'
            )


def content_of(folder: epath.PathLike) -> CheckpointContent:
    """What a checkpoint holds.

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
    """Raises CheckpointError where a run goes on beside other weights than its newest checkpoint says it began with.

    A checkpoint that says nothing of them, or is damaged, is passed over: whoever restores names what is damaged.
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
