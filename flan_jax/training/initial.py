"""Where training starts: the weights of a checkpoint, or fresh ones by seed."""

from collections.abc import Callable, Mapping

import jax
from etils import epath

from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Params
from flan_jax.training import checkpoints
from flan_jax.training.program import TrainingProgram
from flan_jax.training.step import TrainState

Layout = Mapping[str, jax.ShapeDtypeStruct]
"""Shape, dtype and sharding of parameters by name."""

BaseWeights = Callable[[Layout], Params]
"""Gives the weights that training starts from, laid out as asked."""


def base_weights(config: DecoderConfig, checkpoint: epath.PathLike | None, seed: int) -> BaseWeights:
    """The weights of a checkpoint's folder, or fresh ones by seed where there is none."""

    def load(layout: Layout) -> Params:
        if checkpoint is not None:
            return checkpoints.load_params(checkpoint, dict(layout))
        return initialised(lambda key: decoder.initialise(config, key), seed, layout)

    return load


def initial_state(program: TrainingProgram, base: BaseWeights, seed: int) -> TrainState:
    """The state before the first update: the base weights themselves, or fresh parameters beside them by seed."""
    layout = program.layout.params
    learning = program.learning
    if not learning.tuning.freezes_base:
        return program.start(base(layout))
    return program.start(initialised(lambda key: learning.tuning.init(learning.config, key), seed, layout))


def initialised(initialise: Callable[[jax.Array], Params], seed: int, layout: Layout) -> Params:
    """What `initialise` makes of the seed's key, laid out as asked."""

    def make(key: jax.Array) -> Params:
        return {name: value.astype(layout[name].dtype) for name, value in initialise(key).items()}

    shardings = {name: shape.sharding for name, shape in layout.items()}
    return jax.jit(make, out_shardings=shardings)(jax.random.key(seed))
