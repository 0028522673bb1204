"""Equal programs are traced once in a process, whoever asks for them, and keep nothing but their settings."""

import dataclasses
import functools
import gc
import weakref

import jax
import numpy as np
import pytest

from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.inference.generation import Generator
from flan_jax.inference.processors.processor import LogitsProcessor
from flan_jax.inference.processors.temperature import Temperature
from flan_jax.inference.sampling import Sampling
from flan_jax.inference.streaming import Streamer
from flan_jax.model.programs import shared_jit
from flan_jax.objectives.next_token import NextToken
from flan_jax.settings import SettingsError
from flan_jax.training.program import training_program
from flan_jax.training.settings import Training
from flan_jax.tuning.full import Full
from tests.toy import CONFIGS, loaded, random_params

CONFIG = CONFIGS['rotary']


def test_equal_settings_and_options_are_traced_once():
    traced = []

    def scaled(factor, x, *, shift):
        traced.append((factor, shift))
        return factor * x + shift

    for factor, shift in ((2.0, 1.0), (2.0, 1.0), (3.0, 1.0), (2.0, 5.0)):
        program = shared_jit(functools.partial(scaled, factor, shift=shift))
        assert program(10.0) == factor * 10 + shift
    assert traced == [(2.0, 1.0), (3.0, 1.0), (2.0, 5.0)]
    shared_jit(functools.partial(scaled, 2.0, shift=1.0), donate_argnums=0)(jax.numpy.ones(1))
    assert len(traced) == 4, 'an option makes another program'


def test_settings_without_a_hash_are_not_shared():
    def added(array, x):
        return array + x

    first, second = (shared_jit(functools.partial(added, np.full(2, value))) for value in (1.0, 2.0))
    assert first(1.0).tolist() == [2, 2] and second(1.0).tolist() == [3, 3]


@dataclasses.dataclass(frozen=True)
class Weighted(NextToken):
    """A user's objective, whose field has no hash."""

    weights: tuple[float, ...] = ()
    __hash__ = None


def test_objectives_without_a_hash_have_a_step_of_their_own():
    mesh, training = make_mesh(Parallelism()), Training(batch_size=2)
    programs = [training_program(CONFIG, Weighted(), Full(), training, mesh, ['a']) for _ in '12']
    assert programs[0].step is not programs[1].step


def test_what_distinguishes_settings_is_a_field():
    """Else different ones would be equal, and share what is compiled, packed and answered."""
    with pytest.raises(SettingsError, match='Only.__init__.*must be fields.*dataclass'):

        class Only(LogitsProcessor):
            def __init__(self, token):
                self.token = token


def test_models_of_equal_settings_share_their_programs_and_other_settings_do_not():
    first, second = (Generator(loaded(CONFIG, random_params(CONFIG)), max_new_tokens=3, batch_tokens=64) for _ in '12')
    hot = Sampling(processors=(Temperature(2.0),))
    other = Generator(loaded(CONFIG, random_params(CONFIG)), max_new_tokens=3, batch_tokens=64, decoding=hot)
    assert first._decode is second._decode and first._decode is not other._decode


def test_runs_of_equal_settings_share_their_step_and_other_settings_do_not():
    mesh = make_mesh(Parallelism())
    steps = [
        training_program(CONFIG, NextToken(), Full(), Training(batch_size=2, learning_rate=rate), mesh, ['a']).step
        for rate in (0.1, 0.1, 0.2)
    ]
    assert steps[0] is steps[1] is not steps[2]


def test_a_program_keeps_no_weights():
    params = random_params(CONFIG)
    kept = weakref.ref(params['embedding'])
    model = loaded(CONFIG, params)
    prompt = [np.arange(1, 6)]
    Generator(model, max_new_tokens=3, batch_tokens=64).answer(prompt)
    streamer = Streamer(model, slots=3, batch_tokens=64, decoding=Sampling())
    for _, steps in streamer.stream(prompt, 3):
        list(steps)
    del params, model, streamer, steps
    gc.collect()
    assert kept() is None
