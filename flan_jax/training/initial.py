"""The initial state of training: the weights of a checkpoint, or random ones."""

import functools
from collections.abc import Callable

import jax
from etils import epath

from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Layout, Params
from flan_jax.model.programs import shared_jit
from flan_jax.model.value_head import VALUE_HEAD, init_value_head
from flan_jax.training import checkpoints
from flan_jax.training.program import TrainingProgram
from flan_jax.training.step import TrainState
from flan_jax.tuning.tuning import Encode

BaseWeights = Callable[[Layout], Params]
"""Makes the weights that training starts from, in a layout."""


def base_weights(config: DecoderConfig, checkpoint: epath.PathLike | None, seed: int) -> BaseWeights:
    """The weights of a checkpoint folder, or random ones if it is None.

    If the layout asks for a value head, it is the checkpoint's if that has one, and otherwise random.
    """

    def load(layout: Layout) -> Params:
        layout = dict(layout)
        of_head = {VALUE_HEAD: layout.pop(VALUE_HEAD)} if VALUE_HEAD in layout else {}
        if checkpoint is None:
            weights = initialised(functools.partial(decoder.initialise, config), seed, layout)
        elif VALUE_HEAD in checkpoints.parameter_metadata(checkpoint):
            return checkpoints.load_params(checkpoint, layout | of_head)
        else:
            weights = checkpoints.load_params(checkpoint, layout)
        return weights | fresh_head(config, seed, of_head)

    return load


def fresh_head(config: DecoderConfig, seed: int, layout: Layout) -> Params:
    """A random value head in a layout; empty if the layout is empty."""
    return initialised(functools.partial(_head, config), seed, layout) if layout else {}


def _head(config: DecoderConfig, key: jax.Array) -> Params:
    return init_value_head(config, jax.random.fold_in(key, 1))


def initial_state(program: TrainingProgram, base: BaseWeights, frozen: Params, encode: Encode, seed: int) -> TrainState:
    """The state before the first update: the base weights themselves, or an adapter or prompt to be trained.

    Args:
      program: the training program.
      base: makes the weights that training starts from.
      frozen: the weights that are not trained; empty if all are.
      encode: text to token ids by the run's vocabulary.
      seed: seed of random parameters.
    """
    layout = program.trained
    learning = program.learning
    if not learning.tuning.freezes_base:
        return program.start(base(layout))

    def fresh(key: jax.Array, frozen: Params) -> Params:
        return learning.tuning.init(learning.config, key, frozen, encode)

    of_tuning = dict(layout)
    of_head = {VALUE_HEAD: of_tuning.pop(VALUE_HEAD)} if VALUE_HEAD in layout else {}
    head = fresh_head(learning.config, seed, of_head)
    # Not `shared_jit`, which would keep the vocabulary alive with the program.
    tuned = initialised(functools.partial(fresh), seed, of_tuning, frozen, jit=jax.jit)
    return program.start(tuned | head)


def initialised(
    initialise: functools.partial[Params], seed: int, layout: Layout, *others: Params, jit: Callable = shared_jit
) -> Params:
    """Calls `initialise(*settings, key, *others)` with the seed's key; returns its parameters in a layout."""
    dtypes = tuple((name, shape.dtype) for name, shape in layout.items())
    make = functools.partial(_make, initialise.func, initialise.args, dtypes)
    made = jit(make, out_shardings=tuple(shape.sharding for shape in layout.values()))
    return dict(zip(layout, made(jax.random.key(seed), *others)))


def _make(initialise: Callable[..., Params], settings: tuple, dtypes: tuple, *args) -> tuple[jax.Array, ...]:
    values = initialise(*settings, *args)
    return tuple(values[name].astype(dtype) for name, dtype in dtypes)
