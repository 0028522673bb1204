"""Styles of options: how they are listed, and whether the answer is an option's text or its letter."""

import dataclasses
import string

MAX_OPTIONS = 26 * 27
"""Maximal number of options of a style: A to Z, then AA to ZZ."""


@dataclasses.dataclass(frozen=True)
class OptionStyle:
    """A header, then one line per option: its mark, a blank, its text.

    Attributes:
      header: the line before the options.
      mark: text before an option, with placeholders {letter} and {number}.
      answer_is_mark: whether the answer is an option's mark instead of its text.
    """

    header: str
    mark: str
    answer_is_mark: bool = False

    @property
    def tells_apart(self) -> bool:
        """Whether options have different marks."""
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
"""Lettered options, answered by the letter; one of the styles of Flan 2022."""

MARKED = (
    LETTERED,
    OptionStyle('Options:', '{letter}.', answer_is_mark=True),
    OptionStyle('Choices:', '{letter})', answer_is_mark=True),
    OptionStyle('Possible answers:', '[{letter}]', answer_is_mark=True),
    OptionStyle('Choose one of these.', '{number}.', answer_is_mark=True),
    OptionStyle('Select from the list:', '({number})', answer_is_mark=True),
)
"""Styles in which options have different marks."""
