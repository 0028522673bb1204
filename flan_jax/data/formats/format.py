"""What a prompt format is: what stands before, between and after the texts of an example."""

import abc
import dataclasses
from typing import Any, ClassVar

from flan_jax.data.formats.dialogue import Dialogue, EncodedDialogue, split_at
from flan_jax.errors import UserError
from flan_jax.settings import Settings
from flan_jax.tokenizers.vocabulary import Vocabulary

EOS_MARK = '\udcff'
"""Stands for the EOS token while a prompt is text: half a character, which no text of data has."""

AS_TEXT = '\udcfe'
"""Stands before and after what data has written like a special token, while a prompt is text."""


@dataclasses.dataclass(frozen=True)
class PromptFormat(Settings, abc.ABC):
    """How the inputs and targets of examples become prompts and responses.

    A format is a subclass with three texts, in which {input} and {target} stand for an example's inputs and targets and
    {eos} for the EOS token. What stands between two EOS is tokenised as one text, and a response as what it is: the
    continuation of its prompt. It needs a file of its own in this folder and nothing else.

    Attributes:
      prompt: what a model is given, such as '{input}{eos}'.
      response: what it shall write, such as '{target}{eos}'.
      exemplar: what stands before the prompt for every solved example, such as '{input}{eos}{target}{eos}'.
      begins_with_bos: whether prompts begin with the BOS token, where the vocabulary has one.
      system: what a system message becomes before the first prompt.

    Dialogues are exemplars that may be learned: what an exemplar has after prompt and response stands between turns.
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
        """What records and reports call the format."""
        return type(self).__name__.lower()

    @property
    def recipe(self) -> dict[str, Any]:
        """All that the tokens depend on besides texts and vocabulary, as JSON knows it."""
        texts = {name: getattr(self, name) for name in ('prompt', 'response', 'exemplar', 'begins_with_bos')}
        return {'name': self.name} | texts | dataclasses.asdict(self)

    @property
    def response_continues(self) -> bool:
        """Whether a response goes on in the text of its prompt, rather than after a special token."""
        return not self.prompt.endswith('{eos}')

    def encode_prompt(self, vocabulary: Vocabulary, text: str, max_length: int | None = None) -> list[int]:
        """The tokens of a prompt.

        Args:
          vocabulary: the model's.
          text: an example's inputs.
          max_length: tokens that the prompt may have; a longer one loses the end of `text`, not what follows it.
        """
        ids = self._encode(vocabulary, self.prompt.format(input=text, eos=EOS_MARK), continues=False)
        ids = self.bos(vocabulary) + ids
        return _cut(ids, self.prompt_end(vocabulary), max_length)

    def encode_response(self, vocabulary: Vocabulary, text: str, max_length: int | None = None) -> list[int]:
        """The tokens of a response.

        Args:
          vocabulary: the model's.
          text: an example's targets.
          max_length: tokens that the response may have; a longer one goes on after them, so it has no end.
        """
        ids = self._encode(vocabulary, self.response.format(target=text, eos=EOS_MARK), self.response_continues)
        return ids[:max_length]

    def encode_empty_prompt(self, vocabulary: Vocabulary) -> list[int]:
        """What stands before a response whose probability is taken by itself: no text, or a new document.

        One token at least, since a response's first token is predicted from it.
        """
        return self.encode_prompt(vocabulary, '') or [vocabulary.eos_id]

    def segments(self, vocabulary: Vocabulary, dialogue: Dialogue) -> list[str]:
        """The text of a dialogue: what is read, an answer with its end, and so on; `EOS_MARK` stands for EOS."""
        if dialogue.history and not self.exemplar.startswith(self.prompt + self.response):
            raise UserError(
                f'prompt format {self.name!r}: its exemplar does not begin with its prompt and response, so nothing '
                'says what stands between the turns of a dialogue'
            )
        before = self.system.format(system=dialogue.system) if dialogue.system else ''
        turns, segments = dialogue.turns, []
        between = self.exemplar.removeprefix(self.prompt + self.response).format(eos=EOS_MARK) if turns[1:] else ''
        for place, (question, answer) in enumerate(turns, start=1):
            prompt = self.prompt_text(question, dialogue.context if place == len(turns) else '')
            segments += [before + prompt, self.response.format(target=answer, eos=EOS_MARK)]
            before = between
        return segments

    def asked_segments(self, vocabulary: Vocabulary, dialogue: Dialogue) -> list[str]:
        """As `segments`, of which only the last answer is learned: the last two are its question and itself."""
        return self.segments(vocabulary, dialogue)

    def prompt_text(self, question: str, context: str) -> str:
        """The text of a prompt; `context` is the part of the question that it is about, with which it ends."""
        return self.prompt.format(input=question, eos=EOS_MARK)

    def encode_learned(
        self, vocabulary: Vocabulary, dialogue: Dialogue, max_prompt: int | None = None, max_response: int | None = None
    ) -> EncodedDialogue:
        """A dialogue of which every answer is learned.

        Args:
          vocabulary: the model's.
          dialogue: its texts.
          max_prompt: tokens that the first question may have, with what stands around it; a longer one loses its end.
          max_response: tokens from the first answer on; the last turns are left out as far as they do not fit, and an
            answer that does not fit by itself is cut and has no end.
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
        """A dialogue of which the last answer is wanted; all else is its prompt.

        As `encode_learned`, but for a prompt that is too long: it loses its first turns, then the question's end.
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
        """Tokens of each segment: the first with BOS, others as continuing what is before, but after EOS."""
        continues = [False, *(not segment.endswith(EOS_MARK) for segment in segments[:-1])]
        first, *others = (self._encode(vocabulary, text, goes_on) for text, goes_on in zip(segments, continues))
        return [self.bos(vocabulary) + first, *others]

    def _encode(self, vocabulary: Vocabulary, text: str, continues: bool) -> list[int]:
        """A text with marks of EOS to tokens; where it `continues` another, no space is put before it."""
        first, *others = text.split(EOS_MARK)
        ids = self.encode_run(vocabulary, first, continues)
        for other in others:
            ids += [vocabulary.eos_id, *self.encode_run(vocabulary, other, False)]
        return ids

    def encode_run(self, vocabulary: Vocabulary, text: str, continues: bool) -> list[int]:
        """What stands between two EOS to tokens: no other special token comes of it."""
        return vocabulary.encode_continuation(text) if continues else vocabulary.encode(text)

    def guarded(self, vocabulary: Vocabulary, dialogue: Dialogue) -> Dialogue:
        """A dialogue whose texts stay text among the format's own words; as it is where these name no special token."""
        return dialogue

    def _within(
        self,
        vocabulary: Vocabulary,
        encoded: EncodedDialogue,
        end: str,
        max_prompt: int | None,
        max_response: int | None,
    ) -> EncodedDialogue:
        """Tokens as many as allowed; a prompt keeps the tokens of the text `end`."""
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
        """Id of the token that ends an answer, so that nothing more is generated."""
        return vocabulary.eos_id

    def stops(self) -> tuple[str, ...]:
        """Texts with which an answer ends, beside its last token; they are no part of it."""
        return ()

    def finish(self, text: str) -> str:
        """What of a generated text is the answer."""
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
