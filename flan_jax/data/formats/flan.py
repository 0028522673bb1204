"""Stand-in."""

import dataclasses

from flan_jax.data.formats.format import PromptFormat


@dataclasses.dataclass(frozen=True)
class Flan(PromptFormat):
    """FLAN's."""

    def encode_prompt(self, vocabulary, text, max_length=None):
        return vocabulary.prompt(text)

    def finish(self, text):
        return text.strip()
