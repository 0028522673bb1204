"""An adapter is all that moves; merged it computes the same; PEFT's names and shapes are on disk."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from flan_jax.command import main
from flan_jax.data.settings import Data
from flan_jax.distributed.batches import device_batch
from flan_jax.distributed.mesh import Parallelism, make_mesh, parameter_layout
from flan_jax.errors import UnknownName
from flan_jax.model.config import DecoderConfig, Rotary
from flan_jax.model.inputs import Inputs
from flan_jax.objectives.next_token import NextToken
from flan_jax.packing.best_fit import pack
from flan_jax.packing.settings import Stream
from flan_jax.run import Run
from flan_jax.settings import SettingsError, as_plain
from flan_jax.training import checkpoints
from flan_jax.training.program import training_program
from flan_jax.training.settings import Training
from flan_jax.tuning.lora import Lora
from tests import toy
from tests.toy import LENGTH, batch_of, random_examples, random_params

CONFIG = DecoderConfig(
    vocab_size=61, num_layers=2, d_model=16, num_heads=4, num_kv_heads=2, head_dim=8, d_ff=32, position=Rotary()
)
LORA = Lora(rank=3, alpha=12.0, targets=('attention/query', 'attention/value', 'feed_forward/down'))


def random_adapter(seed=2):
    rng = np.random.default_rng(seed)
    shapes = LORA.shapes(CONFIG).items()
    return {name: jnp.asarray(0.2 * rng.normal(size=shape.shape), jnp.float32) for name, shape in shapes}


def logits(params):
    tokens = np.random.default_rng(3).integers(0, 61, (2, 20))
    inputs = Inputs(tokens, np.arange(20)[None].repeat(2, 0), np.ones((2, 20), int))
    return toy.logits(CONFIG, params, inputs)


def test_merged_equals_unmerged_and_differs_from_the_base():
    base, adapter = random_params(CONFIG), random_adapter()
    beside = logits(LORA.combine(base, adapter))
    np.testing.assert_allclose(logits(LORA.merge(base, adapter)), beside, atol=1e-5)
    assert abs(beside - logits(base)).max() > 0.01
    kernel = 'layers/attention/query/kernel'
    a, b = (np.asarray(adapter[f'layers/attention/query/lora_{x}'], np.float64) for x in 'ab')
    expected = np.asarray(base[kernel], np.float64) + 12.0 / 3 * np.matmul(a, b)
    np.testing.assert_allclose(LORA.merge(base, adapter)[kernel], expected, atol=1e-6)


def test_a_fresh_adapter_changes_nothing():
    base = random_params(CONFIG)
    fresh = LORA.init(CONFIG, jax.random.key(0), base, list)
    np.testing.assert_array_equal(logits(LORA.combine(base, fresh)), logits(base))
    assert all(abs(value).max() > 0 for name, value in fresh.items() if name.endswith('lora_a'))


def test_only_the_adapter_moves():
    training = Training(batch_size=4, learning_rate=0.1)
    mesh = make_mesh(Parallelism())
    program = training_program(CONFIG, NextToken(), LORA, training, mesh, ('a', 'b'))
    base, before = random_params(CONFIG), random_params(CONFIG)
    state = program.start(LORA.init(CONFIG, jax.random.key(0), base, list))
    sequences = [packed.examples() for packed in pack(random_examples(60), LENGTH, LENGTH, 1)][:4]
    batch = {name: np.asarray(value) for name, value in batch_of(sequences).items()}
    losses = []
    for _ in range(6):
        state, metrics = program.step(state, base, device_batch(batch, np.arange(4), mesh, 4))
        losses.append(float(metrics.objective['loss'].total / metrics.objective['loss'].count))
    assert losses[-1] < losses[0] - 0.1
    for name, value in before.items():
        np.testing.assert_array_equal(base[name], value, err_msg=name)
    assert set(state.params) == set(LORA.shapes(CONFIG))
    elements = sum(leaf.size for leaf in jax.tree.leaves(state.optimizer))
    assert elements < 2 * sum(leaf.size for leaf in jax.tree.leaves(state.params)), 'state of the adapter only'


@pytest.mark.parametrize('target', ['attention/querry', 'attention_norm', 'feed_forward/kernel'])
def test_an_unknown_target_is_refused_with_the_nearest(target):
    with pytest.raises(UnknownName, match='unknown target of Lora.targets'):
        dataclasses.replace(LORA, targets=(target,)).shapes(CONFIG)


def test_an_adapter_without_a_base_is_refused(tmp_path):
    with pytest.raises(SettingsError, match='trains additional parameters of a frozen base model'):
        Run(
            model_dir=str(tmp_path),
            data=Data(tfds_data_dir='unused'),
            stream=Stream(),
            model=CONFIG,
            tuning=LORA,
        )


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    """Checkpoints of a base and of an adapter to it."""
    folder = tmp_path_factory.mktemp('lora')
    base, adapter = random_params(CONFIG), random_adapter()
    checkpoints.save_params(folder / 'base', base, {'model': as_plain(CONFIG)})
    metadata = {
        'model': as_plain(CONFIG),
        'tuning': as_plain(LORA),
        'base': str(folder / 'base'),
    }
    checkpoints.save_params(folder / 'adapter', adapter, metadata)
    return folder, base, adapter


def test_a_checkpoint_is_merged_into_its_base(saved):
    folder, base, adapter = saved
    assert main.main(['adapter', 'merge', str(folder / 'adapter'), f'--to={folder / "whole"}']) == 0
    whole = checkpoints.load_params(folder / 'whole', parameter_layout(CONFIG, make_mesh(Parallelism())))
    for name, value in LORA.merge(base, adapter).items():
        np.testing.assert_allclose(whole[name], value, atol=1e-6, err_msg=name)
    assert checkpoints.metadata(folder / 'whole') == {'model': as_plain(CONFIG)}


def test_an_exported_adapter_computes_what_peft_computes(saved, tmp_path):
    """PEFT: output = W x + alpha / r * B (A x), with W [out, in], A [r, in] and B [out, r] by the modules' names."""
    folder, base, adapter = saved
    assert main.main(['adapter', 'export', str(folder / 'adapter'), f'--to={tmp_path / "peft"}']) == 0
    config = json.loads((tmp_path / 'peft' / 'adapter_config.json').read_text())
    assert config['peft_type'] == 'LORA' and config['target_modules'] == ['down_proj', 'q_proj', 'v_proj']
    tensors = load_file(tmp_path / 'peft' / 'adapter_model.safetensors')
    assert len(tensors) == 2 * 2 * len(LORA.targets)
    whole = LORA.merge(base, adapter)
    places = {'attention/query': 'self_attn.q_proj', 'feed_forward/down': 'mlp.down_proj'}
    for target, module in places.items():
        for layer in range(CONFIG.num_layers):
            a, b = (tensors[f'base_model.model.model.layers.{layer}.{module}.lora_{letter}.weight'] for letter in 'AB')
            change = config['lora_alpha'] / config['r'] * b @ a
            kernel = f'layers/{target}/kernel'
            np.testing.assert_allclose(change.T, whole[kernel][layer] - base[kernel][layer], atol=1e-5)


def test_a_checkpoint_of_all_weights_is_no_adapter(saved, capsys, tmp_path):
    assert main.main(['adapter', 'export', str(saved[0] / 'base'), f'--to={tmp_path / "peft"}']) == 2
    assert 'holds all weights, not an adapter' in capsys.readouterr().err
