"""Folders of transformers, written and read without transformers; what does not fit is listed, all of it at once."""

import dataclasses
import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from etils import epath
from safetensors.numpy import load_file, save_file

from flan_jax.convert.gin_text import gin_lines
from flan_jax.convert.read import ConversionError, HuggingFaceModel
from flan_jax.convert.write import family_of, write_model
from flan_jax.distributed.mesh import Parallelism, make_mesh, parameter_layout, placed
from flan_jax.model.config import DecoderConfig, Learned, Rotary, decoder_from_plain, lamda
from flan_jax.model.value_head import VALUE_HEAD
from flan_jax.settings import as_plain
from tests.toy import random_params

SIZE = {'vocab_size': 40, 'num_layers': 2, 'd_model': 16, 'num_heads': 4, 'head_dim': 4, 'd_ff': 24}
PLAIN = {'norm': 'layer', 'norm_epsilon': 1e-5, 'gated': False, 'attention_bias': 'all', 'feed_forward_bias': True}
CONFIGS = {
    'qwen2': DecoderConfig(**SIZE, position=Rotary(1e6), num_kv_heads=2, activation='silu', attention_bias='qkv'),
    'gpt2': DecoderConfig(**SIZE, **PLAIN, position=Learned(32), activation='gelu'),
    'gpt_neox': DecoderConfig(
        **SIZE, **PLAIN, position=Rotary(fraction=0.5), block='parallel', activation='gelu_exact', tied_embedding=False
    ),
}


def written(folder, name='qwen2', **kwargs):
    """A folder of random weights, and those weights."""
    params = random_params(CONFIGS[name])
    write_model(epath.Path(folder), CONFIGS[name], params, **kwargs)
    return params


def read(folder):
    model = HuggingFaceModel(folder)
    return model.params(parameter_layout(model.config, make_mesh(Parallelism())))


@pytest.mark.parametrize('name', CONFIGS)
@pytest.mark.parametrize('file_bytes', [1, 3000, 10**9])
def test_what_was_written_is_read(name, file_bytes, tmp_path):
    params = written(tmp_path, name, file_bytes=file_bytes)
    found = read(tmp_path)
    assert found.keys() == params.keys()
    assert all(np.array_equal(found[key], params[key]) for key in params)
    assert family_of(HuggingFaceModel(tmp_path).config) == family_of(CONFIGS[name])
    files = [load_file(path) for path in tmp_path.glob('*.safetensors')]
    assert len({key for file in files for key in file}) == sum(map(len, files))
    assert (len(files) == 1) == (file_bytes == 10**9)


@pytest.mark.parametrize('name', CONFIGS)
def test_a_reward_model_is_a_classifier_with_one_label(name, tmp_path):
    config = dataclasses.replace(CONFIGS[name], tied_embedding=True)
    head = {VALUE_HEAD: jax.random.normal(jax.random.key(2), (config.d_model, 1))}
    params = random_params(config) | head
    ends = {'model_type': name, 'eos_token_id': 1, 'pad_token_id': 1}
    write_model(epath.Path(tmp_path), config, params, like=ends)
    model = HuggingFaceModel(tmp_path)
    assert model.config == config and model.head.keys() == head.keys()
    mesh = make_mesh(Parallelism())
    found = model.params(parameter_layout(config, mesh) | placed(model.head, mesh))
    assert found.keys() == params.keys()
    assert all(np.array_equal(found[key], params[key]) for key in params)
    keys = json.loads((tmp_path / 'config.json').read_text())
    assert keys['pad_token_id'] is None  # the last token that is not padding would not be the EOS
    assert keys['architectures'][0].endswith('ForSequenceClassification') and len(keys['id2label']) == 1

    (path,) = tmp_path.glob('*.safetensors')
    save_file(load_file(path) | {'score.weight': np.zeros((3, config.d_model), np.float32)}, path)
    with pytest.raises(ConversionError, match=r'score.weight: shape \(3, 16\), expected \(1, 16\)'):
        HuggingFaceModel(tmp_path)


