"""The families of models that can be converted: their config.json and the names of their tensors.

Adding a family means adding one `Family`: clauses for its config.json, and a table of names.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence

from flan_jax.convert.config_json import (
    Always,
    Clause,
    HeadDim,
    LearnedPositions,
    NoWindow,
    OneOf,
    Only,
    RotaryPositions,
    Same,
    Window,
    activation,
)
from flan_jax.convert.family_clauses import GemmaScales, Gpt2Width, KeyValueHeads, OptEmbedding


@dataclasses.dataclass(frozen=True)
class Part:
    """One of the equal parts into which each group of a fused tensor's output axis is divided."""

    tensor: str
    index: int
    parts: int = 3
    grouped_by_head: bool = False


@dataclasses.dataclass(frozen=True)
class Family:
    """An architecture of transformers.

    Attributes:
      model_type: its name in config.json.
      architecture: the class that AutoModelForCausalLM loads.
      clauses: the clauses of its config.json.
      modules: our modules to transformers' modules, or to parts of them; '{layer}' is the number of the layer.
      transposed: whether kernels have shape [out, in], as in torch.nn.Linear.
      prefix: prefix of all names, which some files omit.
      buffers: patterns of tensors in old files that are no parameters, and are ignored.
    """

    model_type: str
    architecture: str
    clauses: Sequence[Clause]
    modules: Mapping[str, str | Part]
    transposed: bool = True
    prefix: str = 'model.'
    buffers: Sequence[str] = ('*.rotary_emb.inv_freq',)

    @property
    def classifier(self) -> str:
        """The class that AutoModelForSequenceClassification loads; a reward model is one with one label."""
        return re.sub('LMHeadModel$|ForCausalLM$', 'ForSequenceClassification', self.architecture)


_SIZES = (
    Same('vocab_size', 'vocab_size'),
    Same('hidden_size', 'd_model'),
    Same('num_hidden_layers', 'num_layers'),
    Same('num_attention_heads', 'num_heads'),
)
_LLAMA = (
    *_SIZES,
    Same('intermediate_size', 'd_ff'),
    Same('rms_norm_eps', 'norm_epsilon', 1e-6),
    RotaryPositions(),
    Always({'norm': 'rms', 'gated': True}),
)
_ATTENTION_BIAS = OneOf('attention_bias', {False: {'attention_bias': 'none'}, True: {'attention_bias': 'all'}}, False)

_LLAMA_MODULES = {
    'embedding': 'model.embed_tokens',
    'final_norm': 'model.norm',
    'unembedding': 'lm_head',
    'layers/attention/query': 'model.layers.{layer}.self_attn.q_proj',
    'layers/attention/key': 'model.layers.{layer}.self_attn.k_proj',
    'layers/attention/value': 'model.layers.{layer}.self_attn.v_proj',
    'layers/attention/out': 'model.layers.{layer}.self_attn.o_proj',
    'layers/attention/query_norm': 'model.layers.{layer}.self_attn.q_norm',
    'layers/attention/key_norm': 'model.layers.{layer}.self_attn.k_norm',
    'layers/feed_forward/gate': 'model.layers.{layer}.mlp.gate_proj',
    'layers/feed_forward/up': 'model.layers.{layer}.mlp.up_proj',
    'layers/feed_forward/down': 'model.layers.{layer}.mlp.down_proj',
    'layers/attention_norm': 'model.layers.{layer}.input_layernorm',
    'layers/feed_forward_norm': 'model.layers.{layer}.post_attention_layernorm',
}
_POST_NORMS = {
    'layers/attention_post_norm': 'model.layers.{layer}.post_attention_layernorm',
    'layers/feed_forward_norm': 'model.layers.{layer}.pre_feedforward_layernorm',
    'layers/feed_forward_post_norm': 'model.layers.{layer}.post_feedforward_layernorm',
}

