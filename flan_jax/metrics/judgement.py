"""What every metric is computed from: one prediction beside what was expected."""

import dataclasses

Scores = dict[str, float]
"""Name of a score to its value, in per cent where the score is a fraction."""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """One prediction beside what was expected.

    Attributes:
      prediction: what the model answered.
      references: the acceptable answers, at least one.
      choices: the options in the order of the labels; empty where the answer is free text.
      group: key of the examples that are judged and resampled together; empty where each stands alone.
    """

    prediction: str
    references: tuple[str, ...]
    choices: tuple[str, ...] = ()
    group: str = ''

    @property
    def is_right(self) -> bool:
        """Whether the prediction is one of the references."""
        return self.prediction in self.references

    def label_pair(self) -> tuple[int, int]:
        """Index of the expected and of the predicted option; -1 for a prediction that is no option."""
        predicted = self.choices.index(self.prediction) if self.prediction in self.choices else -1
        return self.choices.index(self.references[0]), predicted
