"""Tokenisation of a prompt with several responses: the prompt once, and every response as its continuation."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from flan_jax.catalogue.declaration import BEFORE, RANKED, RANKED_RESPONSES, RANKED_SCORES
from flan_jax.data.long_fields import LONG_FIELDS
from flan_jax.data.rendering import Values
from flan_jax.data.tokenize_dialogues import DialogueEncoder, dialogue_of, texts_of
from flan_jax.data.tokenized import BRANCH_LENGTHS, BRANCHES, CUTS, EXEMPLARS, INPUTS, SCORES, TARGETS
from flan_jax.errors import UserError


def tokenize_ranking(example: Values, lengths: Mapping[str, int | None], encoder: DialogueEncoder) -> Values:
    """As `tokenize_dialogue`, for an example with ranked responses, which become `BRANCHES` and their `SCORES`.

    Targets are the first response. Everything before the responses is the prompt. If it is too long, it loses its first
    turns; if that is not enough, it is marked as not fitting. A response that is too long is truncated like targets.
    """

    def in_python(responses, *values):
        dialogue, exemplars, long_texts = dialogue_of(values)
        dialogue, shortened = encoder.fit_inputs(dialogue, long_texts, lengths.get(INPUTS))
        answered = [dataclasses.replace(dialogue, answer=response.decode()) for response in responses]
        encoded, shots = zip(*(encoder.encode(one, exemplars, lengths) for one in answered))
        first = encoded[0]
        if any(other.prompt != first.prompt for other in encoded):
            raise UserError(
                'responses cannot be ranked in a prompt format whose prompt depends on the response; '
                'choose another Run.prompt_format'
            )
        branches = [np.array(one.response, np.int32) for one in encoded]
        cuts = shortened or first.prompt_cut, first.prompt_fits, any(one.response_cut for one in encoded)
        sizes = np.array([len(branch) for branch in branches], np.int32)
        ids = np.array(first.prompt, np.int32), branches[0], np.concatenate(branches), sizes
        return *ids, np.int32(shots[0]), first.prompt_text.encode(), *map(np.bool_, cuts)

    types = (tf.int32,) * 5 + (tf.string,) + (tf.bool,) * 3
    found = tf.numpy_function(in_python, [example[RANKED_RESPONSES], *texts_of(example)], types, stateful=False)
    for tensor, shape in zip(found, [[None]] * 4 + [[]] * 5):
        tensor.set_shape(shape)
    prompt, first, branches, sizes, shots, text, *cuts = found
    gone = (*BEFORE, *RANKED, EXEMPLARS, LONG_FIELDS)
    kept = {name: value for name, value in example.items() if name not in gone}
    kept |= {f'{TARGETS}_pretokenized': example[TARGETS], f'{INPUTS}_pretokenized': text} | dict(zip(CUTS, cuts))
    kept |= {INPUTS: prompt, TARGETS: first, BRANCHES: branches, BRANCH_LENGTHS: sizes}
    return kept | {SCORES: example[RANKED_SCORES]} | ({'shots': shots} if EXEMPLARS in example else {})
