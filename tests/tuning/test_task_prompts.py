"""Prompts of many tasks that are learned packed are those that would be learned alone."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flan_jax.distributed.batches import device_batch
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.errors import UnknownName, UserError
from flan_jax.inference.scoring import Scorer
from flan_jax.model.decoder import PROMPT
from flan_jax.objectives.next_token import NextToken
from flan_jax.packing.best_fit import pack
from flan_jax.settings import SettingsError, as_plain
from flan_jax.training.program import training_program
from flan_jax.training.prompt_validation import PromptValidator
from flan_jax.training.settings import Training
from flan_jax.tuning.early_stopping import EarlyStopping
from flan_jax.tuning.independent import after_validation
from flan_jax.tuning.prompt import Prompt
from flan_jax.tuning.task_prompts import PROMPTS, TaskPrompts
from flan_jax.tuning.tuning import tuning_from_plain
from tests import toy
from tests.toy import batch_of, loaded, random_examples, random_params
from tests.tuning.test_prompt import CONFIGS, loss_and_gradient

TASKS = ('a', 'b', 'c')
LENGTHS = (5, 3, 5)
"""Unequal ones, and two equal ones, which alone share what is compiled."""

TUNING = TaskPrompts(tasks=TASKS, lengths=LENGTHS)
MESH = make_mesh(Parallelism())


def packed_batch(sequences, tuning=TUNING, length=160, first=0):
    """The batch that a step of the tuning reads; the examples are of tasks 0, 1 and 2."""
    batch = {name: np.asarray(value) for name, value in batch_of(sequences, length).items()}
    return tuning.columns(batch | {'sequence_ids': first + np.arange(len(sequences))}, TASKS)


def random_prompts(config, tuning=TUNING):
    keys = jax.random.split(jax.random.key(5), len(tuning.tasks))
    shapes = tuning.shapes(config)
    return {name: jax.random.normal(key, shape.shape) for key, (name, shape) in zip(keys, shapes.items())}


@pytest.mark.parametrize(('name', 'responses'), [('relative', 1), ('learned', 3), ('gemma', 3)])
def test_packed_loss_and_gradient_equal_those_of_each_task_behind_its_own_prompt(name, responses):
    config = CONFIGS[name]
    params, prompts = random_params(config, 0.3), random_prompts(config)
    examples = random_examples(12, responses=responses)
    packed = packed_batch([examples[:3], examples[3:6], examples[6:9], examples[9:]])

    found, gradient = loss_and_gradient(config, TUNING, params, prompts, packed)
    total = 0.0
    for task, (name, prompt) in enumerate(prompts.items()):
        own = batch_of([[example] for example in examples if example.task == task])
        alone, wanted = loss_and_gradient(config, Prompt(length=LENGTHS[task]), params, {PROMPT: prompt}, own)
        total += alone
        assert abs(wanted[PROMPT]).max() > 1e-3
        np.testing.assert_allclose(gradient[name], wanted[PROMPT], atol=1e-5 * abs(wanted[PROMPT]).max(), err_msg=name)
    np.testing.assert_allclose(found, total, rtol=1e-5)


# What training moves.


def steps_of(count=6):
    """Examples of each step; the second has none of task 1."""
    rng, examples = np.random.default_rng(0), random_examples(count * 15)
    steps = [[examples[index] for index in step] for step in np.array_split(rng.permutation(len(examples)), count)]
    return [steps[0], [example for example in steps[1] if example.task != 1], *steps[2:]]


def sequences_of(examples, length=160, size=4):
    """The examples packed into `size` sequences."""
    sequences = [packed.examples() for packed in pack(examples, length, length, 8)]
    assert len(sequences) <= size
    return sequences + [[dataclasses.replace(examples[0], weights=zeros(examples[0]))]] * (size - len(sequences))


def zeros(example):
    return tuple(np.zeros(len(response), np.float32) for response in example.responses)


TRAINING = Training(batch_size=4, learning_rate=0.05, weight_decay=1e-2, warmup_steps=3)


def tune(config, tuning, batches, training=TRAINING, initial=None):
    base = random_params(config)
    program = training_program(config, NextToken(), tuning, training, MESH, ('x', 'y'))
    state = program.start(initial or tuning.init(config, jax.random.key(0), base, list))
    for batch in batches:
        batch = {name: np.asarray(value) for name, value in batch.items()}
        state, _ = program.step(state, base, device_batch(batch, np.arange(4), MESH, 4))
    return state, base


def test_prompts_learned_packed_are_those_learned_alone():
    """After six steps of clipped, decaying, warming up Adafactor in two microbatches, of which a task missed one."""
    config, steps = CONFIGS['rotary'], steps_of()
    initial = {name: 0.5 * value for name, value in random_prompts(config).items()}
    training = dataclasses.replace(TRAINING, microbatches=2)
    batches = [packed_batch(sequences_of(step)) for step in steps]
    together, base = tune(config, TUNING, batches, training, {name: value + 0 for name, value in initial.items()})
    for task, (name, begun) in enumerate(initial.items()):
        own = [found for step in steps if (found := [example for example in step if example.task == task])]
        batches = [batch_of(sequences_of(step), 160) for step in own]
        alone, _ = tune(config, Prompt(length=LENGTHS[task]), batches, TRAINING, {PROMPT: begun + 0})
        assert abs(alone.params[PROMPT] - begun).max() > 0.1
        np.testing.assert_allclose(together.params[name], alone.params[PROMPT], atol=1e-5, err_msg=name)
    for name, value in random_params(config).items():
        np.testing.assert_array_equal(base[name], value, err_msg=name)
    assert set(together.params) == set(initial), 'nothing else is trained'


def test_every_prompt_begins_by_its_own_seed_and_the_first_as_it_would_alone():
    config, base = CONFIGS['relative'], random_params(CONFIGS['relative'])
    twice = TaskPrompts(tasks=('a', 'a'), lengths=(6,), initialisation='random')
    rows = twice.init(config, jax.random.key(3), base, list)
    assert list(rows) == ['prompts/a', 'prompts/a@2']
    alone = Prompt(length=6, initialisation='random').init(config, jax.random.key(3), base, list)[PROMPT]
    np.testing.assert_array_equal(rows['prompts/a'], alone)
    assert abs(rows['prompts/a'] - rows['prompts/a@2']).min(axis=1).max() > 1e-3
    ids = {'yes': [3], 'no': [4, 9]}
    labelled = dataclasses.replace(twice, labels=(('yes',), ('no', 'yes'))).init(
        config, jax.random.key(3), base, ids.get
    )
    table = config.embedding_scale * base['embedding']
    np.testing.assert_allclose(labelled['prompts/a'][0], table[3], atol=1e-6)
    np.testing.assert_allclose(labelled['prompts/a@2'][:2], [table[jnp.array([4, 9])].mean(0), table[3]], atol=1e-6)


# Which text reads which prompt.


def test_prompts_of_one_task_take_turns_at_sequences():
    tuning = TaskPrompts(tasks=('b', 'a', 'b', 'c', 'b'), lengths=(2,))
    examples = random_examples(12)
    batch = packed_batch([examples[:3], examples[3:6], examples[6:9], examples[9:]], tuning, first=5)
    for row, of_sequence in enumerate((examples[:3], examples[3:6], examples[6:9], examples[9:])):
        expected = [(1, (0, 2, 4)[(5 + row) % 3], 3)[example.task] for example in of_sequence]
        used = sum(map(len, of_sequence))
        np.testing.assert_array_equal(
            batch['prompt_ids'][row, :used], np.repeat(expected, [len(example) for example in of_sequence])
        )
    assert tuning.prompt_names == ('b', 'a', 'b@2', 'c', 'b@3')


def test_a_task_without_a_prompt_is_refused():
    with pytest.raises(UnknownName, match="unknown task of TaskPrompts.tasks 'c'"):
        packed_batch([random_examples(3)], TaskPrompts(tasks=('a', 'b')))


def test_a_model_is_asked_with_the_prompt_of_one_task():
    config, params, prompts = (
        CONFIGS['learned'],
        random_params(CONFIGS['learned'], 0.3),
        random_prompts(CONFIGS['learned']),
    )
    whole = dataclasses.replace(loaded(config, TUNING.combine(params, prompts)), prompts=TASKS)
    examples = random_examples(6, responses=3)
    scores = []
    for task, name in enumerate(prompts):
        alone = loaded(config, Prompt(length=LENGTHS[task]).combine(params, {PROMPT: prompts[name]}))
        assert whole.of_task(TASKS[task]).max_length == alone.max_length
        found, expected = (
            Scorer(model, batch_tokens=512).score(examples) for model in (whole.of_task(TASKS[task]), alone)
        )
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(np.concatenate(ours), np.concatenate(theirs))
        scores.append(np.concatenate([np.concatenate(of_example) for of_example in found]))
    assert abs(scores[0] - scores[1]).max() > 1e-2
    with pytest.raises(UnknownName, match="unknown soft prompt 'd'"):
        whole.of_task('d')
    with pytest.raises(UserError, match='one soft prompt per task .a, b, c.'):  # as a judge it has none to choose
        Scorer(whole, batch_tokens=512).score(examples)


# Early stopping.


def test_what_is_no_better_for_long_enough_stops_at_its_best():
    program = training_program(CONFIGS['rotary'], NextToken(), TUNING, TRAINING, MESH, ('x', 'y'))
    state = program.start(random_prompts(CONFIGS['rotary']))
    params, optimizer = state.params, state.optimizer
    stopped_after = []
    for losses in [(3.0, 3.0, np.nan), (2.0, 3.1, np.nan), (2.5, 3.2, np.nan), (1.0, 1.0, np.nan)]:
        params = {name: value + 1 for name, value in params.items()}
        given = {name: jnp.float32(loss) for name, loss in zip(params, losses)}
        params, optimizer = after_validation(params, optimizer, given, patience=2)
        stopped_after.append([bool(optimizer[name].stopped) for name in params])
    assert stopped_after == [[False] * 3, [False] * 3, [False, True, False], [False, True, False]]
    begun = random_prompts(CONFIGS['rotary'])
    for name, moved in zip(begun, (4, 1, 4)):
        np.testing.assert_allclose(params[name], begun[name] + moved, atol=1e-5, err_msg=name)


def test_a_stopped_prompt_stays_and_the_others_learn_on_as_without_it():
    config = CONFIGS['rotary']
    tuning = dataclasses.replace(TUNING, stopping=EarlyStopping(every=1, patience=1))
    program = training_program(config, NextToken(), tuning, TRAINING, MESH, ('x', 'y'))
    batches = [device_batch(packed_batch(sequences_of(step)), np.arange(4), MESH, 4) for step in steps_of()]
    runs = {}
    for stopped in ((), ('prompts/b',)):
        base, state = random_params(config), program.start(random_prompts(config))
        state, _ = program.step(state, base, batches[0])
        after_one = np.asarray(state.params['prompts/b'])
        for name in stopped:
            state.optimizer[name] = state.optimizer[name]._replace(stopped=jnp.array(True))
        for batch in batches[1:]:
            state, _ = program.step(state, base, batch)
        runs[stopped] = state.params
    np.testing.assert_array_equal(runs[('prompts/b',)]['prompts/b'], after_one)
    assert abs(runs[()]['prompts/b'] - after_one).max() > 0.05
    for name in ('prompts/a', 'prompts/c'):
        np.testing.assert_array_equal(runs[()][name], runs[('prompts/b',)][name])


def test_validation_gives_every_prompt_the_loss_of_its_own_texts():
    """A prompt of a task that has two reads all of its examples, though each reads half of the stream."""
    config = CONFIGS['rotary']
    tuning = TaskPrompts(tasks=('a', 'b', 'c', 'a'), lengths=(5, 3, 8, 2), stopping=EarlyStopping(every=2, patience=1))
    program = training_program(config, NextToken(), tuning, TRAINING, MESH, ('x', 'y'))
    base, prompts = random_params(config, 0.3), random_prompts(config, tuning)
    examples = random_examples(20)
    batch = {name: np.asarray(value) for name, value in batch_of(sequences_of(examples), 160).items()}
    validation = PromptValidator(program, [batch | {'sequence_ids': np.arange(4)}], TASKS)
    state = program.start({name: value + 0 for name, value in prompts.items()})
    state, losses = validation(state, base)
    for name, task in zip(tuning.prompt_names, (0, 1, 2, 0)):
        own = batch_of([[example] for example in examples if example.task == task])
        prompt = prompts[PROMPTS + name]
        log_probs = toy.log_probs(config, Prompt(length=len(prompt)).combine(base, {PROMPT: prompt}), own)
        expected = -(log_probs * own['weights']).sum() / own['weights'].sum()
        np.testing.assert_allclose(losses[f'validation_loss/{name}'], expected, rtol=1e-5)
    assert not validation.all_stopped and [validation.is_due(done) for done in (1, 2, 3)] == [False, True, False]
    state, _ = validation(state, base)
    assert validation.all_stopped, 'no loss is lower than itself'


# Settings.


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'tasks': ()}, 'TaskPrompts.tasks=.*not empty'),
        ({'lengths': (1, 2)}, 'TaskPrompts.lengths has 2 values for the 3 of TaskPrompts.tasks'),
        ({'labels': (('yes',),)}, 'TaskPrompts.labels has 1 values'),
        ({'lengths': (1,), 'labels': (('yes', 'no'), (), ())}, 'Prompt.length=1 rows'),
        ({'stopping': 3}, 'TaskPrompts.stopping=3: must be'),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        TaskPrompts(**({'tasks': TASKS} | settings))


def test_a_checkpoint_says_all_of_the_tuning():
    tuning = dataclasses.replace(TUNING, labels=(('yes', 'no'), (), ('x',)), stopping=EarlyStopping(patience=3))
    assert tuning_from_plain(as_plain(tuning)) == tuning


def test_prompts_are_merged_into_nothing():
    with pytest.raises(UserError, match='a soft prompt cannot be merged'):
        TUNING.merge(random_params(CONFIGS['rotary']), {})
