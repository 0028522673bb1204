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
from flan_jax.tuning.tuning import Encode

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


def initial_state(program: TrainingProgram, base: BaseWeights, frozen: Params, encode: Encode, seed: int) -> TrainState:
    """The state before the first update: the base weights themselves, or fresh parameters beside them by seed.

    Args:
      program: what trains.
      base: gives the weights that training starts from.
      frozen: those that are not trained, where there are any.
      encode: text to ids by the run's vocabulary.
      seed: of what is random.
    """
    layout = program.layout.params
    learning = program.learning
    if not learning.tuning.freezes_base:
        return program.start(base(layout))

    def fresh(key: jax.Array, frozen: Params) -> Params:
        return learning.tuning.init(learning.config, key, frozen, encode)

    return program.start(initialised(fresh, seed, layout, frozen))


def initialised(initialise: Callable[..., Params], seed: int, layout: Layout, *others: Params) -> Params:
    """What `initialise` makes of the seed's key and of other parameters, laid out as asked."""

    def make(*args) -> Params:
        return {name: value.astype(layout[name].dtype) for name, value in initialise(*args).items()}

    shardings = {name: shape.sharding for name, shape in layout.items()}
    return jax.jit(make, out_shardings=shardings)(jax.random.key(seed), *others)
