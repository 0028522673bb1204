"""Tiny models of every family, as transformers makes them and as ours reads them.

Test modules that import this are skipped where torch is missing.
"""

import dataclasses
import pathlib

import jax
import numpy as np
import pytest

from flan_jax.convert.read import HuggingFaceModel
from flan_jax.distributed.mesh import Parallelism, make_mesh, parameter_layout
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Params
from tests.parity.conftest import FOUND

torch = pytest.importorskip('torch', reason='parity with transformers needs torch; `make parity` installs it')
transformers = pytest.importorskip('transformers', reason='`make parity` installs transformers')

VOCAB_SIZE = 96
LONGEST = 192
"""Positions of the families that learn them."""

_SIZES = {
    'vocab_size': VOCAB_SIZE,
    'hidden_size': 32,
    'num_hidden_layers': 3,
    'num_attention_heads': 4,
    'bos_token_id': 0,
    'eos_token_id': 1,
    'pad_token_id': 2,
}
_GATED = _SIZES | {'intermediate_size': 48, 'num_key_value_heads': 2}
_LLAMA3_SCALING = {
    'rope_type': 'llama3',
    'factor': 8.0,
    'low_freq_factor': 1.0,
    'high_freq_factor': 4.0,
    'original_max_position_embeddings': 32,
}
_GPT2 = {'vocab_size': VOCAB_SIZE, 'n_embd': 32, 'n_layer': 3, 'n_head': 4, 'n_positions': LONGEST}
CONFIGS = {
    'gpt2': ('gpt2', _GPT2),
    'opt': ('opt', _SIZES | {'ffn_dim': 48, 'max_position_embeddings': LONGEST, 'word_embed_proj_dim': 32}),
    'gpt_neox': ('gpt_neox', _SIZES | {'intermediate_size': 48}),
    'gpt_neox, in sequence': ('gpt_neox', _SIZES | {'intermediate_size': 48, 'use_parallel_residual': False}),
    'llama': ('llama', _GATED | {'num_key_value_heads': 4}),
    'llama 3': ('llama', _GATED | {'rope_theta': 5e5, 'rope_scaling': _LLAMA3_SCALING, 'tie_word_embeddings': True}),
    'llama, all biases': ('llama', _GATED | {'attention_bias': True, 'mlp_bias': True, 'head_dim': 16}),
    'mistral': ('mistral', _GATED | {'sliding_window': 8, 'head_dim': 16}),
    'mistral, no window': ('mistral', _GATED | {'sliding_window': None}),
    'qwen2': ('qwen2', _GATED | {'rope_theta': 1e6, 'tie_word_embeddings': True}),
    'qwen3': ('qwen3', _GATED | {'head_dim': 16}),
    'olmo': ('olmo', _GATED),
    'olmo2': ('olmo2', _GATED),
    'gemma2': ('gemma2', _GATED | {'head_dim': 16, 'sliding_window': 8, 'query_pre_attn_scalar': 20}),
}


@dataclasses.dataclass(frozen=True)
class Pair:
    """One model twice.

    Attributes:
      name: its name in CONFIGS.
      folder: where transformers saved it.
      theirs: the torch model.
      config: the decoder as we read it.
      params: its parameters.
    """

    name: str
    folder: pathlib.Path
    theirs: 'transformers.PreTrainedModel'
    config: DecoderConfig
    params: Params

    def their_logits(self, tokens, **kwargs) -> np.ndarray:
        """Logits of rows of equal length, [B, T, V]."""
        with torch.no_grad():
            return self.theirs(torch.tensor(np.asarray(tokens)), **kwargs).logits.numpy()

    def note(self, measure: str, ours, theirs) -> float:
        """Records and returns the largest difference."""
        difference = float(np.abs(np.asarray(ours) - np.asarray(theirs)).max())
        FOUND.setdefault(self.name, {})
        FOUND[self.name][measure] = max(difference, FOUND[self.name].get(measure, 0.0))
        return difference


def make_pair(name: str, folder: pathlib.Path) -> Pair:
    """A model with random weights, norms and biases included, so that nothing is silently left at 0 or 1."""
    model_type, keys = CONFIGS[name]
    torch.manual_seed(0)
    theirs = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(model_type, **keys)).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    theirs.save_pretrained(folder)
    model = HuggingFaceModel(folder)
    params = model.params(parameter_layout(model.config, make_mesh(Parallelism(fsdp=jax.device_count()))))
    return Pair(name, folder, theirs, model.config, params)