def test_files_hold_no_more_than_they_may(tmp_path):
    written(tmp_path, file_bytes=3000)
    index = json.loads((tmp_path / 'model.safetensors.index.json').read_text())
    sizes = [sum(tensor.nbytes for tensor in load_file(path).values()) for path in tmp_path.glob('*.safetensors')]
    assert sum(sizes) == index['metadata']['total_size']
    assert all(size <= 3000 or len(load_file(path)) == 1 for size, path in zip(sizes, tmp_path.glob('*.safetensors')))


@pytest.mark.parametrize(('dtype', 'bits'), [('bfloat16', 8), ('float16', 11)])
def test_halves_are_rounded_once(dtype, bits, tmp_path):
    params = written(tmp_path, dtype=dtype)
    for key, value in read(tmp_path).items():
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, params[key], rtol=2.0**-bits, atol=1e-7)
        assert np.array_equal(value, params[key].astype(dtype).astype(np.float32))


def test_every_unsupported_key_is_listed(tmp_path):
    written(tmp_path)
    path = tmp_path / 'config.json'
    values = json.loads(path.read_text())
    del values['num_hidden_layers']
    values |= {'hidden_act': 'mish', 'use_sliding_window': True, 'quantization_config': {'bits': 4}, 'moe': 8}
    values['rope_scaling'] = {'rope_type': 'yarn', 'factor': 4.0}
    path.write_text(json.dumps(values))
    with pytest.raises(ConversionError) as refusal:
        HuggingFaceModel(tmp_path)
    for line in (
        'cannot be converted (6)',
        "hidden_act='mish': not supported, only 'silu' or",
        'num_hidden_layers: missing',
        "quantization_config={'bits': 4}: unsupported key",
        'moe=8: unsupported key',
        "rope_scaling type='yarn': not supported, only 'default' or 'llama3'",
        'use_sliding_window=True: not supported, only False',
    ):
        assert line in str(refusal.value)


@pytest.mark.parametrize(
    ('n_positions', 'problem'),
    [(None, 'n_positions: missing'), (0, 'Learned.max_length=0: must be an integer of at least 1')],
)
def test_positions_that_are_missing_or_impossible_are_listed_with_the_rest(n_positions, problem, tmp_path):
    written(tmp_path, 'gpt2')
    path = tmp_path / 'config.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | {'n_positions': n_positions, 'moe': 8}))
    with pytest.raises(ConversionError) as refusal:
        HuggingFaceModel(tmp_path)
    assert problem in str(refusal.value) and 'moe=8: unsupported key' in str(refusal.value)


def test_every_tensor_that_does_not_fit_is_listed(tmp_path):
    written(tmp_path)
    path = tmp_path / 'model.safetensors'
    tensors = load_file(path)
    del tensors['model.layers.1.self_attn.q_proj.bias']
    tensors['model.norm.weight'] = np.ones(15, np.float32)
    tensors['model.layers.0.mlp.up_proj.weight'] = np.ones((24, 16), np.int8)
    tensors['model.layers.2.mlp.up_proj.weight'] = np.ones((24, 16), np.float32)
    save_file(tensors, path)
    with pytest.raises(ConversionError) as refusal:
        HuggingFaceModel(tmp_path)
    assert str(refusal.value).splitlines()[1:] == [
        '  model.layers.1.self_attn.q_proj.bias: missing',
        '  model.layers.2.mlp.up_proj.weight: unexpected tensor',
        '  model.layers.0.mlp.up_proj.weight: dtype I8, supported are BF16, F16, F32',
        '  model.norm.weight: shape (15,), expected (16,)',
    ]


