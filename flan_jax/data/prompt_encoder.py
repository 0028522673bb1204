"""Tokenisation of rendered examples in Python, equal to `flan_jax.data.tokenize` inside tf.data."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from flan_jax.data.formats.chat_template import ChatTemplate
from flan_jax.data.formats.format import EOS_MARK, PromptFormat
from flan_jax.data.long_fields import shortened_text, unmarked_text
from flan_jax.data.rendered import Rendered
from flan_jax.data.tokenize_dialogues import DialogueEncoder
from flan_jax.data.tokenized import INPUTS, LENGTH_BOUND
from flan_jax.tokenizers.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True)
class EncodedPrompt:
    """The tokens of a rendered example.

    Attributes:
      prompt: its tokens, int32 [T].
      text: the prompt for people, with long fields shortened.
      answers: the tokens of each possible answer, int32 [T].
      shots: number of exemplars in the prompt.
      shortened: whether long fields were shortened or earlier turns left out.
      fits: whether the prompt then fits; if not, its end was cut.
    """

    prompt: np.ndarray
    text: str
    answers: tuple[np.ndarray, ...]
    shots: int
    shortened: bool
    fits: bool


@dataclasses.dataclass(frozen=True)
class PromptEncoder:
    """Turns rendered examples into tokens, for one prompt format and vocabulary.

    Attributes:
      prompt_format: the text before, between and after the parts of an example.
      vocabulary: the model's vocabulary.
      max_length: maximal tokens of a prompt.
    """

    prompt_format: PromptFormat
    vocabulary: Vocabulary
    max_length: int

    def encode(self, rendered: Rendered) -> EncodedPrompt:
        """The tokens of the prompt, after as many exemplars as fit completely, and of all possible answers."""
        if rendered.is_dialogue or isinstance(self.prompt_format, ChatTemplate):
            return self._encode_dialogue(rendered)
        question, whole, long_texts = rendered.dialogue.question, rendered.dialogue.question, rendered.long_texts
        if long_texts:
            question = whole = unmarked_text(whole, long_texts)
            if self._length(whole) > self.max_length:
                question = shortened_text(rendered.dialogue.question, long_texts, self._length, self.max_length)
        prompt, shots = self.few_shot_prompt(question, rendered.exemplars)
        return EncodedPrompt(
            prompt=np.array(prompt, np.int32),
            text=self._readable(question, rendered.exemplars[: 2 * shots]),
            answers=tuple(self._answer(text) for text in rendered.all_answers),
            shots=shots,
            shortened=question != whole,
            fits=self._length(question) <= self.max_length,
        )

    def few_shot_prompt(self, text: str, exemplars: Sequence[str]) -> tuple[list[int], int]:
        """The tokens of the prompt after as many of the first exemplars as fit completely, and their number.

        Args:
          text: inputs.
          exemplars: inputs and targets, alternating.
        """
        bound = min(LENGTH_BOUND - 1, self.max_length)
        query = self.prompt_format.encode_prompt(self.vocabulary, text, self.max_length)
        before = [self._exemplar(solved) for solved in zip(exemplars[::2], exemplars[1::2])]
        lengths = itertools.accumulate(len(self._encode(exemplar)) for exemplar in before)
        shots = sum(length <= bound - len(query) for length in lengths)
        if self.prompt_format.exemplar.endswith('{eos}'):
            begin = len(self.prompt_format.bos(self.vocabulary))
            solved = itertools.chain.from_iterable(map(self._encode, before[:shots]))
            return [*query[:begin], *solved, *query[begin:]], shots
        while shots:  # without EOS between them, exemplars and prompt are tokenised as one text
            together = ''.join(before[:shots]) + self.prompt_format.prompt.format(input=text, eos=EOS_MARK)
            tokens = self.prompt_format.bos(self.vocabulary) + self._encode(together)
            if len(tokens) <= bound:
                return tokens, shots
            shots -= 1
        return query, 0

    def _encode_dialogue(self, rendered: Rendered) -> EncodedPrompt:
        encoder = DialogueEncoder(self.prompt_format, self.vocabulary)
        dialogue, shortened = encoder.fit_inputs(rendered.dialogue, rendered.long_texts, self.max_length)
        encoded = [
            encoder.encode(dataclasses.replace(dialogue, answer=answer), rendered.exemplars, {INPUTS: self.max_length})
            for answer in rendered.all_answers
        ]
        first, shots = encoded[0]
        return EncodedPrompt(
            prompt=np.array(first.prompt, np.int32),
            text=first.prompt_text,
            answers=tuple(np.array(each.response, np.int32) for each, _ in encoded),
            shots=shots,
            shortened=shortened or first.prompt_cut,
            fits=first.prompt_fits,
        )

    def _length(self, text: str) -> int:
        return len(self.prompt_format.encode_prompt(self.vocabulary, text))

    def _answer(self, text: str) -> np.ndarray:
        return np.array(self.prompt_format.encode_response(self.vocabulary, text), np.int32)

    def _exemplar(self, solved: tuple[str, str]) -> str:
        return self.prompt_format.exemplar.format(input=solved[0], target=solved[1], eos=EOS_MARK)

    def _encode(self, text: str) -> list[int]:
        """The tokens of a text with EOS marks; the text between two marks is tokenised as a whole."""
        first, *others = map(self.vocabulary.encode, text.split(EOS_MARK))
        return [*first, *itertools.chain.from_iterable([self.vocabulary.eos_id, *other] for other in others)]

    def _readable(self, text: str, exemplars: Sequence[str]) -> str:
        """The text of a prompt for people, with a blank line in place of EOS, except at the end."""
        before = map(self._exemplar, zip(exemplars[::2], exemplars[1::2]))
        prompt = self.prompt_format.prompt.removesuffix('{eos}').format(input=text, eos=EOS_MARK)
        return (''.join(before) + prompt).replace(EOS_MARK, '\n\n')
