"""Every model file makes a decoder of the published size, and the one that its published config.json describes."""

import pathlib

import pytest

from flan_jax.command import configuration
from flan_jax.convert.config_json import POSITIONS, read_clauses
from flan_jax.convert.families import FAMILIES
from flan_jax.convert.write import family_of
from flan_jax.model.decoder import parameter_shapes
from flan_jax.training.flops import parameter_count

FILES = {pathlib.Path(file).stem: file for file in configuration.known_files() if file.startswith('gin/models/')}
GIVEN = {'MODEL_DIR': 'm', 'TFDS_DATA_DIR': 'd', 'Stream.input_length': '512'}  # GPT-2 has 1,024 positions

# Parameters as papers and model cards state them: exactly, or in billions.
PUBLISHED = {
    'gpt2_small': 124_439_808,
    'gpt2_medium': 354_823_168,
    'gpt2_large': 774_030_080,
    'gpt2_xl': 1_557_611_200,
    'opt_125m': 0.125,
    'opt_1.3b': 1.3,
    'opt_2.7b': 2.7,
    'opt_6.7b': 6.7,
    'opt_13b': 13.0,
    'opt_30b': 30.0,
    'opt_66b': 66.0,
    'opt_175b': 175.0,
    'pythia_70m': 70_426_624,
    'pythia_160m': 162_322_944,
    'pythia_410m': 405_334_016,
    'pythia_1b': 1_011_781_632,
    'pythia_1.4b': 1_414_647_808,
    'pythia_2.8b': 2_775_208_960,
    'pythia_6.9b': 6_857_302_016,
    'pythia_12b': 11_846_072_320,
    'gpt_neox_20b': 20_554_567_680,
    'llama_7b': 6.7,
    'llama_13b': 13.0,
    'llama_30b': 32.5,
    'llama_65b': 65.2,
    'llama2_7b': 6.74,
    'llama2_13b': 13.0,
    'llama2_70b': 69.0,
    'llama3_8b': 8.03,
    'llama3_70b': 70.6,
    'llama3.1_8b': 8.03,
    'llama3.1_70b': 70.6,
    'llama3.1_405b': 405.0,
    'llama3.2_1b': 1.23,
    'llama3.2_3b': 3.21,
    'mistral_7b_v0.1': 7.24,
    'mistral_7b_v0.2': 7.24,
    'mistral_7b_v0.3': 7.25,
    'mistral_nemo_12b': 12.2,
    'mistral_small_24b': 23.6,
    'qwen2.5_0.5b': 0.49,
    'qwen2.5_1.5b': 1.54,
    'qwen2.5_3b': 3.09,
    'qwen2.5_7b': 7.61,
    'qwen2.5_14b': 14.7,
    'qwen2.5_32b': 32.5,
    'qwen2.5_72b': 72.7,
    'qwen3_0.6b': 0.6,
    'qwen3_1.7b': 1.7,
    'qwen3_4b': 4.0,
    'qwen3_8b': 8.2,
    'qwen3_14b': 14.8,
    'qwen3_32b': 32.8,
    'olmo_7b': 6.89,
    'olmo2_1b': 1.48,
    'olmo2_7b': 7.3,
    'olmo2_13b': 13.7,
    'olmo2_32b': 32.2,
    'gemma2_2b': 2.61,
    'gemma2_9b': 9.24,
    'gemma2_27b': 27.2,
}
WITHOUT_EMBEDDING = {'lamda_422m': 0.422, 'lamda_2b': 2.10, 'lamda_8b': 8.59, 'lamda_68b': 68.7, 'lamda_137b': 137.4}
UNPUBLISHED = ('lamda_tiny', 'lamda_small', 'miniature', 'word_problems')

