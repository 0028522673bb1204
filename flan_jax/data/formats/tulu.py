"""Tulu's format (Wang et al. 2023; Hewitt et al. 2024, section 2): tags on separate lines, EOS after answers."""

import dataclasses

from flan_jax.data.formats.format import PromptFormat
from flan_jax.settings import SettingsError, Text
from flan_jax.tokenizers.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True)
class Tulu(PromptFormat):
    """Tag, question, tag, answer EOS; BOS before the first tag.

    Attributes:
      user: tag of a question; '<|A|>' in an ablation of Hewitt et al. (section 4.3).
      assistant: tag of an answer; '<|B|>' there.
      eos_as_bos: whether prompts start with EOS if the vocabulary has no BOS, as in the paper for OLMo.
    """

    user: Text = '<|user|>'
    assistant: Text = '<|assistant|>'
    eos_as_bos: bool = False

    system = '<|system|>\n{system}\n'
    response = '{target}{eos}'

    @property
    def prompt(self) -> str:
        return f'{self.user}\n{{input}}\n{self.assistant}\n'

    @property
    def exemplar(self) -> str:
        return f'{self.prompt}{self.response}\n'

    def check(self) -> None:
        for name in ('user', 'assistant'):
            if set('{}') & set(getattr(self, name)):
                raise SettingsError(f'Tulu.{name}={getattr(self, name)!r}: a tag must not contain braces')
        if self.user == self.assistant:
            raise SettingsError(f'Tulu.user and Tulu.assistant are both {self.user!r}; they must differ')

    def bos(self, vocabulary: Vocabulary) -> list[int]:
        if self.eos_as_bos and vocabulary.bos_id is None:
            return [vocabulary.eos_id]
        return super().bos(vocabulary)
