"""HTML pages of a packed sequence, and of a stream's statistics."""

import pathlib
from collections.abc import Sequence

from flan_jax.reports.packed.statistics import Statistics
from flan_jax.reports.packed.view import SequenceView
from flan_jax.reports.page import page_of

_HERE = pathlib.Path(__file__).parent


def sequence_page(title: str, view: SequenceView) -> str:
    """The page of one sequence."""
    return page_of(_HERE / 'sequence.html', {'heading': title, 'view': view})


def statistics_page(title: str, found: Statistics) -> str:
    """The page of a stream's statistics."""
    columns = ('examples', 'planned', 'tokens', 'learned', 'loss')
    shown = [name for name in columns if getattr(found.shares[0], name) is not None]
    return page_of(_HERE / 'statistics.html', {'heading': title, 'found': found, 'columns': shown} | _most(found))


def _most(found: Statistics) -> dict[str, float]:
    """The value of a full bar, for each kind of bar."""

    def largest(values: Sequence[float | None]) -> float:
        return max(value for value in values if value is not None)

    shares = [value for s in found.shares for value in (s.examples, s.planned, s.tokens, s.learned, s.loss)]
    return {
        'most_share': largest(shares),
        'most_examples': largest([b.count for b in (*found.prompts, *found.responses)]),
    }
