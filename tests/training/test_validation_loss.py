"""The loss on validation examples: what training would say of the same rows, and nothing is learned from them."""

import jax
import numpy as np
import pytest

from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.objectives.dpo import Dpo
from flan_jax.objectives.next_token import NextToken
from flan_jax.packing.best_fit import pack
from flan_jax.packing.stream import lay_out_batch
from flan_jax.settings import SettingsError
from flan_jax.training import metrics_log
from flan_jax.training.initial import initial_state
from flan_jax.training.program import training_program
from flan_jax.training.settings import Training, ValidationLoss
from flan_jax.training.train import Checkpointing, train
from flan_jax.training.validation_loss import HeldOutLoss
from flan_jax.tuning.full import Full
from flan_jax.tuning.lora import Lora
from tests.test_run_settings import run
from tests.toy import CONFIGS, LENGTH, random_examples
from tests.training.test_reference import base, write

MESH = make_mesh(Parallelism())
TRAINING = Training(batch_size=4, steps=3, learning_rate=0.02, log_every=1, residual_dropout=0.2)


@pytest.fixture(scope='module')
def stream(tmp_path_factory):
    examples = [example for example in random_examples(200) if example.task == 0]
    return write(tmp_path_factory.mktemp('stream'), 12, examples=examples)


def held_out(program, stream, count=25):
    """What validates on other examples, and their batches, the last of which is not full."""
    examples = [example for example in random_examples(3 * count, seed=1) if example.task == 0]
    sequences = list(pack(examples, LENGTH, LENGTH, 4))
    parts = [sequences[start : start + 4] for start in range(0, len(sequences), 4)]
    batches = [lay_out_batch(stream.manifest, part, range(len(part)), 4) for part in parts]
    assert len(sequences) % 4 and len(batches) > 1
    return HeldOutLoss(program, batches, stream.manifest, every=2, last=3), batches


@pytest.mark.parametrize('tuning', [Full(), Lora(rank=2)])
def test_it_is_the_training_loss_of_the_same_rows(stream, tuning):
    program = training_program(CONFIGS['rotary'], NextToken(), tuning, Training(batch_size=4, steps=3), MESH, ['words'])
    validation, batches = held_out(program, stream)
    with jax.set_mesh(MESH):
        frozen = base(program.frozen) if program.frozen else {}
        state = initial_state(program, base, frozen, None, 0)
        same, losses = validation(state, frozen)
        steps = []
        for batch in batches:
            fresh = initial_state(program, base, frozen, None, 0)  # the step takes the state that it is given
            steps.append(program.step(fresh, frozen, program.learning.tuning.columns(batch, ['words']))[1].objective)
    total, count = (sum(float(metrics['loss'][place]) for metrics in steps) for place in (0, 1))
    assert same is state
    np.testing.assert_allclose([losses['validation_loss'], losses['validation_loss/words']], total / count, rtol=1e-6)


def test_a_run_that_validates_learns_the_same(stream, tmp_path):
    """Before the first step, every second and after the last."""
    program = training_program(CONFIGS['rotary'], NextToken(), Full(), TRAINING, MESH, ['words'])

    def lines(folder, validation=None):
        train(program, TRAINING, stream, Checkpointing(str(folder), base, None, {}), 3, validation)
        return metrics_log.read(folder)

    without, found = lines(tmp_path / 'without'), lines(tmp_path / 'with', held_out(program, stream)[0])
    validated = [line for line in found if 'validation_loss' in line]
    assert [line['step'] for line in validated] == [0, 2, 3]
    assert validated[-1]['validation_loss'] < validated[0]['validation_loss']
    learned = [[line['loss'] for line in lines if 'loss' in line] for lines in (without, found)]
    assert learned[0] == learned[1]


def test_rankings_are_validated_by_their_own_objective():
    with pytest.raises(SettingsError, match='@Dpo.* rates its test examples itself'):
        run(Dpo(), initial_checkpoint='tuned', validation_loss=ValidationLoss())
    assert run(NextToken(), validation_loss=ValidationLoss()).validation_loss == ValidationLoss()
