"""Tokenisation in Python, inside tf.data: dialogues, and prompt formats that three texts do not describe."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from flan_jax.catalogue.declaration import BEFORE, CONTEXT, HISTORY, SYSTEM
from flan_jax.data.formats.dialogue import Dialogue, EncodedDialogue
from flan_jax.data.formats.format import PromptFormat
from flan_jax.tokenizers.vocabulary import Vocabulary

INPUTS, TARGETS, WEIGHTS = 'inputs', 'targets', 'weights'

INPUTS_CUT, INPUTS_FIT, TARGETS_CUT = 'inputs_cut', 'inputs_fit', 'targets_cut'
"""Features of a tokenised dialogue, booleans: whether its prompt has lost turns; whether its prompt fits, or has lost
the end of its question; whether its response has lost turns, or the end of an answer."""

EXEMPLARS = 'exemplars'
"""Feature of an example before it is tokenised: inputs and targets of its exemplars in turn, strings of shape [2n]."""

LENGTH_BOUND = 960
"""A prompt with exemplars is shorter than this many tokens, all of it counted (FLAN, section 4.4)."""

_TEXTS = (SYSTEM, CONTEXT, INPUTS, TARGETS)
_LISTS = (HISTORY, EXEMPLARS)


@dataclasses.dataclass(frozen=True)
class DialogueEncoder:
    """Texts to tokens in one format and vocabulary.

    Attributes:
      prompt_format: what stands before, between and after the texts.
      vocabulary: the model's.
      learns_history: whether the answers before the last one are learned, rather than part of the prompt.
    """

    prompt_format: PromptFormat
    vocabulary: Vocabulary
    learns_history: bool = False

    def encode(
        self, dialogue: Dialogue, exemplars: Sequence[str], lengths: Mapping[str, int]
    ) -> tuple[EncodedDialogue, int]:
        """The tokens of a dialogue after as many of the first exemplars as fit whole, and their number.

        Args:
          dialogue: the texts.
          exemplars: inputs and targets of exemplars in turn.
          lengths: tokens of prompt and response at most, by 'inputs' and 'targets'; None for no bound.
        """
        encode = self.prompt_format.encode_learned if self.learns_history else self.prompt_format.encode_asked
        bounds = lengths.get(INPUTS), lengths.get(TARGETS)
        bound = min(LENGTH_BOUND - 1, bounds[0] or LENGTH_BOUND)
        for shots in range(len(exemplars) // 2, 0, -1):
            longer = dataclasses.replace(dialogue, history=(*exemplars[: 2 * shots], *dialogue.history))
            encoded = encode(self.vocabulary, longer, None, bounds[1])
            if len(encoded.prompt) <= bound:
                return encoded, shots
        return encode(self.vocabulary, dialogue, *bounds), 0


def tokenize_dialogues(
    examples: tf.data.Dataset, sequence_length: Mapping[str, int] | None, encoder: DialogueEncoder
) -> tf.data.Dataset:
    """As `flan_jax.data.tokenize.tokenize`; where earlier answers are learned, 'weights' says which targets are.

    What stands before a question becomes part of the prompt, or of the targets from the first answer on.
    """
    lengths = dict(sequence_length or {})

    def in_python(*values):
        texts = {name: value.decode() for name, value in zip(_TEXTS, values)}
        history, exemplars = ([text.decode() for text in value] for value in values[len(_TEXTS) :])
        dialogue = Dialogue(texts[INPUTS], texts[TARGETS], tuple(history), texts[SYSTEM], texts[CONTEXT])
        encoded, shots = encoder.encode(dialogue, exemplars, lengths)
        ids = (np.array(part, np.int32) for part in (encoded.prompt, encoded.response))
        misfit = encoded.prompt_cut and encoder.learns_history
        cuts = (np.bool_(cut) for cut in (encoded.prompt_cut and not misfit, not misfit, encoded.response_cut))
        return *ids, np.array(encoded.weights, np.float32), np.int32(shots), *cuts, encoded.prompt_text.encode()

    def tokenize_one(example):
        values = [example.get(name, '') for name in _TEXTS]
        values += [example.get(name, tf.constant([], tf.string)) for name in _LISTS]
        types = (tf.int32, tf.int32, tf.float32, tf.int32, tf.bool, tf.bool, tf.bool, tf.string)
        found = tf.numpy_function(in_python, values, types, stateful=False)
        for tensor, shape in zip(found, ([None], [None], [None], [], [], [], [], [])):
            tensor.set_shape(shape)
        prompt, response, weights, shots, *cuts, text = found
        kept = {name: value for name, value in example.items() if name not in (*BEFORE, EXEMPLARS)}
        kept |= {f'{TARGETS}_pretokenized': example[TARGETS], f'{INPUTS}_pretokenized': text}
        kept |= dict(zip((INPUTS_CUT, INPUTS_FIT, TARGETS_CUT), cuts))
        if EXEMPLARS in example:
            kept['shots'] = shots
        return kept | {INPUTS: prompt, TARGETS: response} | ({WEIGHTS: weights} if encoder.learns_history else {})

    return examples.map(tokenize_one, num_parallel_calls=tf.data.AUTOTUNE)
