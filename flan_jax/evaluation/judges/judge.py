"""The interface of judges: from records to scores."""

import abc
from collections.abc import Sequence

from flan_jax.evaluation.records import Record
from flan_jax.metrics.judgement import Scores


class Judge(abc.ABC):
    """Scores the records of one template on one split, with confidence intervals.

    Attributes:
      headline: name of the score that reports print.
      smaller_is_better: whether the headline counts errors.
    """

    headline: str
    smaller_is_better: bool = False

    @abc.abstractmethod
    def scores(self, records: Sequence[Record]) -> Scores:
        """All scores of records, including the headline; raises ValueError if there are no records."""

    @abc.abstractmethod
    def interval(self, templates: Sequence[Sequence[Record]]) -> tuple[float, float]:
        """The 95 % confidence interval of the headline's mean over templates, which have the same examples."""
