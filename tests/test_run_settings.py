"""A run's parts fit each other, or are refused with what to do."""

import dataclasses

import numpy as np
import pytest

from flan_jax.command.train import tell_of_longer_examples
from flan_jax.data.mixing.equal import EqualMixing
from flan_jax.data.settings import Data
from flan_jax.evaluation.settings import Evaluation
from flan_jax.model.config import Rotary, lamda
from flan_jax.objectives.dpo import Dpo
from flan_jax.objectives.ppo import Ppo
from flan_jax.objectives.reward import Reward
from flan_jax.objectives.slic import Slic
from flan_jax.packing.settings import Stream
from flan_jax.run import Run
from flan_jax.settings import SettingsError
from flan_jax.training.settings import Training

MODEL = lamda(num_layers=2, d_model=32, vocab_size=64, head_dim=16)


def run(objective, **parts):
    return Run(
        model_dir='run', data=Data(tfds_data_dir='data'), stream=Stream(), model=MODEL, objective=objective, **parts
    )


def test_an_objective_that_compares_with_a_reference_starts_from_a_model():
    with pytest.raises(SettingsError, match='@Dpo.* set Run.initial_checkpoint'):
        run(Dpo())
    assert run(Dpo(), initial_checkpoint='tuned').objective == Dpo()
    assert run(Slic()).initial_checkpoint is None


@pytest.mark.parametrize('objective', [Dpo(), Ppo()])
def test_a_model_with_parts_left_out_is_not_compared_with_a_whole_one(objective):
    dropping = Training(residual_dropout=0.2)
    with pytest.raises(SettingsError, match='residual_dropout=0.2 .* set it to 0.0'):
        run(objective, initial_checkpoint='tuned', training=dropping)
    assert run(Reward(), training=dropping).training == dropping


def test_a_reward_model_is_not_evaluated_by_its_answers():
    with pytest.raises(SettingsError, match=r"@Reward.* unset .* Evaluation.targets=\('rte',\)"):
        run(Reward(), evaluation=Evaluation(targets=('rte',)))
    assert run(Reward()).objective.needs_values


def test_epochs_are_not_mixed():
    """They would read every example as often, whatever the mixing."""
    parts = {'data': Data(tfds_data_dir='data', mixing=EqualMixing()), 'model_dir': 'run', 'model': MODEL}
    with pytest.raises(SettingsError, match='@EqualMixing.* would have no effect'):
        Run(stream=Stream(epochs=2), training=Training(steps=None), **parts)
    assert Run(stream=Stream(), **parts).data.mixing == EqualMixing()


def test_what_learns_from_rewards_is_evaluated_afterwards():
    with pytest.raises(SettingsError, match='@Ppo.* MODEL_DIR/policy'):
        run(Ppo(), evaluation=Evaluation(targets=('rte',)))


@pytest.mark.parametrize(('steps', 'count'), [(58, 15), (10, 3), (7, 7)])
def test_so_many_checkpoints_are_equally_far_apart_and_end_with_the_last_step(steps, count):
    training = Training(steps=steps, checkpoints=count)
    due = [done for done in range(1, steps + 1) if training.checkpoint_due(done - 1, done)]
    gaps = np.diff([0, *due])
    assert len(due) == count and due[-1] == steps and gaps.max() - gaps.min() <= 1
    rounds = [done for done in range(2, steps + 1, 2) if training.checkpoint_due(done - 2, done)]
    assert len(rounds) == min(count, steps // 2)


def test_a_run_says_that_its_examples_may_be_longer_than_the_model_was_trained_on(capsys):
    """What shares a row does not count, and longer examples are learned: contexts are extended so."""
    stream = Stream(input_length=40, target_length=24, sequence_length=512)
    for trained, said in ((64, 0), (63, 1)):
        model = dataclasses.replace(MODEL, position=Rotary(trained_length=trained))
        parts = {'model_dir': 'run', 'data': Data(tfds_data_dir='data'), 'stream': stream}
        tell_of_longer_examples(Run(model=model, **parts))
        assert capsys.readouterr().err.count('set --gin.Rotary.trained_length=64') == said
