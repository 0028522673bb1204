"""A soft prompt is read before every text of a packed sequence as if the text stood alone; nothing else is trained."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flan_jax.distributed.batches import device_batch
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.errors import UserError
from flan_jax.inference.beam import Beams
from flan_jax.inference.generation import Generator
from flan_jax.inference.prefill import PromptError
from flan_jax.inference.sampling import Greedy
from flan_jax.inference.scoring import Scorer
from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig, Learned, RelativeBias, Rotary
from flan_jax.model.decoder import PROMPT
from flan_jax.model.inputs import Inputs
from flan_jax.objectives.next_token import NextToken
from flan_jax.packing.best_fit import pack
from flan_jax.packing.example import Example
from flan_jax.settings import SettingsError
from flan_jax.training.program import training_program
from flan_jax.training.settings import Training
from flan_jax.tuning.prompt import Prompt
from tests import toy
from tests.toy import LENGTH, SIZE, VOCABULARY, batch_of, loaded, random_examples, random_params

ROWS = 5
TUNING = Prompt(length=ROWS)
CONFIGS = {
    'relative': DecoderConfig(**SIZE, position=RelativeBias(num_buckets=8, max_distance=16), embedding_scale=4.0),
    'rotary': DecoderConfig(**SIZE, position=Rotary(), num_kv_heads=1),
    'learned': DecoderConfig(**SIZE, position=Learned(200, offset=2), norm='layer'),
    'gemma': DecoderConfig(
        **SIZE, position=Rotary(), block='sandwich', norm_offset=1.0, window=9, window_every=2, attention_softcap=2.0,
        logit_softcap=3.0, embedding_scale=4.0,
    ),
}  # fmt: skip
TOKENS = np.random.default_rng(7).integers(1, VOCABULARY, ROWS)
"""The tokens whose embeddings a prompt has."""

each_config = pytest.mark.parametrize('config', CONFIGS.values(), ids=CONFIGS)


def with_prompt(config, params):
    """The parameters with a prompt of the embeddings of `TOKENS`."""
    return TUNING.combine(params, {PROMPT: config.embedding_scale * params['embedding'][TOKENS]})


def logits(config, params, tokens):
    inputs = Inputs(tokens[None], np.arange(len(tokens))[None], np.ones((1, len(tokens)), int))
    return np.asarray(toy.logits(config, params, inputs))[0]


def behind(examples):
    """The examples with `TOKENS` before each prompt."""
    return [dataclasses.replace(example, prompt=np.concatenate([TOKENS, example.prompt])) for example in examples]


@functools.partial(jax.jit, static_argnums=(0, 1))
def loss_and_gradient(config, tuning, params, trained, batch):
    """The summed loss of a batch, and its gradient by what a tuning trains."""

    def loss(trained):
        return -(decoder.label_log_probs(config, tuning.combine(params, trained), batch) * batch['weights']).sum()

    return jax.value_and_grad(loss)(trained)


# What the decoder reads.


@each_config
def test_rows_that_are_embeddings_give_the_logits_of_their_tokens(config):
    params, text = random_params(config, 0.3), np.random.default_rng(1).integers(1, VOCABULARY, 40)
    explicit = logits(config, params, np.concatenate([TOKENS, text]))[ROWS:]
    np.testing.assert_allclose(logits(config, with_prompt(config, params), text), explicit, atol=2e-5)
    assert abs(explicit - logits(config, params, text)).max() > 0.1, 'the prompt changes nothing here'


@each_config
@pytest.mark.parametrize('responses', [1, 3], ids=['chains', 'trees'])
def test_packed_loss_and_gradient_equal_those_of_single_sequences(config, responses):
    params = random_params(config, 0.3)
    examples = random_examples(12, responses=responses)
    packed, alone = (
        batch_of(sequences, length=160, rows=len(examples))
        for sequences in ([examples[:3], examples[3:6], examples[6:9], examples[9:]], [[one] for one in examples])
    )

    prompt = {PROMPT: jax.random.normal(jax.random.key(5), (ROWS, config.d_model))}
    (found, gradient), (expected, wanted) = (
        loss_and_gradient(config, TUNING, params, prompt, batch) for batch in (packed, alone)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(gradient[PROMPT], wanted[PROMPT], atol=1e-5 * abs(wanted[PROMPT]).max())
    assert (abs(wanted[PROMPT]).max(axis=1) > 1e-3).all(), 'some row has no gradient'


@each_config
def test_no_text_reads_the_prompt_of_another_or_later_text(config):
    """Texts of a packed sequence behind a prompt against the same texts, each behind its tokens."""
    params, examples = random_params(config, 0.3), random_examples(4)
    packed = batch_of([examples], length=128)
    explicit = batch_of([[example] for example in behind(examples)])
    found = toy.log_probs(config, with_prompt(config, params), packed)
    expected = toy.log_probs(config, params, explicit)
    real = [
        np.asarray(values)[np.asarray(batch['weights']) > 0]
        for values, batch in ((found, packed), (expected, explicit))
    ]
    np.testing.assert_allclose(*real, atol=2e-5)


# What training moves.


def batches(count=6, size=4):
    sequences = [packed.examples() for packed in pack(random_examples(120), LENGTH, LENGTH, 1)]
    made = [batch_of(sequences[start : start + size]) for start in range(0, count * size, size)]
    return [{name: np.asarray(value) for name, value in batch.items()} for batch in made]


def tune(config, training, tuning=TUNING, steps=6):
    """Losses, final state, and the base before and after."""
    mesh, base = make_mesh(Parallelism()), random_params(config)
    program = training_program(config, NextToken(), tuning, training, mesh, ('a', 'b'))
    state, losses = program.start(tuning.init(config, jax.random.key(0), base, list)), []
    for batch in batches(1) * steps:
        state, metrics = program.step(state, base, device_batch(batch, np.arange(4), mesh, 4))
        losses.append(float(metrics.objective['loss'].total / metrics.objective['loss'].count))
    return losses, state, base


def test_only_the_prompt_moves():
    config = CONFIGS['relative']
    losses, state, base = tune(config, Training(batch_size=4, learning_rate=0.3))
    assert losses[-1] < losses[0] - 0.05
    for name, value in random_params(config).items():
        np.testing.assert_array_equal(base[name], value, err_msg=name)
    assert {name: value.shape for name, value in state.params.items()} == {PROMPT: (ROWS, config.d_model)}
    elements = sum(leaf.size for leaf in jax.tree.leaves(state.optimizer))
    assert elements < 2 * state.params[PROMPT].size, 'state of the prompt only'


@pytest.mark.parametrize(
    'changes', [{'microbatches': 2}, {'remat': 'full'}, {'remat': 'dots'}], ids=lambda c: '-'.join(map(str, c.values()))
)
def test_how_a_step_is_computed_changes_nothing(changes):
    plain = Training(batch_size=4, learning_rate=0.3, remat='none')
    losses, state, _ = tune(CONFIGS['rotary'], plain)
    found, other, _ = tune(CONFIGS['rotary'], dataclasses.replace(plain, **changes))
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    np.testing.assert_allclose(other.params[PROMPT], state.params[PROMPT], atol=1e-3)
    assert (
        abs(
            state.params[PROMPT]
            - TUNING.init(CONFIGS['rotary'], jax.random.key(0), random_params(CONFIGS['rotary']), list)[PROMPT]
        ).max()
        > 0.5
    )


def test_adafactor_keeps_a_second_moment_of_every_element():
    """A prompt of 128 rows and more would be factored; the paper's code leaves prompts whole."""
    config = dataclasses.replace(CONFIGS['rotary'], d_model=128)
    program = training_program(config, NextToken(), Prompt(length=130), Training(), make_mesh(Parallelism()), ('a',))
    assert (130, 128) in [leaf.shape for leaf in jax.tree.leaves(program.layout.optimizer)]