def test_a_tied_unembedding_may_be_there_twice_if_it_is_the_same(tmp_path):
    written(tmp_path)
    path = tmp_path / 'model.safetensors'
    tensors = load_file(path)
    save_file(tensors | {'lm_head.weight': tensors['model.embed_tokens.weight']}, path)
    read(tmp_path)
    save_file(tensors | {'lm_head.weight': tensors['model.embed_tokens.weight'] + 1}, path)
    with pytest.raises(ConversionError, match=r'lm_head\.weight: unexpected tensor'):
        HuggingFaceModel(tmp_path)


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda folder: (folder / 'config.json').unlink(), 'has no config.json'),
        (lambda folder: (folder / 'config.json').write_text('{"model_type": "bert"}'), "'bert' is not supported"),
        (lambda folder: (folder / 'model.safetensors').unlink(), 'has neither model.safetensors nor'),
        (lambda folder: (folder / 'model.safetensors').write_bytes(b'nothing'), 'is damaged'),
        (
            lambda folder: (folder / 'model.safetensors.index.json').write_text(
                '{"weight_map": {"a": "b.safetensors"}}'
            ),
            'are missing (1):\n  b.safetensors',
        ),
    ],
)
def test_spoilt_folders_are_named(spoil, message, tmp_path):
    written(tmp_path)
    spoil(tmp_path)
    with pytest.raises(ConversionError) as refusal:
        HuggingFaceModel(tmp_path)
    assert message in str(refusal.value) and str(tmp_path) in str(refusal.value)


def test_a_decoder_of_no_family_is_refused_with_what_differs():
    with pytest.raises(ConversionError, match='no model family of transformers equals this decoder.*position'):
        family_of(lamda(num_layers=2, d_model=128, vocab_size=100))


SHARDED = """
import sys
import numpy as np
from flan_jax.convert.read import HuggingFaceModel
from flan_jax.distributed.mesh import Parallelism
from flan_jax.distributed.mesh import make_mesh, parameter_layout

for folder in sys.argv[1:]:
    model = HuggingFaceModel(folder)
    whole = model.params(parameter_layout(model.config, make_mesh(Parallelism(fsdp=1, tensor=1))))
    for fsdp, tensor in ((8, 1), (4, 2), (1, 4)):
        params = model.params(parameter_layout(model.config, make_mesh(Parallelism(fsdp=fsdp, tensor=tensor))))
        assert all(np.array_equal(params[name], whole[name]) for name in whole)
        kernel = params['layers/attention/query/kernel']
        assert kernel.addressable_shards[0].data.shape == (2, 16 // fsdp, 16 // tensor)
print('equal')
"""


def test_every_sharding_reads_the_same(tmp_path):
    """On eight devices, whose parts of the fused tensors need not be whole heads."""
    for name in CONFIGS:
        (tmp_path / name).mkdir()
        written(tmp_path / name, name)
    environment = {
        'XLA_FLAGS': os.environ['XLA_FLAGS'] + ' --xla_force_host_platform_device_count=8',
        'JAX_PLATFORMS': 'cpu',
        'NPROC': '64',
        'PATH': '',
    }
    done = subprocess.run(
        [sys.executable, '-c', SHARDED, *(str(tmp_path / name) for name in CONFIGS)],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == 'equal', done.stderr


def with_lengths(folder, **lengths):
    """A folder whose config.json says how long sequences may be; gives what is read of it."""
    path = folder / 'config.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | lengths))
    return HuggingFaceModel(folder).config


@pytest.mark.parametrize('name', ['qwen2', 'gpt_neox'])
def test_rotary_models_say_how_long_sequences_they_know(name, tmp_path):
    params = written(tmp_path, name)
    assert with_lengths(tmp_path).trained_length == np.inf
    assert with_lengths(tmp_path, max_sequence_length=128).trained_length == 128
    config = with_lengths(tmp_path, max_position_embeddings=256)
    assert config.trained_length == 256 and config.max_length == np.inf
    assert 'Rotary.trained_length = 256' in gin_lines(config)
    assert decoder_from_plain(as_plain(config)).trained_length == 256
    for kept, then in ({}, 256), ({'max_position_embeddings': 64}, 256), ({'max_position_embeddings': 512}, 512):
        write_model(epath.Path(tmp_path), config, params, like={'model_type': name, **kept})
        assert HuggingFaceModel(tmp_path).config.trained_length == then
    for given, read in (4096.0, 4096), (0, np.inf), (-1, np.inf), (np.inf, np.inf), ('many', np.inf):
        assert with_lengths(tmp_path, max_position_embeddings=given).trained_length == read
