"""The format of base models, which know documents only: x, a space, y; a blank line between examples.

As GPT-3 was prompted (Brown et al. 2020, section 2.4 and appendix G), and LaMDA-PT for FLAN's comparison with it. An
EOS after x would read as the end of the document.
"""

import dataclasses

from flan_jax.data.formats.format import PromptFormat

BLANK_LINE = '\n\n'


@dataclasses.dataclass(frozen=True)
class Plain(PromptFormat):
    """x y, and nothing else.

    Attributes:
      stop: what ends an answer, which has no EOS: the blank line before the next example; or '\\n' where answers have
        one line, as GPT-3's had.
    """

    stop: str = BLANK_LINE

    prompt = '{input}'
    response = ' {target}'
    exemplar = '{input} {target}' + BLANK_LINE

    def stops(self) -> tuple[str, ...]:
        return (self.stop,)
