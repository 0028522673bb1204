"""A model learns from rewards of its own answers, does not go far, and goes on bit for bit."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest

from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.evaluation.samples import Question
from flan_jax.inference.loaded import LoadedModel
from flan_jax.model.config import DecoderConfig, Rotary
from flan_jax.model.decoder import initialise
from flan_jax.model.value_head import VALUE_HEAD
from flan_jax.objectives.ppo import Ppo
from flan_jax.rollouts import rollout as records
from flan_jax.rollouts.learn import Asked, learn, round_questions, steps_per_round
from flan_jax.settings import SettingsError
from flan_jax.training import metrics_log
from flan_jax.training.initial import fresh_head
from flan_jax.training.optimizers.adamw import AdamW
from flan_jax.training.program import execution_of, training_program
from flan_jax.training.settings import Training
from flan_jax.training.train import Checkpointing
from flan_jax.tuning.full import Full
from tests.rollouts.letters import Letters

CONFIG = DecoderConfig(
    vocab_size=8, num_layers=1, d_model=16, num_heads=2, head_dim=8, d_ff=32, position=Rotary(), embedding_scale=4.0
)
PPO = Ppo(prompts=8, answers=4, max_new_tokens=8, epochs=2, kl_reward=0.05)
TRAINING = Training(
    steps=48, batch_size=4, learning_rate=0.003, optimizer=AdamW(), checkpoint_every=4, log_every=1, seed=3
)
QUESTIONS = [Question(letter) for letter in 'abcdef']


def few_letters(answered, examples):
    """Fewer letters are better, as fewer words are: one for an empty answer, none for the longest."""
    return [[1 - len(answer) / 8 for answer in found.answers] for found in answered]


def run(model_dir, ppo=PPO, training=TRAINING, reward=few_letters):
    mesh = make_mesh(Parallelism())
    params = initialise(CONFIG, jax.random.key(0))
    reference = LoadedModel(CONFIG, params, Letters(), execution=execution_of('float32', 'cpu'))
    program = training_program(CONFIG, ppo, Full(), training, mesh, ('rollouts',))

    def base(layout):
        head = fresh_head(CONFIG, training.seed, {VALUE_HEAD: layout[VALUE_HEAD]})
        return jax.tree.map(jax.numpy.array, params) | head

    asked = Asked(reference, QUESTIONS, reward, length=64, batch_tokens=1024)
    return learn(program, training, asked, Checkpointing(str(model_dir), base, encode=list, metadata={}))


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """A run to its end: its folder, and what it trained."""
    folder = tmp_path_factory.mktemp('whole')
    return folder, run(folder)


def test_the_reward_rises_and_the_model_stays_near(whole):
    lines = metrics_log.read(whole[0])
    rewards, far = ([line[name] for line in lines] for name in ('reward', 'kl_of_answers'))
    assert rewards[0] < 0.7 and np.mean(rewards[-2:]) > 0.95
    assert abs(far[0]) < 1e-4 and 0 < far[-1] < 2
    assert lines[0]['step'] == 4 and lines[-1]['step'] == 48


def test_a_stronger_penalty_keeps_the_model_nearer(whole, tmp_path):
    run(tmp_path, dataclasses.replace(PPO, kl_reward=10.0))
    last = [metrics_log.read(folder)[-4:] for folder in (whole[0], tmp_path)]
    free, held = (np.mean([line['kl_of_answers'] for line in lines]) for lines in last)
    assert held < 0.3 * free and np.mean([line['reward'] for line in last[1]]) < 0.8


def test_a_run_that_stopped_resumes_bit_for_bit(whole, tmp_path):
    """It was killed while a round was learned from: its answers are there, and the checkpoint before it."""
    folder, expected = whole
    first = dataclasses.replace(TRAINING, steps=16)
    run(tmp_path, training=first)
    shutil.copy(folder / records.FOLDER / 'round_00004.jsonl', tmp_path / records.FOLDER)
    before = (tmp_path / records.FOLDER / 'round_00004.jsonl').stat().st_mtime_ns
    found = run(tmp_path)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert (tmp_path / records.FOLDER / 'round_00004.jsonl').stat().st_mtime_ns == before
    names = sorted(path.name for path in (folder / records.FOLDER).iterdir())
    assert len(names) == 12
    for name in names:
        assert (tmp_path / records.FOLDER / name).read_text() == (folder / records.FOLDER / name).read_text()


def test_records_are_what_was_drawn(whole):
    rollouts = records.read(whole[0], 2)
    assert len(rollouts) == 8 and all(len(rollout.rewards) == 4 for rollout in rollouts)
    for rollout in rollouts:
        assert rollout.rewards == tuple(few_letters([rollout.answered], [rollout.example])[0])
        for answer, tokens in zip(rollout.answered.answers, rollout.example.responses):
            ended = tokens[-1] == Letters.eos_id
            assert len(answer) == len(tokens) - ended and (ended or len(tokens) == 8)
    assert records.read(whole[0], 99) is None
    json.loads((whole[0] / records.FOLDER / 'round_00002.jsonl').read_text().splitlines()[0])


def test_every_question_comes_before_any_comes_again():
    asked = [question.prompt for number in range(3) for question in round_questions(QUESTIONS, number, 4, seed=1)]
    assert sorted(asked[:6]) == sorted(asked[6:]) == list('abcdef') and asked[:6] != asked[6:]


def test_rounds_that_are_no_whole_batches_are_refused():
    with pytest.raises(SettingsError, match='Ppo.prompts=8 must be a multiple of BATCH_SIZE=3'):
        steps_per_round(PPO, dataclasses.replace(TRAINING, batch_size=3))
    with pytest.raises(SettingsError, match='TRAIN_STEPS=50 must be a multiple of the 4 updates'):
        steps_per_round(PPO, dataclasses.replace(TRAINING, steps=50))
