"""Tokenisation in Python inside tf.data, for dialogues and chat templates."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from flan_jax.catalogue.declaration import BEFORE, CONTEXT, HISTORY, SYSTEM
from flan_jax.data.formats.dialogue import Dialogue, EncodedDialogue
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.long_fields import LONG_FIELDS, decoded, shortened_text, unmarked_text
from flan_jax.data.rendering import Values
from flan_jax.data.tokenized import CUTS, EXEMPLARS, INPUTS, LENGTH_BOUND, TARGETS, WEIGHTS
from flan_jax.tokenizers.vocabulary import Vocabulary

_TEXTS = (SYSTEM, CONTEXT, INPUTS, TARGETS)
_LISTS = (HISTORY, EXEMPLARS, LONG_FIELDS)


@dataclasses.dataclass(frozen=True)
class DialogueEncoder:
    """Turns dialogues into tokens, for one prompt format and vocabulary.

    Attributes:
      prompt_format: the text before, between and after the parts of a dialogue.
      vocabulary: the model's vocabulary.
      learns_history: whether earlier answers are learned, instead of being part of the prompt.
    """

    prompt_format: PromptFormat
    vocabulary: Vocabulary
    learns_history: bool = False

    def encode(
        self, dialogue: Dialogue, exemplars: Sequence[str], lengths: Mapping[str, int]
    ) -> tuple[EncodedDialogue, int]:
        """The tokens of a dialogue after as many of the first exemplars as fit completely, and their number.

        Args:
          dialogue: the texts.
          exemplars: inputs and targets of exemplars, alternating.
          lengths: maximal tokens of prompt and response, by 'inputs' and 'targets'; None for no limit.
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

    def fit_inputs(
        self, dialogue: Dialogue, long_texts: Sequence[str], max_length: int | None
    ) -> tuple[Dialogue, bool]:
        """The dialogue with long fields in place of marks, and whether they had to be shortened."""
        if not long_texts:
            return dialogue, False

        def count(question):
            asked = dataclasses.replace(dialogue, question=question)
            return len(self.prompt_format.encode_asked(self.vocabulary, asked).prompt)

        whole = unmarked_text(dialogue.question, long_texts)
        if max_length is None or count(whole) <= max_length:
            return dataclasses.replace(dialogue, question=whole), False
        question = shortened_text(dialogue.question, long_texts, count, max_length)
        return dataclasses.replace(dialogue, question=question), True


def tokenize_dialogue(example: Values, lengths: Mapping[str, int | None], encoder: DialogueEncoder) -> Values:
    """Implements `tokenize.example_tokenizer` for dialogues.

    Earlier turns are part of the prompt. If earlier answers are learned, the targets start at the first answer, and
    the feature 'weights' marks the learned tokens.
    """

    def in_python(*values):
        dialogue, exemplars, long_texts = dialogue_of(values)
        dialogue, shortened = encoder.fit_inputs(dialogue, long_texts, lengths.get(INPUTS))
        encoded, shots = encoder.encode(dialogue, exemplars, lengths)
        ids = (np.array(part, np.int32) for part in (encoded.prompt, encoded.response))
        cuts = (shortened or encoded.prompt_cut, encoded.prompt_fits, encoded.response_cut)
        weights, text = np.array(encoded.weights, np.float32), encoded.prompt_text.encode()
        return *ids, weights, np.int32(shots), text, *map(np.bool_, cuts)

    types = (tf.int32, tf.int32, tf.float32, tf.int32, tf.string, tf.bool, tf.bool, tf.bool)
    found = tf.numpy_function(in_python, texts_of(example), types, stateful=False)
    for tensor, shape in zip(found, ([None], [None], [None], [], [], [], [], [])):
        tensor.set_shape(shape)
    prompt, response, weights, shots, text, *cuts = found
    kept = {name: value for name, value in example.items() if name not in (*BEFORE, EXEMPLARS, LONG_FIELDS)}
    kept |= {f'{TARGETS}_pretokenized': example[TARGETS], f'{INPUTS}_pretokenized': text} | dict(zip(CUTS, cuts))
    if EXEMPLARS in example:
        kept['shots'] = shots
    return kept | {INPUTS: prompt, TARGETS: response} | ({WEIGHTS: weights} if encoder.learns_history else {})


def texts_of(example: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
    """The texts of an example, which are the arguments of `dialogue_of` in Python."""
    return [
        *(example.get(name, '') for name in _TEXTS),
        *(example.get(name, tf.constant([], tf.string)) for name in _LISTS),
    ]


def dialogue_of(values: Sequence) -> tuple[Dialogue, list[str], list[str]]:
    """The dialogue, the exemplars and the long fields in the values of `texts_of`."""
    texts = {name: decoded(value) if name == INPUTS else value.decode() for name, value in zip(_TEXTS, values)}
    history, exemplars, long_texts = ([text.decode() for text in value] for value in values[len(_TEXTS) :])
    dialogue = Dialogue(texts[INPUTS], texts[TARGETS], tuple(history), texts[SYSTEM], texts[CONTEXT])
    return dialogue, exemplars, long_texts
