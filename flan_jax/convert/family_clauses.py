"""Clauses of config.json that only one family has; those of several families are in `config_json`."""

import dataclasses
import math
from typing import Any


@dataclasses.dataclass(frozen=True)
class KeyValueHeads:
    """The number of key/value heads; by default `default`, or the number of query heads."""

    default: Any = None

    def read(self, json):
        return {
            'num_kv_heads': json.take('num_key_value_heads', self.default or json.values.get('num_attention_heads'))
        }

    def write(self, config):
        return {'num_key_value_heads': config.kv_heads}


@dataclasses.dataclass(frozen=True)
class Gpt2Width:
    """The width of GPT-2's feed-forward layer: by default four times that of the residual stream."""

    def read(self, json):
        return {'d_ff': json.take('n_inner', 4 * (json.values.get('n_embd') or 0))}

    def write(self, config):
        return {'n_inner': None if config.d_ff == 4 * config.d_model else config.d_ff}


@dataclasses.dataclass(frozen=True)
class OptEmbedding:
    """OPT's embeddings must be as wide as the residual stream; OPT-350m's are narrower and not supported."""

    def read(self, json):
        width = json.values.get('hidden_size')
        if json.take('word_embed_proj_dim', width) != width:
            json.refuse('word_embed_proj_dim', json.values['word_embed_proj_dim'], f'hidden_size={width}')
        return {}

    def write(self, config):
        return {'word_embed_proj_dim': config.d_model}


@dataclasses.dataclass(frozen=True)
class GemmaScales:
    """Gemma 2 multiplies embeddings by sqrt(d_model); query_pre_attn_scalar is the queries' scale to the power -2."""

    def read(self, json):
        width, scalar = json.values.get('hidden_size') or 0, json.take('query_pre_attn_scalar', 256)
        return {'embedding_scale': math.sqrt(width), 'query_scale': scalar**-0.5}

    def write(self, config):
        return {'query_pre_attn_scalar': round(config.scale_of_queries**-2)}
