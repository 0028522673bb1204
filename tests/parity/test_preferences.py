"""Losses of preferences, and their gradients, against TRL's trainers on the same weights.

Theirs computes each pair in two padded rows, ours all pairs as trees that share sequences.
"""

import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tokenizers

from flan_jax.convert.read import HuggingFaceModel
from flan_jax.distributed.mesh import Parallelism, make_mesh, parameter_layout
from flan_jax.model import decoder
from flan_jax.model.inputs import Inputs
from flan_jax.model.value_head import VALUE_HEAD, response_values
from flan_jax.objectives.dpo import Dpo
from flan_jax.objectives.dpo_hinge import DpoHinge
from flan_jax.objectives.dpo_norm import DpoNorm
from flan_jax.objectives.ipo import Ipo
from flan_jax.objectives.objective import Predictions
from flan_jax.objectives.reward import Reward
from flan_jax.packing.best_fit import pack
from flan_jax.packing.example import Example
from flan_jax.packing.layout import Shape, lay_out
from tests.parity.models import VOCAB_SIZE, make_pair, torch, transformers

datasets = pytest.importorskip('datasets', reason='TRL needs datasets; `make parity` installs it')
trl = pytest.importorskip('trl', reason='parity of preferences is with TRL; `make parity` installs it')

TOLERANCE = 1e-5
EOS_ID = 1
PAIRS = 7
VARIANTS = {
    'dpo': (Dpo(beta=0.1), {'loss_type': ['sigmoid'], 'beta': 0.1}, PAIRS),
    'smoothed': (Dpo(beta=0.3, label_smoothing=0.2), {'loss_type': ['aot'], 'beta': 0.3, 'label_smoothing': 0.2}, 1),
    'norm': (DpoNorm(beta=5.0), {'loss_type': ['sigmoid_norm'], 'beta': 5.0}, PAIRS),
    'hinge': (DpoHinge(beta=0.1), {'loss_type': ['hinge'], 'beta': 0.1}, PAIRS),
    'ipo': (Ipo(beta=0.5, per_token=True), {'loss_type': ['ipo'], 'beta': 0.5}, PAIRS),
}
"""Ours, theirs, and how many pairs at a time: of one pair, TRL's 'aot' is the smoothed sigmoid, which it lacks."""


@pytest.fixture(scope='module')
def pair(tmp_path_factory):
    return make_pair('llama', tmp_path_factory.mktemp('policy'))


@pytest.fixture(scope='module')
def reference(pair, tmp_path_factory):
    """Another model, near the first, as theirs and as our parameters."""
    theirs = copy.deepcopy(pair.theirs)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
    return theirs, as_ours(theirs, tmp_path_factory.mktemp('reference'))


def as_ours(theirs, folder):
    """Their parameters, or whatever stands in their place, by our names and in our layout."""
    theirs.save_pretrained(folder)
    model = HuggingFaceModel(folder)
    return model.params(parameter_layout(model.config, make_mesh(Parallelism())))


def gradient_of(theirs, folder):
    """Their gradient as our parameters are: it goes the way of weights."""
    gradients = copy.deepcopy(theirs)
    with torch.no_grad():
        for parameter, source in zip(gradients.parameters(), theirs.parameters()):
            parameter.copy_(torch.zeros_like(parameter) if source.grad is None else source.grad)
    return as_ours(gradients, folder)


def preferences(count=PAIRS):
    rng = np.random.default_rng(5)

    def draw(low, high):
        return rng.integers(3, VOCAB_SIZE, rng.integers(low, high))

    def response():
        return np.append(draw(1, 9), EOS_ID)

    return [Example(draw(2, 20), (response(), response()), annotations={'score': (1, 0)}) for _ in range(count)]


def tokenizer():
    """Words that name ids."""
    special = {'unk_token': '<unk>', 'eos_token': '</s>', 'pad_token': '<pad>'}
    names = [*special.values(), *(f't{index}' for index in range(len(special), VOCAB_SIZE))]
    words = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({name: index for index, name in enumerate(names)}, unk_token='<unk>')
    )
    words.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=words, **special)


def text(ids):
    return ''.join(f' t{index}' for index in ids if index != EOS_ID)


