"""Text on a terminal: what data holds is shown, and never obeyed."""

import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

_CONTROLS = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]')
"""C0 but tab and newline, DEL, C1 (ECMA-48), and the marks that turn the direction of what follows (Unicode UAX 9)."""


def shown(text: str) -> str:
    """Text with its control characters written out, such as \\x1b, so that a terminal does not act on them."""
    return _CONTROLS.sub(lambda match: match[0].encode('unicode_escape').decode(), text)


class SafeConsole(Console):
    """A console on which control characters of texts, and names of emoji, are shown as they are.

    Its own colours and cursor stay as they are.
    """

    def __init__(self, **options: Any):
        super().__init__(**{'emoji': False} | options)  # a text may hold :smile:, which no model reads as one letter

    def render_str(self, text: str, **styles) -> Text:
        return super().render_str(shown(text), **styles)  # before the columns of tables are measured

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(shown(segment.text), segment.style)
