"""Options of a kind of device reach its compiler with the training step."""

import jax
import pytest

from flan_jax.distributed import compiler_options
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.objectives.next_token import NextToken
from flan_jax.packing.best_fit import pack
from flan_jax.training.program import training_program
from flan_jax.training.settings import Training
from flan_jax.tuning.full import Full
from tests.toy import CONFIGS, LENGTH, batch_of, random_examples


def test_the_step_is_compiled_with_the_options_of_its_devices(monkeypatch):
    monkeypatch.setitem(compiler_options.OPTIONS, jax.devices()[0].device_kind, {'xla_no_such_option': '1'})
    mesh = make_mesh(Parallelism(), jax.devices()[:1])
    training = Training(batch_size=2, learning_rate=0.123)  # a step that no other test has compiled
    program = training_program(CONFIGS['rotary'], NextToken(), Full(), training, mesh, ['words'])
    batch = batch_of([sequence.examples() for sequence in list(pack(random_examples(), LENGTH, LENGTH, 1))[:2]])
    lowered = program.step.lower(program.layout, program.frozen, batch)
    with pytest.raises(jax.errors.JaxRuntimeError, match='xla_no_such_option'):
        lowered.compile()
