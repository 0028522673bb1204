"""The format for base models, which were trained on documents: x, a space, y; a blank line between examples.

GPT-3 was prompted in this way (Brown et al. 2020, section 2.4 and appendix G), and LaMDA-PT in FLAN's comparison. An
EOS after x would mark the end of a document.
"""

import dataclasses

from flan_jax.data.formats.format import PromptFormat

BLANK_LINE = '\n\n'


@dataclasses.dataclass(frozen=True)
class Plain(PromptFormat):
    """x y, without any other text.

    Attributes:
      stop: text that ends a generated answer, since there is no EOS: the blank line before the next example; or '\\n'
        for answers of one line, as for GPT-3.
    """

    stop: str = BLANK_LINE

    prompt = '{input}'
    response = ' {target}'
    exemplar = '{input} {target}' + BLANK_LINE

    def stops(self) -> tuple[str, ...]:
        return (self.stop,)
