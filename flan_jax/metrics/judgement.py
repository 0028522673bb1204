"""The input of all metrics: predictions with their references."""

import dataclasses

Scores = dict[str, float]
"""Name of a score to its value; fractions are in per cent."""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """A prediction with its references.

    Attributes:
      prediction: the model's answer.
      references: the acceptable answers, at least one.
      choices: the options in the order of the labels; empty if the answer is free text.
      group: key of the examples that are judged and resampled together; empty for an example of its own.
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
        """Index of the expected and of the predicted option; -1 for a prediction that is not an option."""
        predicted = self.choices.index(self.prediction) if self.prediction in self.choices else -1
        return self.choices.index(self.references[0]), predicted