def loss_of(trainer, config, model, folder, settings, at_a_time=PAIRS, **models):
    """The mean loss of all preferences by a trainer of TRL, so many at a time."""
    columns = {
        'prompt': [text(example.prompt) for example in preferences()],
        'chosen': [text(example.responses[0]) for example in preferences()],
        'rejected': [text(example.responses[1]) for example in preferences()],
    }
    arguments = config(
        str(folder),
        use_cpu=True,
        bf16=False,
        report_to='none',
        gradient_checkpointing=False,
        max_length=None,
        **settings,
    )
    data = datasets.Dataset.from_dict(columns)
    made = trainer(model=model, args=arguments, train_dataset=data, processing_class=tokenizer(), **models)
    rows = [dict(row) for row in made.train_dataset]
    parts = [made.data_collator(rows[start : start + at_a_time]) for start in range(0, len(rows), at_a_time)]
    return sum(made.compute_loss(made.model, part) for part in parts) / len(parts)


def trees(examples, length=64):
    """The batch of examples that share sequences."""
    sequences = [sequence.examples() for sequence in pack(examples, length, length, 3)]
    responses = max(sum(len(example.responses) for example in examples) for examples in sequences)
    batch = lay_out(sequences, Shape(len(sequences), length, length, responses))
    batch['cluster_ids'] = np.zeros_like(batch.pop('tasks'))
    return {name: jnp.asarray(value) for name, value in batch.items()}


def assert_equal(pair, what, ours, theirs):
    for name in theirs:
        assert pair.note(what, ours[name], theirs[name]) < TOLERANCE * max(1, np.abs(theirs[name]).max()), name


@pytest.mark.parametrize('name', VARIANTS)
def test_dpo_and_its_gradient_are_those_of_trl(name, pair, reference, tmp_path):
    objective, settings, at_a_time = VARIANTS[name]
    their_reference, reference_params = reference
    model = copy.deepcopy(pair.theirs)
    theirs = loss_of(
        trl.DPOTrainer, trl.DPOConfig, model, tmp_path, settings, at_a_time, ref_model=copy.deepcopy(their_reference)
    )
    theirs.backward()

    batch = trees(preferences())
    log_probs = jax.jit(decoder.label_log_probs, static_argnums=0)(pair.config, reference_params, batch)
    sums = np.zeros(batch['score'].shape, np.float32)
    for row, (ids, values) in enumerate(zip(batch['response_ids'], log_probs * batch['weights'])):
        np.add.at(sums[row], np.asarray(ids), np.asarray(values))
    batch['reference'] = jnp.asarray(sums)

    @jax.jit
    @jax.value_and_grad
    def loss(params):
        predictions = Predictions(decoder.label_log_probs(pair.config, params, batch))
        return objective(predictions, batch, ('all',))[0] / objective.denominator(batch)

    ours, gradient = loss(pair.params)
    assert abs(theirs.item() - np.log(2)) > 1e-3
    assert pair.note(f'{name} loss', ours, theirs.item()) < TOLERANCE * max(1, theirs.item())
    assert_equal(pair, f'{name} grad', gradient, gradient_of(model, tmp_path / 'gradient'))


@pytest.mark.parametrize('centring', [0.0, 0.01])
def test_the_reward_loss_and_its_gradient_are_those_of_trl(centring, pair, tmp_path):
    config = copy.deepcopy(pair.theirs.config)
    config.num_labels, config.pad_token_id = 1, 2
    model = transformers.LlamaForSequenceClassification(config)
    model.model.load_state_dict(pair.theirs.model.state_dict())
    settings = {'center_rewards_coefficient': centring or None}
    theirs = loss_of(trl.RewardTrainer, trl.RewardConfig, model, tmp_path, settings)
    theirs.backward()

    batch, objective = trees(preferences()), Reward(centring=centring)
    params = pair.params | {VALUE_HEAD: jnp.asarray(model.score.weight.detach().numpy().T)}

    @jax.jit
    @jax.value_and_grad
    def loss(params):
        hidden = decoder.hidden_states(pair.config, params, Inputs.of(batch))
        values = response_values(params, hidden, batch['response_ends'])
        predictions = Predictions(jnp.zeros_like(batch['weights']), values)
        return objective(predictions, batch, ('all',))[0] / objective.denominator(batch)

    ours, gradient = loss(params)
    assert pair.note('reward loss', ours, theirs.item()) < TOLERANCE
    assert pair.note('head grad', gradient[VALUE_HEAD], model.score.weight.grad.numpy().T) < TOLERANCE * 10
    language_model = copy.deepcopy(pair.theirs)
    language_model.model.load_state_dict(model.model.state_dict())
    for parameter, source in zip(language_model.model.parameters(), model.model.parameters()):
        parameter.grad = source.grad
    assert_equal(pair, 'reward grad', gradient, gradient_of(language_model, tmp_path / 'gradient'))
