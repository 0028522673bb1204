"""The interface of prompt formats: the text before, between and after the parts of an example."""

import abc
import dataclasses
from typing import Any, ClassVar

from flan_jax.data.formats.dialogue import ANSWER_PLACEHOLDER, Dialogue, EncodedDialogue, split_at
from flan_jax.errors import UserError
from flan_jax.settings import Settings
from flan_jax.tokenizers.vocabulary import Vocabulary

EOS_MARK = '\udcff'
"""Placeholder for the EOS token in the text of a prompt: a lone surrogate, which occurs in no data."""

AS_TEXT = '\udcfe'
"""Delimiter, in the text of a prompt, around data that look like a special token."""


@dataclasses.dataclass(frozen=True)
class PromptFormat(Settings, abc.ABC):
    """How the inputs and targets of examples become prompts and responses.

    A format is a subclass with three texts, in which {input} and {target} are placeholders for an example's inputs and
    targets, and {eos} for the EOS token. The text between two EOS is tokenised as a whole. A response is tokenised as
    the continuation of its prompt. A new format is a new file in this folder.

    Attributes:
      prompt: text of a prompt, such as '{input}{eos}'.
      response: text of a response, such as '{target}{eos}'.
      exemplar: text of an exemplar before the prompt, such as '{input}{eos}{target}{eos}'.
      begins_with_bos: whether prompts start with the BOS token, if the vocabulary has one.
      system: text of a system message before the first prompt.

    The turns of a dialogue are written like exemplars: the end of an exemplar's text, after prompt and response,
    separates turns.
    """

    begins_with_bos: ClassVar[bool] = True
    system: ClassVar[str] = '{system}\n\n'

    @property
    @abc.abstractmethod
    def prompt(self) -> str: ...

    @property
    @abc.abstractmethod
    def response(self) -> str: ...

    @property
    @abc.abstractmethod
    def exemplar(self) -> str: ...

    @property
    def name(self) -> str:
        """Name of the format in records and reports."""
        return type(self).__name__.lower()

    @property
    def recipe(self) -> dict[str, Any]:
        """Everything that tokens depend on, except for texts and vocabulary, in JSON form."""
        texts = {name: getattr(self, name) for name in ('prompt', 'response', 'exemplar', 'begins_with_bos')}
        return {'name': self.name} | texts | dataclasses.asdict(self)

    @property
    def response_continues(self) -> bool:
        """Whether a response continues the text of its prompt, instead of following a special token."""
        return not self.prompt.endswith('{eos}')

    def encode_prompt(self, vocabulary: Vocabulary, text: str, max_length: int | None = None) -> list[int]:
        """The tokens of a prompt.

        Args:
          vocabulary: the model's vocabulary.
          text: an example's inputs.
          max_length: maximal tokens; a longer prompt loses the end of `text`, but not the text of the format after it.
        """
        ids = self._encode(vocabulary, self.prompt.format(input=text, eos=EOS_MARK), continues=False)
        ids = self.bos(vocabulary) + ids
        return _cut(ids, self.prompt_end(vocabulary), max_length)

    def encode_question(self, vocabulary: Vocabulary, question: str, context: str = '') -> list[int]:
        """The tokens of a prompt; `context` is the end of the question, the text that it is about, empty for none."""
        if not context:
            return self.encode_prompt(vocabulary, question)
        return self.encode_asked(vocabulary, Dialogue(question, ANSWER_PLACEHOLDER, context=context)).prompt

    def encode_response(self, vocabulary: Vocabulary, text: str, max_length: int | None = None) -> list[int]:
        """The tokens of a response.

        Args:
          vocabulary: the model's vocabulary.
          text: an example's targets.
          max_length: maximal tokens; a longer response is truncated, without EOS.
        """
        ids = self._encode(vocabulary, self.response.format(target=text, eos=EOS_MARK), self.response_continues)
        return ids[:max_length]

    def encode_empty_prompt(self, vocabulary: Vocabulary) -> list[int]:
        """The tokens of a prompt without text, for the unconditional probability of a response.

        At least one token, from which the first token of the response is predicted.
        """
        return self.encode_prompt(vocabulary, '') or [vocabulary.eos_id]

    def segments(self, vocabulary: Vocabulary, dialogue: Dialogue) -> list[str]:
        """The texts of a dialogue: prompt, answer with its end, next prompt, and so on, with `EOS_MARK` for EOS."""
        if dialogue.history and not self.exemplar.startswith(self.prompt + self.response):
            raise UserError(
                f'prompt format {self.name!r}: exemplar does not start with prompt and response, so the separator '
                'between turns cannot be determined'
            )
        before = self.system.format(system=dialogue.system) if dialogue.system else ''
        turns, segments = dialogue.turns, []
        between = self.exemplar.removeprefix(self.prompt + self.response).format(eos=EOS_MARK) if turns[1:] else ''
        for turn, (question, answer) in enumerate(turns, start=1):
            prompt = self.prompt_text(question, dialogue.context if turn == len(turns) else '')
            segments += [before + prompt, self.response.format(target=answer, eos=EOS_MARK)]
            before = between
        return segments

    def asked_segments(self, vocabulary: Vocabulary, dialogue: Dialogue) -> list[str]:
        """As `segments`, of which only the last answer is learned: the last two are its question and itself."""
        return self.segments(vocabulary, dialogue)

    def prompt_text(self, question: str, context: str) -> str:
        """The text of a prompt; `context` is the end of the question, the text that it is about."""
        return self.prompt.format(input=question, eos=EOS_MARK)

    def encode_learned(
        self, vocabulary: Vocabulary, dialogue: Dialogue, max_prompt: int | None = None, max_response: int | None = None
    ) -> EncodedDialogue:
        """Encodes a dialogue in which every answer is learned.

        Args:
          vocabulary: the model's vocabulary.
          dialogue: its texts.
          max_prompt: maximal tokens of the first question with the format's text; a longer question loses its end.
          max_response: maximal tokens from the first answer on. Last turns that do not fit are left out; a first answer
            that does not fit is truncated, without EOS.
        """
        dialogue = self.guarded(vocabulary, dialogue)
        turns = len(dialogue.turns)
        while True:
            segments = self.segments(vocabulary, dialogue)
            encoded = split_at(self._encode_segments(vocabulary, segments), 1, readable(segments[:1]))
            if not dialogue.history or max_response is None or len(encoded.response) <= max_response:
                break
            *history, question, answer = dialogue.history
            dialogue = dataclasses.replace(
                dialogue, history=tuple(history), question=question, answer=answer, context=''
            )
        end = _text_after(dialogue.turns[0][0], segments[0])
        encoded = dataclasses.replace(encoded, response_cut=len(dialogue.turns) < turns)
        return self._within(vocabulary, encoded, end, max_prompt, max_response)

    def encode_asked(
        self, vocabulary: Vocabulary, dialogue: Dialogue, max_prompt: int | None = None, max_response: int | None = None
    ) -> EncodedDialogue:
        """Encodes a dialogue in which only the last answer is the response; everything before is the prompt.

        Arguments as in `encode_learned`. A prompt that is too long loses its first turns, then the question's end.
        """
        dialogue = self.guarded(vocabulary, dialogue)
        turns = len(dialogue.turns)
        while True:
            segments = self.asked_segments(vocabulary, dialogue)
            ids = self._encode_segments(vocabulary, segments)
            encoded = split_at(ids, len(segments) - 1, readable(segments[:-1]))
            if not dialogue.history or max_prompt is None or len(encoded.prompt) <= max_prompt:
                break
            dialogue = dataclasses.replace(dialogue, history=dialogue.history[2:])
        end = _text_after(dialogue.question, segments[-2])
        encoded = dataclasses.replace(encoded, prompt_cut=len(dialogue.turns) < turns)
        return self._within(vocabulary, encoded, end, max_prompt, max_response)

    def _encode_segments(self, vocabulary: Vocabulary, segments: list[str]) -> list[list[int]]:
        """The tokens of each segment: the first with BOS, the others as continuations unless they follow EOS."""
        continuations = [False, *(not segment.endswith(EOS_MARK) for segment in segments[:-1])]
        first, *others = (self._encode(vocabulary, *segment) for segment in zip(segments, continuations))
        return [self.bos(vocabulary) + first, *others]

    def _encode(self, vocabulary: Vocabulary, text: str, continues: bool) -> list[int]:
        """The tokens of a text with EOS marks; if it `continues` another text, no space is added before it."""
        first, *others = text.split(EOS_MARK)
        ids = self.encode_run(vocabulary, first, continues)
        for other in others:
            ids += [vocabulary.eos_id, *self.encode_run(vocabulary, other, False)]
        return ids

    def encode_run(self, vocabulary: Vocabulary, text: str, continues: bool) -> list[int]:
        """The tokens of the text between two EOS, without any special token."""
        return vocabulary.encode_continuation(text) if continues else vocabulary.encode(text)

    def guarded(self, vocabulary: Vocabulary, dialogue: Dialogue) -> Dialogue:
        """The dialogue with data that look like special tokens delimited; unchanged if the format has none."""
        return dialogue

    def _within(
        self,
        vocabulary: Vocabulary,
        encoded: EncodedDialogue,
        end: str,
        max_prompt: int | None,
        max_response: int | None,
    ) -> EncodedDialogue:
        """Truncates prompt and response; the prompt keeps the tokens of the text `end`."""
        prompt = _cut(encoded.prompt, self._encode(vocabulary, end, continues=True), max_prompt)
        response = encoded.response[:max_response]
        return dataclasses.replace(
            encoded,
            prompt=prompt,
            response=response,
            weights=encoded.weights[:max_response],
            prompt_fits=len(prompt) == len(encoded.prompt),
            response_cut=encoded.response_cut or len(response) < len(encoded.response),
        )

    def end_id(self, vocabulary: Vocabulary) -> int:
        """Id of the token that ends a generated answer."""
        return vocabulary.eos_id

    def stops(self) -> tuple[str, ...]:
        """Texts that end a generated answer, in addition to `end_id`; they are not part of it."""
        return ()

    def finish(self, text: str) -> str:
        """The answer in a generated text."""
        for stop in self.stops():
            text = text.partition(stop)[0]
        return text.strip()

    def bos(self, vocabulary: Vocabulary) -> list[int]:
        """The tokens that prompts begin with."""
        return [vocabulary.bos_id] if self.begins_with_bos and vocabulary.bos_id is not None else []

    def prompt_end(self, vocabulary: Vocabulary) -> list[int]:
        """The tokens that follow the inputs in every prompt."""
        return self._encode(vocabulary, self.prompt.partition('{input}')[2].format(eos=EOS_MARK), continues=True)


def readable(segments: list[str]) -> str:
    """Text as people read it, with a blank line for EOS and none at the end."""
    return ''.join(segments).replace(AS_TEXT, '').removesuffix(EOS_MARK).replace(EOS_MARK, '\n\n')


def _text_after(text: str, segment: str) -> str:
    shown = text if text in segment else text.strip()  # as templates show it that take off the blanks around
    return segment.rpartition(shown)[2] if shown else ''


def _cut(ids: list[int], end: list[int], max_length: int | None) -> list[int]:
    if max_length is None or len(ids) <= max_length:
        return ids
    return ids[: max(0, max_length - len(end))] + end
