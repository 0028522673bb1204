"""Safe text on a terminal: control characters in data are shown, not executed."""

import re
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

_CONTROLS = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]')
"""C0 except tab and newline, DEL, C1 (ECMA-48), and the marks that change the text direction (Unicode UAX 9)."""


def shown(text: str) -> str:
    """Text with its control characters escaped, such as \\x1b, so that a terminal does not execute them."""
    return _CONTROLS.sub(lambda match: match[0].encode('unicode_escape').decode(), text)


class SafeConsole(Console):
    """A console that escapes control characters of texts, but keeps its own colours and cursor movements."""

    def render_str(self, text: str, **styles) -> Text:
        return super().render_str(shown(text), **styles)  # also here, since tables measure the text before rendering

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(shown(segment.text), segment.style)
