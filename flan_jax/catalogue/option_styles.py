"""How the options of an example are listed, and what an answer to them is: an option's text, or its mark."""

import dataclasses
import string

MAX_OPTIONS = 26 * 27
"""Options that a style can tell apart: A to Z, then AA to ZZ."""


@dataclasses.dataclass(frozen=True)
class OptionStyle:
    """A header, then one line per option: its mark, a blank, its text.

    Attributes:
      header: the line before the options.
      mark: what stands before an option; {letter} and {number} tell options apart.
      answer_is_mark: whether an option is answered by its mark rather than by its text.
    """

    header: str
    mark: str
    answer_is_mark: bool = False

    @property
    def tells_apart(self) -> bool:
        """Whether each option has another mark."""
        return '{' in self.mark

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks of the first, second, ... option."""
        letters = string.ascii_uppercase
        names = [*letters, *(first + second for first in letters for second in letters)]
        return tuple(self.mark.format(letter=name, number=index + 1) for index, name in enumerate(names))


LISTED = OptionStyle('OPTIONS:', '-')
"""FLAN's options suffix (FLAN, section 2.3)."""

LETTERED = OptionStyle('OPTIONS:', '({letter})', answer_is_mark=True)
"""Lettered options, answered by the letter, as Flan 2022 has them among others."""

MARKED = (
    LETTERED,
    OptionStyle('Options:', '{letter}.', answer_is_mark=True),
    OptionStyle('Choices:', '{letter})', answer_is_mark=True),
    OptionStyle('Possible answers:', '[{letter}]', answer_is_mark=True),
    OptionStyle('Choose one of these.', '{number}.', answer_is_mark=True),
    OptionStyle('Select from the list:', '({number})', answer_is_mark=True),
)
"""Styles whose marks tell the options apart."""
