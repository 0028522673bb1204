"""A reward model is tuned from a language model, whatever tunes it, and learns what is preferred."""

import jax
import numpy as np
import optax
import pytest

from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.inference.rewards import RewardModel
from flan_jax.model.config import DecoderConfig, Rotary
from flan_jax.model.decoder import Execution, initialise
from flan_jax.model.value_head import VALUE_HEAD, init_value_head
from flan_jax.objectives.next_token import NextToken
from flan_jax.objectives.reward import Reward
from flan_jax.objectives.slic import Slic
from flan_jax.packing import stream as streams
from flan_jax.packing.best_fit import pack
from flan_jax.packing.example import Example
from flan_jax.packing.stream import PackedStream, StreamManifest
from flan_jax.settings import as_plain
from flan_jax.training import checkpoints, metrics_log
from flan_jax.training.checkpoints import CheckpointError
from flan_jax.training.initial import base_weights
from flan_jax.training.optimizers.adamw import AdamW
from flan_jax.training.program import training_program
from flan_jax.training.schedules.constant import Constant
from flan_jax.training.settings import Training
from flan_jax.training.step import Learning, fresh_state, train_step
from flan_jax.training.train import Checkpointing, train
from flan_jax.training.weights import content_of
from flan_jax.tuning.full import Full
from flan_jax.tuning.lora import Lora
from tests.objectives.test_next_token import CLUSTERS
from tests.objectives.test_preferences import ranked, rows
from tests.toy import CONFIGS, batch_of, loaded, random_params

LENGTH, STEPS, BATCH, VOCABULARY = 64, 100, 8, 31
MODEL = DecoderConfig(
    vocab_size=VOCABULARY, num_layers=1, d_model=16, num_heads=2, head_dim=8, d_ff=32, position=Rotary()
)


def preferences(count, seed):
    """Of two or three answers that one is better which has more small ids."""
    rng = np.random.default_rng(seed)
    examples = []
    for _ in range(count):
        scores = rng.choice(4, rng.integers(2, 4), replace=False)
        drawn = [
            rng.permutation(np.append(rng.integers(2, 16, n), rng.integers(16, VOCABULARY, 3 - n))) for n in scores
        ]
        answers = tuple(np.append(ids, 1) for ids in drawn)
        examples.append(
            Example(rng.integers(2, VOCABULARY, 4), answers, annotations={'score': tuple(map(float, scores))})
        )
    return examples


