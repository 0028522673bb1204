"""The decoder as a Flax NNX module; only `flan_jax.model.decoder`, its functional interface, uses it.

Shape letters: B batch, T tokens, R rows of soft prompts, D model, V vocabulary, L layers.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from flan_jax.model import layers
from flan_jax.model.config import DecoderConfig, Learned, RelativeBias
from flan_jax.model.dropout import Dropout
from flan_jax.model.kv_cache import LayerStack, PrefixCache, unstack
from flan_jax.model.partitioning import constrain
from flan_jax.model.products import on_one_cpu, product
from flan_jax.model.recomputed_attention import SAVED_NAME
from flan_jax.model.vocabulary_blocks import log_probs_in_blocks


@dataclasses.dataclass(frozen=True)
class Execution:
    """How a decoder is computed; results differ by rounding only.

    Attributes:
      dtype: dtype of activations.
      remat: what the backward pass recomputes. 'none' saves all activations, 'full' saves only the residual stream
        between layers, 'dots' also saves the outputs of matrix products.
      unroll_decode: whether decode steps loop over a list of layers instead of using a scan. On a CPU, a scan copies
        the weights and the cache of each layer for every token; unstacked layers are copied once. In return they need
        twice the memory, and compile time grows with the number of layers.
    """

    dtype: Literal['float32', 'bfloat16'] = 'float32'
    remat: Literal['none', 'dots', 'full'] = 'none'
    unroll_decode: bool = False


class Decoder(nnx.Module):
    """Embedding, optional soft prompts [R, D], a stack of blocks, and a final norm."""

    def __init__(self, config: DecoderConfig, rngs: nnx.Rngs):
        self.config = config
        embedding = jax.random.normal(rngs.params(), (config.vocab_size, config.d_model)) * config.d_model**-0.5
        self.embedding = nnx.Param(embedding)
        self.prompt: nnx.Param | None = nnx.data(None)
        self.prompt_ids: nnx.Param | None = nnx.data(None)
        if isinstance(config.position, Learned):
            shape = (config.position.max_length + config.position.offset, config.d_model)
            self.position_embedding = nnx.Param(0.02 * jax.random.normal(rngs.params(), shape))
        if isinstance(config.position, RelativeBias):
            self.relative_bias = nnx.Param(jnp.zeros((config.position.num_buckets, config.num_heads)))
        self.layers = nnx.vmap(lambda rngs: layers.Block(config, rngs))(rngs.split(config.num_layers))
        self.final_norm = layers.Norm(config.d_model, config)
        if not config.tied_embedding:
            self.unembedding = layers.Linear(config.d_model, config.vocab_size, bias=False, rngs=rngs)

    def embed(self, tokens_BxT: jax.Array, absolute_positions_BxT: jax.Array, execution: Execution) -> jax.Array:
        """Token embeddings plus learned position embeddings, if any: [B, T, D].

        Absolute positions start at the first row of the soft prompt.
        """
        # All-gathered along d_model before the lookup, so that its result need not be resharded.
        embedding = constrain(self.embedding[...].astype(execution.dtype), ('vocab', None))
        x_BxTxD = embedding[tokens_BxT]
        x_BxTxD = x_BxTxD * jnp.asarray(self.config.embedding_scale, x_BxTxD.dtype)
        return self._add_positions(x_BxTxD, absolute_positions_BxT)

    def embed_prompt(self, absolute_positions_1xR: jax.Array, execution: Execution) -> jax.Array:
        """The same for the soft prompts, [1, R, D]; their rows need no `embedding_scale`, which is part of them."""
        assert self.prompt is not None, 'called where there is one'
        return self._add_positions(self.prompt[...].astype(execution.dtype)[None], absolute_positions_1xR)

    def per_layer(self, prefix: Sequence[PrefixCache], as_list: bool = False) -> LayerStack:
        """Weights, window and cached prefixes of every layer: arrays [L, ...], or a list of L layers."""
        _, stacked = nnx.split(self.layers)
        layers_ = (stacked, self._windows(), [(cache.keys, cache.values) for cache in prefix])
        return unstack(layers_, self.config.num_layers) if as_list else layers_

    def run_layers(
        self,
        x_BxTxD,
        context: layers.AttentionContext,
        per_layer: LayerStack,
        execution: Execution,
        dropout: Dropout | None = None,
    ):
        """The residual stream after all blocks and the final norm, [B, T, D], and every layer's keys and values."""
        graph, _ = nnx.split(self.layers)

        def block(x, layer):
            (parameters, window, prefix), left_out = layer
            x, own = nnx.merge(graph, parameters)(x, context, prefix, window, left_out)
            # Sequence parallelism: activations saved between layers are split along T (Korthikanti et al. 2022, 4.2.2).
            return constrain(x, ('batch', 'sequence', None)), own

        if isinstance(per_layer, list):
            own = []
            for layer in per_layer:
                x_BxTxD, own_of_layer = block(x_BxTxD, (layer, None))
                own.append(own_of_layer)
        else:
            x_BxTxD, own = jax.lax.scan(_with_remat(block, execution), x_BxTxD, (per_layer, dropout))
        return self.final_norm(x_BxTxD), own

    def unembed(self, hidden: jax.Array) -> jax.Array:
        """Logits in float32: [..., D] to [..., V]."""
        tied = self.config.tied_embedding
        kernel = self.embedding[...] if tied else self.unembedding.kernel[...]
        logits = product(hidden, kernel, transposed=tied, dtype=jnp.float32)
        cap = self.config.logit_softcap
        return logits if cap is None else cap * jnp.tanh(logits / cap)

    def label_log_probs(self, hidden: jax.Array, labels: jax.Array, temperature: float) -> jax.Array:
        """Log-probabilities, float32 [...], of labels [...] after hidden states [..., D]."""
        if hidden.dtype == jnp.float32 and self.config.logit_softcap is None and on_one_cpu():
            kernel = self.embedding[...] if self.config.tied_embedding else self.unembedding.kernel[...].T
            rows = hidden.reshape(-1, hidden.shape[-1]) / temperature
            return log_probs_in_blocks(rows, kernel.astype(rows.dtype), labels.reshape(-1)).reshape(labels.shape)
        return -optax.softmax_cross_entropy_with_integer_labels(self.unembed(hidden) / temperature, labels)

    def _add_positions(self, x_BxTxD: jax.Array, absolute_positions_BxT: jax.Array) -> jax.Array:
        if isinstance(self.config.position, Learned):
            table = self.position_embedding[...].astype(x_BxTxD.dtype)
            x_BxTxD += table[absolute_positions_BxT + self.config.position.offset]
        return constrain(x_BxTxD, ('batch', 'length', None))

    def _windows(self) -> jax.Array | None:
        config = self.config
        if config.window is None:
            return None
        everything = jnp.iinfo(jnp.int32).max
        return jnp.where(jnp.arange(config.num_layers) % config.window_every == 0, config.window, everything)


def _with_remat(block, execution: Execution):
    match execution.remat:
        case 'none':
            return block
        case 'full':
            return jax.checkpoint(block, prevent_cse=False)
        case 'dots':
            policies = jax.checkpoint_policies
            policy = policies.save_from_both_policies(
                policies.dots_with_no_batch_dims_saveable, policies.save_only_these_names(SAVED_NAME)
            )
            return jax.checkpoint(block, prevent_cse=False, policy=policy)