# What a prompt begins as.


@pytest.mark.parametrize(('initialisation', 'largest'), [('random', 0.5), ('vocabulary', None)])
def test_rows_begin_as_asked(initialisation, largest):
    config = CONFIGS['relative']
    base = random_params(config)
    tuning = Prompt(length=40, initialisation=initialisation)
    rows = np.asarray(tuning.init(config, jax.random.key(0), base, list)[PROMPT])
    if largest:
        assert rows.min() >= -largest and rows.max() <= largest and rows.std() == pytest.approx(1 / 12**0.5, rel=0.1)
    else:
        table = config.embedding_scale * np.asarray(base['embedding'])
        ids = abs(rows[:, None] - table).max(-1).argmin(1)
        np.testing.assert_allclose(rows, table[ids], atol=1e-6)
        assert len(set(ids)) == 40, 'drawn without replacement'


def test_rows_of_labels_are_the_means_of_their_tokens():
    config = CONFIGS['relative']
    base, ids = random_params(config), {'yes': [3], 'not at all': [4, 9, 11]}
    tuning = Prompt(length=4, labels=tuple(ids))
    rows = tuning.init(config, jax.random.key(0), base, ids.get)[PROMPT]
    table = config.embedding_scale * base['embedding']
    np.testing.assert_allclose(rows[:2], [table[3], table[jnp.array([4, 9, 11])].mean(0)], atol=1e-6)
    assert rows.shape == (4, config.d_model)
    only = dataclasses.replace(tuning, length=2).init(config, jax.random.key(0), base, ids.get)[PROMPT]
    np.testing.assert_allclose(only, rows[:2], atol=1e-6)
    with pytest.raises(UserError, match="Prompt.labels: 'yes' has no tokens"):
        tuning.init(config, jax.random.key(0), base, lambda text: [])


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'initialisation': 'labels'}, "Prompt.initialisation='labels': must be one of 'random', 'vocabulary'"),
        ({'labels': ('yes', 'no'), 'length': 1}, 'Prompt.length=1 rows'),
        ({'length': 0}, 'Prompt.length=0: must be'),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        Prompt(**settings)


