"""Tokenisation inside tf.data, equal to `PromptFormat.encode_prompt` and `encode_response`; prompts with exemplars."""

import dataclasses
import functools
from collections.abc import Callable, Mapping

import tensorflow as tf

from flan_jax.catalogue.declaration import HISTORY, RANKED_RESPONSES
from flan_jax.data.formats.chat_template import ChatTemplate
from flan_jax.data.formats.format import EOS_MARK, PromptFormat
from flan_jax.data.long_fields import LONG_FIELDS, shortened, unmarked
from flan_jax.data.rendering import Values, interpolate
from flan_jax.data.seqio_vocabulary import encode_continuation, seqio_vocabulary
from flan_jax.data.tokenize_dialogues import DialogueEncoder, tokenize_dialogue
from flan_jax.data.tokenize_rankings import tokenize_ranking
from flan_jax.data.tokenized import EXEMPLARS, INPUTS, INPUTS_CUT, INPUTS_FIT, LENGTH_BOUND, TARGETS, TARGETS_CUT
from flan_jax.tokenizers.vocabulary import Vocabulary

_EOS_MARK = EOS_MARK.encode('utf-8', 'surrogateescape')
"""The mark as a byte, which does not occur in UTF-8."""


def tokenize(
    examples: tf.data.Dataset,
    sequence_length: Mapping[str, int] | None,
    prompt_format: PromptFormat,
    vocabulary: Vocabulary,
    learns_history: bool = False,
) -> tf.data.Dataset:
    """Applies `example_tokenizer` to all examples."""
    tokenize_one = example_tokenizer(sequence_length, prompt_format, vocabulary, learns_history)
    return examples.map(tokenize_one, num_parallel_calls=tf.data.AUTOTUNE)


def example_tokenizer(
    sequence_length: Mapping[str, int] | None,
    prompt_format: PromptFormat,
    vocabulary: Vocabulary,
    learns_history: bool = False,
) -> Callable[[Values], Values]:
    """A function that turns the inputs and targets of an example into the tokens of prompt and response.

    A prompt that is too long loses the last words of its long fields; the features `CUTS` say what was cut. Exemplars
    are prepended as far as they fit; the feature 'shots' is their number. Texts are kept as 'inputs_pretokenized' (the
    whole prompt, with long fields shortened) and 'targets_pretokenized'. Dialogues and chat templates are tokenised in
    Python (`flan_jax.data.tokenize_dialogues`).

    SeqIO's own tokenisation is not used, since it would prefetch 256 examples for every task.

    Args:
      sequence_length: maximal tokens of inputs and targets; None for no limit.
      prompt_format: the text around prompt and response.
      vocabulary: text to token ids.
      learns_history: whether earlier answers of a dialogue are targets, too.
    """
    lengths = sequence_length or {}
    return _traced_once(prompt_format, vocabulary, learns_history, lengths.get(INPUTS), lengths.get(TARGETS))


@functools.cache
def _traced_once(
    prompt_format: PromptFormat,
    vocabulary: Vocabulary,
    learns_history: bool,
    input_length: int | None,
    target_length: int | None,
) -> Callable[[Values], Values]:
    """The function of `example_tokenizer`, traced once per kind of example and vocabulary instead of per dataset."""
    lengths = {INPUTS: input_length, TARGETS: target_length}

    def tokenize_one(example):
        if RANKED_RESPONSES in example:
            return tokenize_ranking(example, lengths, DialogueEncoder(prompt_format, vocabulary))
        if HISTORY in example or isinstance(prompt_format, ChatTemplate):
            return tokenize_dialogue(example, lengths, DialogueEncoder(prompt_format, vocabulary, learns_history))
        return FormatTokenizer(prompt_format, vocabulary).tokenize(example, lengths)

    return tf.function(tokenize_one, autograph=False)


