"""What a judge is: it reads records, and gives scores."""

import abc
from collections.abc import Sequence

from flan_jax.evaluation.records import Record
from flan_jax.metrics.judgement import Scores


class Judge(abc.ABC):
    """Scores the records of one template on one split, and says how sure it is.

    Attributes:
      headline: name of the score that reports print.
      smaller_is_better: whether the headline counts errors.
    """

    headline: str
    smaller_is_better: bool = False

    @abc.abstractmethod
    def scores(self, records: Sequence[Record]) -> Scores:
        """All scores of records, the headline among them; raises ValueError where there are none."""

    @abc.abstractmethod
    def interval(self, templates: Sequence[Sequence[Record]]) -> tuple[float, float]:
        """The 95 % confidence interval of the headline's mean over templates, of the same examples each."""