# What decides the logits in the config.json that came with the weights.
_PYTHIA = {
    'model_type': 'gpt_neox',
    'hidden_act': 'gelu',
    'max_position_embeddings': 2048,
    'rotary_emb_base': 10000,
    'rotary_pct': 0.25,
}
_LLAMA3_SCALING = {
    'high_freq_factor': 4.0,
    'low_freq_factor': 1.0,
    'original_max_position_embeddings': 8192,
    'rope_type': 'llama3',
}
PUBLISHED_CONFIGS = {
    'gpt2_small': {
        'model_type': 'gpt2', 'activation_function': 'gelu_new', 'n_ctx': 1024, 'n_embd': 768, 'n_head': 12,
        'n_layer': 12, 'n_positions': 1024, 'layer_norm_epsilon': 1e-5, 'vocab_size': 50257,
    },
    'opt_1.3b': {
        'model_type': 'opt', '_remove_final_layer_norm': False, 'activation_function': 'relu', 'ffn_dim': 8192,
        'do_layer_norm_before': True, 'hidden_size': 2048, 'max_position_embeddings': 2048, 'num_attention_heads': 32,
        'num_hidden_layers': 24, 'vocab_size': 50272, 'word_embed_proj_dim': 2048,
    },
    'pythia_6.9b': _PYTHIA | {
        'hidden_size': 4096, 'intermediate_size': 16384, 'layer_norm_eps': 1e-5, 'num_attention_heads': 32,
        'num_hidden_layers': 32, 'use_parallel_residual': True, 'vocab_size': 50432,
    },
    'pythia_12b': _PYTHIA | {
        'hidden_size': 5120, 'intermediate_size': 20480, 'layer_norm_eps': 1e-5, 'num_attention_heads': 40,
        'num_hidden_layers': 36, 'use_parallel_residual': True, 'vocab_size': 50688,
    },
    'llama_65b': {
        'model_type': 'llama', 'hidden_act': 'silu', 'hidden_size': 8192, 'intermediate_size': 22016,
        'max_sequence_length': 2048, 'num_attention_heads': 64, 'num_hidden_layers': 80, 'rms_norm_eps': 1e-5,
        'tie_word_embeddings': False, 'vocab_size': 32000,
    },
    'llama3.2_1b': {
        'model_type': 'llama', 'attention_bias': False, 'head_dim': 64, 'hidden_act': 'silu', 'hidden_size': 2048,
        'intermediate_size': 8192, 'mlp_bias': False, 'num_attention_heads': 32, 'num_hidden_layers': 16,
        'num_key_value_heads': 8, 'pretraining_tp': 1, 'rms_norm_eps': 1e-5, 'rope_theta': 500000.0,
        'rope_scaling': _LLAMA3_SCALING | {'factor': 32.0}, 'tie_word_embeddings': True, 'vocab_size': 128256,
        'max_position_embeddings': 131072,
    },
    'mistral_7b_v0.1': {
        'model_type': 'mistral', 'hidden_act': 'silu', 'hidden_size': 4096, 'intermediate_size': 14336,
        'num_attention_heads': 32, 'num_hidden_layers': 32, 'num_key_value_heads': 8, 'rms_norm_eps': 1e-5,
        'rope_theta': 10000.0, 'sliding_window': 4096, 'tie_word_embeddings': False, 'vocab_size': 32000,
    },
    'mistral_small_24b': {
        'model_type': 'mistral', 'head_dim': 128, 'hidden_act': 'silu', 'hidden_size': 5120,
        'intermediate_size': 32768, 'num_attention_heads': 32, 'num_hidden_layers': 40, 'num_key_value_heads': 8,
        'rms_norm_eps': 1e-5, 'rope_theta': 100000000.0, 'sliding_window': None, 'tie_word_embeddings': False,
        'vocab_size': 131072,
    },
    'qwen2.5_0.5b': {
        'model_type': 'qwen2', 'hidden_act': 'silu', 'hidden_size': 896, 'intermediate_size': 4864,
        'max_window_layers': 24, 'num_attention_heads': 14, 'num_hidden_layers': 24, 'num_key_value_heads': 2,
        'rms_norm_eps': 1e-6, 'rope_theta': 1000000.0, 'sliding_window': 32768, 'tie_word_embeddings': True,
        'use_mrope': False, 'use_sliding_window': False, 'vocab_size': 151936, 'max_position_embeddings': 32768,
    },
    'qwen3_0.6b': {
        'model_type': 'qwen3', 'attention_bias': False, 'head_dim': 128, 'hidden_act': 'silu', 'hidden_size': 1024,
        'intermediate_size': 3072, 'max_window_layers': 28, 'num_attention_heads': 16, 'num_hidden_layers': 28,
        'num_key_value_heads': 8, 'rms_norm_eps': 1e-6, 'rope_scaling': None, 'rope_theta': 1000000,
        'sliding_window': None, 'tie_word_embeddings': True, 'use_sliding_window': False, 'vocab_size': 151936,
    },
    'olmo_7b': {
        'model_type': 'olmo', 'attention_bias': False, 'clip_qkv': None, 'hidden_act': 'silu', 'hidden_size': 4096,
        'intermediate_size': 11008, 'num_attention_heads': 32, 'num_hidden_layers': 32, 'num_key_value_heads': 32,
        'rope_scaling': None, 'rope_theta': 10000.0, 'tie_word_embeddings': False, 'vocab_size': 50304,
    },
    'olmo2_32b': {
        'model_type': 'olmo2', 'attention_bias': False, 'hidden_act': 'silu', 'hidden_size': 5120,
        'intermediate_size': 27648, 'num_attention_heads': 40, 'num_hidden_layers': 64, 'num_key_value_heads': 8,
        'rms_norm_eps': 1e-6, 'rope_scaling': None, 'rope_theta': 500000, 'tie_word_embeddings': False,
        'vocab_size': 100352,
    },
    'gemma2_2b': {
        'model_type': 'gemma2', 'attention_bias': False, 'attn_logit_softcapping': 50.0,
        'cache_implementation': 'hybrid', 'final_logit_softcapping': 30.0, 'head_dim': 256,
        'hidden_act': 'gelu_pytorch_tanh', 'hidden_activation': 'gelu_pytorch_tanh', 'hidden_size': 2304,
        'intermediate_size': 9216, 'num_attention_heads': 8, 'num_hidden_layers': 26, 'num_key_value_heads': 4,
        'query_pre_attn_scalar': 256, 'rms_norm_eps': 1e-6, 'rope_theta': 10000.0, 'sliding_window': 4096,
        'max_position_embeddings': 8192, 'vocab_size': 256000,
    },
}  # fmt: skip


