"""What a prompt format is: what stands before, between and after the texts of an example."""

import abc
import dataclasses
from typing import Any, ClassVar

from flan_jax.settings import Settings
from flan_jax.tokenizers.vocabulary import Vocabulary

EOS_MARK = '\x00eos\x00'
"""Stands for the EOS token while a prompt is text."""


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
    """

    begins_with_bos: ClassVar[bool] = True

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
        ids = _encode(vocabulary, self.prompt.format(input=text, eos=EOS_MARK), continues=False)
        ids = self.bos(vocabulary) + ids
        if max_length is None or len(ids) <= max_length:
            return ids
        end = self.prompt_end(vocabulary)
        return ids[: max(0, max_length - len(end))] + end

    def encode_response(self, vocabulary: Vocabulary, text: str, max_length: int | None = None) -> list[int]:
        """The tokens of a response.

        Args:
          vocabulary: the model's.
          text: an example's targets.
          max_length: tokens that the response may have; a longer one goes on after them, so it has no end.
        """
        ids = _encode(vocabulary, self.response.format(target=text, eos=EOS_MARK), self.response_continues)
        return ids[:max_length]

    def encode_empty_prompt(self, vocabulary: Vocabulary) -> list[int]:
        """What stands before a response whose probability is taken by itself: no text, or a new document.

        One token at least, since a response's first token is predicted from it.
        """
        return self.encode_prompt(vocabulary, '') or [vocabulary.eos_id]

    def finish(self, text: str) -> str:
        """What of a generated text is the answer."""
        return text.strip()

    def bos(self, vocabulary: Vocabulary) -> list[int]:
        """The tokens that prompts begin with."""
        return [vocabulary.bos_id] if self.begins_with_bos and vocabulary.bos_id is not None else []

    def prompt_end(self, vocabulary: Vocabulary) -> list[int]:
        """The tokens that follow the inputs in every prompt."""
        return _encode(vocabulary, self.prompt.partition('{input}')[2].format(eos=EOS_MARK), continues=True)


def _encode(vocabulary: Vocabulary, text: str, continues: bool) -> list[int]:
    """A text with marks of EOS to tokens; where it `continues` another, no space is put before it."""
    first, *others = text.split(EOS_MARK)
    ids = vocabulary.encode_continuation(first) if continues else vocabulary.encode(first)
    for other in others:
        ids += [vocabulary.eos_id, *vocabulary.encode(other)]
    return ids