# What uses a prompt.


@each_config
@pytest.mark.parametrize('shared', [0, 70], ids=['own', 'shared'])
def test_options_score_as_behind_the_tokens(config, shared):
    """Options are trees; a long common beginning of prompts is read once, after the soft prompt."""
    params, rng = random_params(config, 0.3), np.random.default_rng(2)
    common = rng.integers(1, VOCABULARY, shared)
    examples = [
        dataclasses.replace(example, prompt=np.concatenate([common, example.prompt]).astype(int))
        for example in random_examples(8, responses=4)
    ]
    found = Scorer(loaded(config, with_prompt(config, params)), batch_tokens=512).score(examples)
    expected = Scorer(loaded(config, params), batch_tokens=512).score(behind(examples))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.concatenate(ours), np.concatenate(theirs), atol=2e-5)


@each_config
@pytest.mark.parametrize('decoding', [Greedy(), Beams()], ids=str)
def test_answers_are_those_behind_the_tokens(config, decoding):
    params, rng = random_params(config, 0.5), np.random.default_rng(3)
    prompts = [rng.integers(2, VOCABULARY, length) for length in (1, 3, 64, 17, 80, 5)]

    def answers(params, prompts):
        generator = Generator(loaded(config, params, 1), max_new_tokens=12, batch_tokens=1000, decoding=decoding)
        return [answer.tolist() for answer in generator.answer(prompts)]

    def answers_behind(tokens):
        return answers(params, [np.concatenate([tokens, prompt]) for prompt in prompts])

    found = answers(with_prompt(config, params), prompts)
    assert found == answers_behind(TOKENS)
    assert found != answers_behind(TOKENS[::-1]), 'the prompt changes nothing here'


def test_the_rows_take_positions_from_texts_where_those_are_learned():
    config = dataclasses.replace(CONFIGS['learned'], position=Learned(64))
    model = loaded(config, with_prompt(config, random_params(config)))
    assert model.max_length == 64 - ROWS
    with pytest.raises(PromptError, match='it must have 1 to 47'):
        Generator(model, max_new_tokens=12, batch_tokens=400).answer([np.ones(48, int)])
    with pytest.raises(PromptError, match='may have 59'):
        Scorer(model, batch_tokens=512).score([Example(np.ones(59, int), (np.array([1, 2]),))])


def test_a_prompt_is_merged_into_nothing():
    with pytest.raises(UserError, match='a soft prompt cannot be merged'):
        TUNING.merge(random_params(CONFIGS['rotary']), {})