def model_of(name):
    return configuration.load(['gin/runs/defaults.gin', FILES[name]], GIVEN).model


def test_every_file_has_a_published_size_to_hold_it_to():
    assert set(FILES) == {*PUBLISHED, *WITHOUT_EMBEDDING, *UNPUBLISHED}


@pytest.mark.parametrize('name', PUBLISHED)
def test_sizes_are_the_published_ones(name):
    published, found = PUBLISHED[name], parameter_count(model_of(name))
    if isinstance(published, int):
        assert found == published
    else:
        assert found / 1e9 == pytest.approx(published, rel=0.02)


@pytest.mark.parametrize('name', WITHOUT_EMBEDDING)
def test_sizes_without_embedding_are_the_published_ones(name):
    config = model_of(name)
    embedding = parameter_shapes(config)['embedding']
    assert (parameter_count(config) - embedding.size) / 1e9 == pytest.approx(WITHOUT_EMBEDDING[name], rel=0.01)


@pytest.mark.parametrize('name', UNPUBLISHED)
def test_files_of_our_own_sizes_make_a_decoder(name):
    assert parameter_count(model_of(name)) > 0


@pytest.mark.parametrize('name', PUBLISHED_CONFIGS)
def test_files_say_what_the_published_config_says(name):
    published = PUBLISHED_CONFIGS[name]
    config, problems = read_clauses(FAMILIES[published['model_type']].clauses, published)
    assert problems == []
    found, expected = family_of(model_of(name))[1], family_of(config)[1]
    assert found | expected == found and found.keys() - expected.keys() <= {POSITIONS}


@pytest.mark.parametrize('name', PUBLISHED)
def test_every_model_can_be_given_to_transformers(name):
    config = model_of(name)
    family, keys = family_of(config)
    again, problems = read_clauses(family.clauses, keys)
    assert problems == [] and family_of(again)[1] == keys