def more_of_one_word(count, seed):
    """Of two to four answers, which are one word again and again, that one is better which has it more often."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        lengths = rng.choice(np.arange(1, 8), rng.integers(2, 5), replace=False)
        answers = tuple(np.append(np.full(length, 7), 1) for length in lengths)
        prompt = rng.integers(2, VOCABULARY, 4)
        yield Example(prompt, answers, annotations={'score': tuple(map(float, lengths))})


def written(folder, examples):
    """A stream of as many sequences as a run reads."""
    packed = list(pack(examples, LENGTH, LENGTH, 8))[: STEPS * BATCH]
    assert len(packed) == STEPS * BATCH
    manifest = StreamManifest(
        recipe={}, tasks=['smaller'], clusters=['a'], cluster_of_task=[0], sequences=len(packed),
        sequence_length=LENGTH, max_targets=LENGTH, examples=[4000], density=1.0, target_share=1.0, epochs={},
        chains=False, responses_per_sequence=max(len(sequence.response_lengths) for sequence in packed),
    )  # fmt: skip
    streams.write(folder, packed, lambda: manifest)
    return PackedStream(folder)


@pytest.fixture(scope='module')
def stream(tmp_path_factory):
    return written(tmp_path_factory.mktemp('stream') / 'smaller', preferences(4000, 0))


@pytest.fixture(scope='module')
def language_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp('base') / 'checkpoint'
    fresh = jax.jit(initialise, static_argnums=0)(MODEL, jax.random.key(0))
    checkpoints.save_params(folder, fresh, {'model': as_plain(MODEL)})
    return folder


REWARD = Reward()


def tune(model_dir, stream, tuning, base, objective=REWARD, last=STEPS):
    training = Training(
        steps=STEPS, batch_size=BATCH, optimizer=AdamW(), learning_rate=0.02, schedule=Constant(), log_every=1
    )
    program = training_program(MODEL, objective, tuning, training, make_mesh(Parallelism()), stream.manifest.clusters)
    metadata = {'model': as_plain(MODEL), 'tuning': as_plain(tuning), 'base': str(base)}
    train(program, training, stream, Checkpointing(str(model_dir), base_weights(MODEL, base, 0), list, metadata), last)
    return content_of(checkpoints.latest_folder(model_dir))


@pytest.mark.parametrize(
    'tuning', [Full(), Lora(rank=8, targets=('attention/query', 'attention/value', 'feed_forward/down'))]
)
def test_it_learns_what_is_preferred_and_resumes(tuning, stream, language_model, tmp_path):
    tune(tmp_path / 'run', stream, tuning, language_model, last=7)
    content = tune(tmp_path / 'run', stream, tuning, language_model)
    accuracy = [line['accuracy'] for line in metrics_log.read(tmp_path / 'run')]
    assert len(accuracy) == STEPS
    assert np.mean(accuracy[:3]) < 0.8 < 0.9 < np.mean(accuracy[-8:])
    assert content.has_value_head

    unseen = preferences(100, 1)
    rated = [
        RewardModel(loaded(MODEL, params), 1024).rewards(unseen)
        for params in (content.combined(make_mesh(Parallelism())), content.merged(make_mesh(Parallelism())))
    ]
    right = [
        rewards[better] > rewards[worse]
        for example, rewards in zip(unseen, rated[0])
        for better, good in enumerate(example.annotations['score'])
        for worse, bad in enumerate(example.annotations['score'])
        if good > bad
    ]
    assert np.mean(right) > 0.9
    np.testing.assert_allclose(*map(np.concatenate, rated), rtol=1e-3, atol=1e-4)


def test_slic_ranks_answers_of_one_length(stream, language_model, tmp_path):
    """Sums of log-probabilities rank by length before anything is learned; here it cannot."""
    tune(tmp_path / 'slic', stream, Full(), language_model, Slic())
    accuracy = [line['accuracy'] for line in metrics_log.read(tmp_path / 'slic')]
    assert 0.3 < np.mean(accuracy[:3]) < 0.7 < 0.9 < np.mean(accuracy[-8:])


def test_slic_ranks_longer_answers_higher_where_words_can_be_foreseen(language_model, tmp_path):
    """Against the sums, which rank them lower at first; random words keep what they cost, see docs/preferences.md."""
    stream = written(tmp_path / 'stream', more_of_one_word(5000, 0))
    tune(tmp_path / 'slic', stream, Full(), language_model, Slic())
    accuracy = [line['accuracy'] for line in metrics_log.read(tmp_path / 'slic')]
    assert np.mean(accuracy[:3]) < 0.5 < 0.85 < np.mean(accuracy[-8:])


def test_a_reward_model_resumes_with_its_head_and_is_no_language_model(stream, language_model, tmp_path):
    tune(tmp_path / 'first', stream, Full(), language_model, last=2)
    folder = checkpoints.latest_folder(tmp_path / 'first')
    head = checkpoints.parameter_metadata(folder)[VALUE_HEAD]
    assert head.shape == (MODEL.d_model, 1)
    mesh = make_mesh(Parallelism())
    begun = content_of(folder).combined(mesh)
    program = training_program(MODEL, Reward(), Full(), Training(batch_size=BATCH), mesh, ('a',))
    again = base_weights(MODEL, folder, 5)(program.layout.params)
    np.testing.assert_array_equal(again[VALUE_HEAD], begun[VALUE_HEAD])
    with pytest.raises(CheckpointError, match='is a reward model'):
        tune(tmp_path / 'second', stream, Full(), folder, NextToken())
    with pytest.raises(CheckpointError, match='is a reward model'):
        tune(tmp_path / 'third', stream, Lora(), folder)


def test_a_fresh_head_is_as_small_as_published():
    keys = jax.random.split(jax.random.key(0), 200)
    drawn = jax.vmap(lambda key: init_value_head(MODEL, key)[VALUE_HEAD])(keys)
    np.testing.assert_allclose(np.std(drawn), (MODEL.d_model + 1) ** -0.5, rtol=0.05)


def test_no_vocabulary_is_multiplied_where_rewards_alone_are_learned():
    """A step of `Reward` costs the same however many tokens are predicted."""

    def flops(objective, predicted):
        config = CONFIGS['rotary']
        batch = batch_of(rows(ranked()), predicted=predicted)
        learning = Learning(config, objective, Full(), optax.sgd(1.0), Execution())
        params = random_params(config) | {VALUE_HEAD: jax.numpy.ones((config.d_model, 1))}
        if not objective.needs_values:
            del params[VALUE_HEAD]
        state = fresh_state(params, learning.optimizer)
        step = jax.jit(lambda *args: train_step(learning, CLUSTERS, *args))
        return step.lower(state, {}, batch).compile().cost_analysis()['flops']

    assert flops(Reward(), 256) == pytest.approx(flops(Reward(), 64), rel=0.02)
    assert flops(NextToken(), 256) > 1.3 * flops(NextToken(), 64)
