"""A tiny decoder learns a small synthetic preference: answers in fewer words."""

import dataclasses

import numpy as np

from flan_jax.inference.scoring import Scorer
from flan_jax.objectives.dpo import Dpo
from flan_jax.packing.columns import read_column, write_column
from flan_jax.training import checkpoints, metrics_log
from flan_jax.training.program import training_program
from flan_jax.training.reference import reference_of, with_reference
from flan_jax.training.settings import Training
from flan_jax.training.train import Checkpointing, train
from flan_jax.tuning.full import Full
from tests.toy import loaded, random_params
from tests.training.test_reference import CONFIG, MESH, base, preferences, write

STEPS = 60
TRAINING = Training(batch_size=4, steps=STEPS, learning_rate=0.02, log_every=1, checkpoint_every=20, remat='none')


def accuracy(params, examples):
    """The share of pairs whose better response gains more over the reference."""
    tuned, reference = (Scorer(loaded(CONFIG, of), 512).score(examples) for of in (params, random_params(CONFIG)))
    right = []
    for example, ours, theirs in zip(examples, tuned, reference):
        gains = [one.sum() - other.sum() for one, other in zip(ours, theirs)]
        scores = example.annotations['score']
        right += [gains[i] > gains[j] for i in range(len(gains)) for j in range(len(gains)) if scores[i] > scores[j]]
    return np.mean(right)


def test_dpo_learns_to_prefer_fewer_words_and_resumes_bit_for_bit(tmp_path):
    """On prompts and answers that it has never seen."""
    program = training_program(CONFIG, Dpo(beta=0.5), Full(), TRAINING, MESH, ['words'])
    stream = write(tmp_path / 'stream', 4 * STEPS)
    stream = with_reference(stream, reference_of(program, base), 4)

    def run(folder, *stops):
        checkpointing = Checkpointing(str(folder), base, None, {})
        for last in stops:
            train(program, TRAINING, stream, checkpointing, last)
        found = checkpoints.load_params(checkpoints.latest_folder(folder), program.layout.params)
        return {name: np.asarray(value) for name, value in found.items()}

    params = run(tmp_path / 'whole', STEPS)
    unseen = list(preferences(60, seed=1))
    assert accuracy(random_params(CONFIG), unseen) == 0 and accuracy(params, unseen) > 0.9
    stopped = run(tmp_path / 'stopped', 13, STEPS)
    for name, value in params.items():
        np.testing.assert_array_equal(stopped[name], value)


def test_a_step_of_nothing_but_ties_is_no_end(tmp_path):
    """It moves nothing, and its line of the log has no mean of pairs; the steps around it have."""
    training = dataclasses.replace(TRAINING, steps=3, checkpoint_every=3)
    program = training_program(CONFIG, Dpo(), Full(), training, MESH, ['words'])
    stream = write(tmp_path / 'stream', 12)
    scores = np.concatenate([stream.batch(step, 4)['score'] for step in range(3)])
    scores[4:8] = 1.0
    write_column(stream, 'score', 'ties', scores)
    stream = with_reference(stream, reference_of(program, base), 4)
    stream = stream.with_columns({'score': read_column(stream, 'score', 'ties')})
    train(program, training, stream, Checkpointing(str(tmp_path / 'run'), base, None, {}), 3)
    first, tied, last = metrics_log.read(tmp_path / 'run')
    assert 'loss' in first and 'accuracy' in last and tied['gradient_norm'] == 0
    assert not {'loss', 'accuracy'} & set(tied)