@dataclasses.dataclass(frozen=True)
class FormatTokenizer:
    """Turns strings into tokens, int32 [T], for one prompt format and vocabulary."""

    prompt_format: PromptFormat
    vocabulary: Vocabulary

    def tokenize(self, example: Values, lengths: Mapping[str, int | None]) -> Values:
        """Implements `example_tokenizer` for examples without a dialogue; `lengths` are those of inputs and targets."""
        kept = {name: value for name, value in example.items() if name not in (EXEMPLARS, LONG_FIELDS)}
        targets, exemplars = example[TARGETS], example.get(EXEMPLARS)
        inputs, prompt, cuts = self.fit(example[INPUTS], example.get(LONG_FIELDS), lengths[INPUTS])
        response, cut = self.fit_response(targets, lengths[TARGETS])
        kept |= cuts | cut | {TARGETS: response, f'{TARGETS}_pretokenized': targets}
        if exemplars is None:
            return kept | {INPUTS: prompt, f'{INPUTS}_pretokenized': self.readable(inputs)}
        prompt, shots = self.few_shot_prompt(inputs, exemplars, lengths[INPUTS])
        text = self.readable(inputs, exemplars[: 2 * shots])
        return kept | {INPUTS: prompt, 'shots': shots, f'{INPUTS}_pretokenized': text}

    def prompt(self, text: tf.Tensor, max_length: int | None = None) -> tf.Tensor:
        """The tokens of `PromptFormat.encode_prompt`."""
        bos = self.prompt_format.bos(self.vocabulary)
        tokens = self._encode(self.prompt_format.prompt, {'input': text})
        return self._cut(tf.concat([bos, tokens], 0) if bos else tokens, max_length)

    def fit(
        self, text: tf.Tensor, long_texts: tf.Tensor | None, max_length: int | None
    ) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        """Inputs with long fields shortened to make the prompt fit, and the tokens of the prompt.

        Args:
          text: inputs, a scalar string, with marks in place of long fields.
          long_texts: the long fields, strings [n]; None if there are none.
          max_length: maximal tokens of the prompt; None for no limit.

        Returns:
          The inputs without marks, the prompt's tokens, at most `max_length`, and `INPUTS_CUT` and `INPUTS_FIT`.
        """
        whole = text if long_texts is None else unmarked(text, long_texts)
        inputs, tokens = whole, self.prompt(whole)
        if max_length is None:
            return inputs, tokens, {INPUTS_CUT: tf.constant(False), INPUTS_FIT: tf.constant(True)}

        def shorten():
            inputs = shortened(text, long_texts, self._prompt_length, max_length)
            return inputs, self.prompt(inputs)

        if long_texts is not None:
            inputs, tokens = tf.cond(tf.size(tokens) <= max_length, lambda: (inputs, tokens), shorten)
        cuts = {INPUTS_CUT: inputs != whole, INPUTS_FIT: tf.size(tokens) <= max_length}
        return inputs, self._cut(tokens, max_length), cuts

    def _prompt_length(self, text: str) -> int:
        return len(self.prompt_format.encode_prompt(self.vocabulary, text))

    def fit_response(self, text: tf.Tensor, max_length: int | None) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The tokens of a response, at most `max_length`, and `TARGETS_CUT`."""
        tokens = self.response(text)
        return tokens[:max_length], {TARGETS_CUT: tf.size(tokens) > (max_length or tf.int32.max)}

    def response(self, text: tf.Tensor, max_length: int | None = None) -> tf.Tensor:
        """The tokens of `PromptFormat.encode_response`."""
        continues = self.prompt_format.response_continues
        tokens = self._encode(self.prompt_format.response, {'target': text}, continues)
        return tokens[:max_length]

    def few_shot_prompt(
        self, text: tf.Tensor, exemplars: tf.Tensor, max_length: int | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The prompt after as many of the first exemplars as fit completely.

        Args:
          text: inputs, a scalar string.
          exemplars: inputs and targets, alternating, strings [2n].
          max_length: maximal tokens in total, in addition to `LENGTH_BOUND`; None for no further limit.

        Returns:
          The tokens, and the number of exemplars among them.
        """
        bound = min(LENGTH_BOUND - 1, max_length or LENGTH_BOUND)
        query = self.prompt(text, max_length)
        parts, lengths = self._encode_exemplars(exemplars)
        shots = tf.math.count_nonzero(tf.cumsum(lengths) <= bound - tf.size(query, tf.int64), dtype=tf.int32)
        if not self.prompt_format.exemplar.endswith('{eos}'):
            return self._tokenize_jointly(text, exemplars, query, shots, bound)
        before = self._with_eos(parts)[: shots * self.prompt_format.exemplar.count('{eos}')].flat_values
        begin = len(self.prompt_format.bos(self.vocabulary))
        return tf.concat([query[:begin], before, query[begin:]], 0), shots

    def _tokenize_jointly(
        self, text: tf.Tensor, exemplars: tf.Tensor, query: tf.Tensor, shots: tf.Tensor, bound: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `few_shot_prompt` for formats without EOS between exemplars, which are tokenised as one text.

        Joint tokenisation may need more tokens than the parts, so there may be fewer than `shots` exemplars.
        """
        solved = {'input': exemplars[::2], 'target': exemplars[1::2], 'eos': _EOS_MARK}
        before = interpolate(self.prompt_format.exemplar, solved)

        def with_exemplars(shots):
            return self._encode_joined(tf.strings.reduce_join(before[:shots]), text)

        shots, tokens = tf.while_loop(
            lambda shots, tokens: (shots > 0) & (tf.size(tokens) > bound),
            lambda shots, tokens: (shots - 1, with_exemplars(shots - 1)),
            (shots, with_exemplars(shots)),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None])),
        )
        return tf.cond(shots > 0, lambda: tokens, lambda: query), shots

    def readable(self, text: tf.Tensor, exemplars: tf.Tensor | None = None) -> tf.Tensor:
        """The text of a prompt for people, with a blank line in place of EOS, except at the end."""
        prompt = interpolate(_readable(self.prompt_format.prompt.removesuffix('{eos}')), {'input': text})
        if exemplars is None:
            return prompt
        solved = {'input': exemplars[::2], 'target': exemplars[1::2]}
        return tf.strings.join(
            [tf.strings.reduce_join(interpolate(_readable(self.prompt_format.exemplar), solved)), prompt]
        )

    def _encode(self, template: str, texts: Mapping[str, tf.Tensor], continues: bool = False) -> tf.Tensor:
        """The tokens of a template filled with scalar strings; the text between two EOS is tokenised as a whole."""
        parts = []
        for index, run in enumerate(template.split('{eos}')):
            if index:
                parts.append([self.vocabulary.eos_id])
            if run and continues and not index:
                parts.append(encode_continuation(self.vocabulary, interpolate(run, texts)))
            elif run:
                parts.append(seqio_vocabulary(self.vocabulary).encode_tf(interpolate(run, texts)))
        return tf.concat(parts, 0)

    def _cut(self, tokens: tf.Tensor, max_length: int | None) -> tf.Tensor:
        """At most `max_length` tokens of a prompt; the tokens after its inputs are always kept."""
        end = self.prompt_format.prompt_end(self.vocabulary)
        if max_length is None or not end:
            return tokens[:max_length]
        kept = max(0, max_length - len(end))
        if end[0] == self.vocabulary.eos_id:  # tokenised separately, so the tokens end with `end` in any case
            return tf.concat([tokens[: -len(end)][:kept], end], 0)
        return tf.cond(tf.size(tokens) <= max_length, lambda: tokens, lambda: tf.concat([tokens[:kept], end], 0))

    def _encode_joined(self, before: tf.Tensor, text: tf.Tensor) -> tf.Tensor:
        """The tokens of rendered exemplars, a scalar string with EOS marks, and a prompt, tokenised as one text."""
        rendered = interpolate(self.prompt_format.prompt, {'input': text, 'eos': _EOS_MARK})
        runs = tf.strings.split(tf.strings.join([before, rendered]), _EOS_MARK)
        tokens = self._with_eos(seqio_vocabulary(self.vocabulary).encode_tf(runs)).flat_values[:-1]
        bos = self.prompt_format.bos(self.vocabulary)
        return tf.concat([bos, tokens], 0) if bos else tokens

    def _encode_exemplars(self, exemplars: tf.Tensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """The tokens of every run of text between two EOS, and the length of each exemplar, int64 [n]."""
        solved = {'input': exemplars[::2], 'target': exemplars[1::2]}
        *ended, last = self.prompt_format.exemplar.split('{eos}')
        runs = [*ended, last] if last else ended
        shape = tf.shape(solved['input'])
        texts = tf.stack([tf.broadcast_to(interpolate(run, solved), shape) for run in runs], axis=1)
        parts = seqio_vocabulary(self.vocabulary).encode_tf(tf.reshape(texts, [-1]))
        lengths = tf.reduce_sum(tf.reshape(parts.row_lengths(), [-1, len(runs)]), axis=1)
        return parts, lengths + len(ended)

    def _with_eos(self, parts: tf.RaggedTensor) -> tf.RaggedTensor:
        """The tokens of each text followed by EOS."""
        eos = tf.fill([parts.nrows(), 1], tf.cast(self.vocabulary.eos_id, parts.dtype))
        return tf.concat([parts, eos], 1)


def _readable(template: str) -> str:
    return template.replace('{eos}', '\n\n')
