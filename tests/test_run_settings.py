"""A run's parts fit each other, or are refused with what to do."""

import pytest

from flan_jax.data.settings import Data
from flan_jax.evaluation.settings import Evaluation
from flan_jax.model.config import lamda
from flan_jax.objectives.dpo import Dpo
from flan_jax.objectives.ppo import Ppo
from flan_jax.objectives.reward import Reward
from flan_jax.objectives.slic import Slic
from flan_jax.packing.settings import Stream
from flan_jax.run import Run
from flan_jax.settings import SettingsError

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


def test_what_learns_from_rewards_is_evaluated_afterwards():
    with pytest.raises(SettingsError, match='@Ppo.* MODEL_DIR/policy'):
        run(Ppo(), evaluation=Evaluation(targets=('rte',)))


def test_a_reward_model_is_not_evaluated_by_its_answers():
    with pytest.raises(SettingsError, match=r"@Reward.* Evaluation.targets=\('rte',\) empty"):
        run(Reward(), evaluation=Evaluation(targets=('rte',)))
    assert run(Reward()).objective.needs_values