LLAMA = Family(
    model_type='llama',
    architecture='LlamaForCausalLM',
    clauses=(
        *_LLAMA,
        KeyValueHeads(),
        HeadDim('head_dim'),
        activation('hidden_act', 'silu'),
        _ATTENTION_BIAS,
        Same('mlp_bias', 'feed_forward_bias', False),
        Same('tie_word_embeddings', 'tied_embedding', False),
        Always({'block': 'pre'}),
    ),
    modules=_LLAMA_MODULES,
)
MISTRAL = Family(
    model_type='mistral',
    architecture='MistralForCausalLM',
    clauses=(
        *_LLAMA,
        KeyValueHeads(8),
        HeadDim('head_dim'),
        activation('hidden_act', 'silu'),
        Window(),
        Same('tie_word_embeddings', 'tied_embedding', False),
        Always({'block': 'pre'}),
    ),
    modules=_LLAMA_MODULES,
)
QWEN2 = Family(
    model_type='qwen2',
    architecture='Qwen2ForCausalLM',
    clauses=(
        *_LLAMA,
        KeyValueHeads(32),
        HeadDim(),
        activation('hidden_act', 'silu'),
        NoWindow(),
        Only('use_mrope', False),
        Same('tie_word_embeddings', 'tied_embedding', False),
        Always({'block': 'pre', 'attention_bias': 'qkv'}),
    ),
    modules=_LLAMA_MODULES,
)
QWEN3 = Family(
    model_type='qwen3',
    architecture='Qwen3ForCausalLM',
    clauses=(
        *_LLAMA,
        KeyValueHeads(32),
        Same('head_dim', 'head_dim', 128),
        activation('hidden_act', 'silu'),
        _ATTENTION_BIAS,
        NoWindow(),
        Same('tie_word_embeddings', 'tied_embedding', False),
        Always({'block': 'pre', 'query_key_norm': 'head'}),
    ),
    modules=_LLAMA_MODULES,
)
OLMO = Family(
    model_type='olmo',
    architecture='OlmoForCausalLM',
    clauses=(
        *_SIZES,
        Same('intermediate_size', 'd_ff'),
        KeyValueHeads(),
        HeadDim(),
        RotaryPositions(),
        activation('hidden_act', 'silu'),
        _ATTENTION_BIAS,
        Only('clip_qkv', None),
        Same('tie_word_embeddings', 'tied_embedding', False),
        Always({'norm': 'nonparametric', 'norm_epsilon': 1e-5, 'block': 'pre', 'gated': True}),
    ),
    modules={ours: theirs for ours, theirs in _LLAMA_MODULES.items() if not ours.endswith('_norm')},
)
OLMO2 = Family(
    model_type='olmo2',
    architecture='Olmo2ForCausalLM',
    clauses=(
        *_LLAMA,
        KeyValueHeads(),
        HeadDim(),
        activation('hidden_act', 'silu'),
        _ATTENTION_BIAS,
        Same('tie_word_embeddings', 'tied_embedding', False),
        Always({'block': 'post', 'query_key_norm': 'all'}),
    ),
    modules={k: v for k, v in _LLAMA_MODULES.items() if not k.endswith(('attention_norm', 'feed_forward_norm'))}
    | {k: v for k, v in _POST_NORMS.items() if k.endswith('_post_norm')},
)
GEMMA2 = Family(
    model_type='gemma2',
    architecture='Gemma2ForCausalLM',
    clauses=(
        *_LLAMA,
        KeyValueHeads(4),
        Same('head_dim', 'head_dim', 256),
        activation('hidden_activation', 'gelu_pytorch_tanh'),
        Only('hidden_act', 'gelu_pytorch_tanh'),  # not read by transformers, but published beside hidden_activation
        _ATTENTION_BIAS,
        Window(every=2),
        Same('attn_logit_softcapping', 'attention_softcap', 50.0, nullable=True),
        Same('final_logit_softcapping', 'logit_softcap', 30.0, nullable=True),
        Same('tie_word_embeddings', 'tied_embedding', True),
        Only('use_bidirectional_attention', False),
        GemmaScales(),
        Always({'block': 'sandwich', 'norm_offset': 1.0}),
    ),
    modules=_LLAMA_MODULES | _POST_NORMS,
)
GPT2 = Family(
    model_type='gpt2',
    architecture='GPT2LMHeadModel',
    clauses=(
        Same('vocab_size', 'vocab_size'),
        Same('n_embd', 'd_model'),
        Same('n_layer', 'num_layers'),
        Same('n_head', 'num_heads'),
        Same('layer_norm_epsilon', 'norm_epsilon', 1e-5),
        Gpt2Width(),
        HeadDim(d_model='n_embd', num_heads='n_head'),
        LearnedPositions('n_positions'),
        activation('activation_function', 'gelu_new'),
        Only('scale_attn_weights', True),
        Only('scale_attn_by_inverse_layer_idx', False),
        Only('add_cross_attention', False),
        Same('tie_word_embeddings', 'tied_embedding', True),
        Always({'norm': 'layer', 'block': 'pre', 'gated': False, 'attention_bias': 'all', 'feed_forward_bias': True}),
    ),
    modules={
        'embedding': 'transformer.wte',
        'position_embedding': 'transformer.wpe',
        'final_norm': 'transformer.ln_f',
        'unembedding': 'lm_head',
        'layers/attention/query': Part('transformer.h.{layer}.attn.c_attn', 0),
        'layers/attention/key': Part('transformer.h.{layer}.attn.c_attn', 1),
        'layers/attention/value': Part('transformer.h.{layer}.attn.c_attn', 2),
        'layers/attention/out': 'transformer.h.{layer}.attn.c_proj',
        'layers/feed_forward/up': 'transformer.h.{layer}.mlp.c_fc',
        'layers/feed_forward/down': 'transformer.h.{layer}.mlp.c_proj',
        'layers/attention_norm': 'transformer.h.{layer}.ln_1',
        'layers/feed_forward_norm': 'transformer.h.{layer}.ln_2',
    },
    transposed=False,
    prefix='transformer.',
    buffers=('*.attn.bias', '*.attn.masked_bias'),
)
OPT = Family(
    model_type='opt',
    architecture='OPTForCausalLM',
    clauses=(
        *_SIZES,
        Same('ffn_dim', 'd_ff'),
        HeadDim(),
        LearnedPositions('max_position_embeddings', offset=2),
        activation('activation_function', 'relu'),
        OptEmbedding(),
        Only('do_layer_norm_before', True),
        Only('_remove_final_layer_norm', False),
        Only('layer_norm_elementwise_affine', True),
        OneOf(
            'enable_bias',
            {
                True: {'attention_bias': 'all', 'feed_forward_bias': True},
                False: {'attention_bias': 'none', 'feed_forward_bias': False},
            },
            True,
        ),
        Same('tie_word_embeddings', 'tied_embedding', True),
        Always({'norm': 'layer', 'norm_epsilon': 1e-5, 'block': 'pre', 'gated': False}),
    ),
    modules={
        'embedding': 'model.decoder.embed_tokens',
        'position_embedding': 'model.decoder.embed_positions',
        'final_norm': 'model.decoder.final_layer_norm',
        'unembedding': 'lm_head',
        'layers/attention/query': 'model.decoder.layers.{layer}.self_attn.q_proj',
        'layers/attention/key': 'model.decoder.layers.{layer}.self_attn.k_proj',
        'layers/attention/value': 'model.decoder.layers.{layer}.self_attn.v_proj',
        'layers/attention/out': 'model.decoder.layers.{layer}.self_attn.out_proj',
        'layers/feed_forward/up': 'model.decoder.layers.{layer}.fc1',
        'layers/feed_forward/down': 'model.decoder.layers.{layer}.fc2',
        'layers/attention_norm': 'model.decoder.layers.{layer}.self_attn_layer_norm',
        'layers/feed_forward_norm': 'model.decoder.layers.{layer}.final_layer_norm',
    },
    buffers=(),
)
GPT_NEOX = Family(
    model_type='gpt_neox',
    architecture='GPTNeoXForCausalLM',
    clauses=(
        *_SIZES,
        Same('intermediate_size', 'd_ff'),
        Same('layer_norm_eps', 'norm_epsilon', 1e-5),
        HeadDim(),
        RotaryPositions('rotary_emb_base', 'rotary_pct', default_fraction=0.25),
        activation('hidden_act', 'gelu'),
        OneOf('use_parallel_residual', {True: {'block': 'parallel'}, False: {'block': 'pre'}}, True),
        OneOf('attention_bias', {True: {'attention_bias': 'all'}, False: {'attention_bias': 'none'}}, True),
        Same('tie_word_embeddings', 'tied_embedding', False),
        Always({'norm': 'layer', 'gated': False, 'feed_forward_bias': True}),
    ),
    modules={
        'embedding': 'gpt_neox.embed_in',
        'final_norm': 'gpt_neox.final_layer_norm',
        'unembedding': 'embed_out',
        'layers/attention/query': Part('gpt_neox.layers.{layer}.attention.query_key_value', 0, grouped_by_head=True),
        'layers/attention/key': Part('gpt_neox.layers.{layer}.attention.query_key_value', 1, grouped_by_head=True),
        'layers/attention/value': Part('gpt_neox.layers.{layer}.attention.query_key_value', 2, grouped_by_head=True),
        'layers/attention/out': 'gpt_neox.layers.{layer}.attention.dense',
        'layers/feed_forward/up': 'gpt_neox.layers.{layer}.mlp.dense_h_to_4h',
        'layers/feed_forward/down': 'gpt_neox.layers.{layer}.mlp.dense_4h_to_h',
        'layers/attention_norm': 'gpt_neox.layers.{layer}.input_layernorm',
        'layers/feed_forward_norm': 'gpt_neox.layers.{layer}.post_attention_layernorm',
    },
    prefix='gpt_neox.',
    buffers=('*.attention.bias', '*.attention.masked_bias', '*.rotary_emb.inv_freq'),
)

FAMILIES = {
    family.model_type: family for family in (LLAMA, MISTRAL, QWEN2, QWEN3, OLMO, OLMO2, GEMMA2, GPT2, OPT, GPT_NEOX)
}
"""Families by model_type; if several have a decoder's architecture, the first is written."""
