"""The settings of the Instruction Following Score's curve: what is asked during tuning, and when that ends."""

import dataclasses
from typing import Annotated

from flan_jax.evaluation.instruction_following.objecqa import QUESTIONS
from flan_jax.evaluation.stopping.rule import StoppingRule
from flan_jax.settings import AtLeast, Count, Path, Settings

IFS, EXAMPLES_SEEN, RULE_MET = 'ifs', 'examples_seen', 'ifs_rule_met'
"""Names in a run's metrics: the score, what it is drawn against, and whether the rule was met for the first time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class IfsCurve(Settings):
    """Answers of a model while it is tuned, in the run's prompt format, and what they say of it.

    Attributes:
      data: the folder that `flan-jax ifs data` and `flan-jax ifs train` wrote: instructions and the classifier.
      every: steps between evaluations; the base model and the last step are evaluated, too.
      instructions: how many are asked, the first of the file, which is shuffled.
      choices: how many questions of ObjecQA are asked, the first of the hundred that there are.
      max_new_tokens: tokens of an answer; the classifier reads its beginning.
      rule: when tuning has gone far enough: a class of flan_jax/evaluation/stopping; None draws the curve only.
      ends_tuning: whether tuning ends there; otherwise the report marks the place.
    """

    data: Path
    every: Count = 100
    instructions: Count = 200
    choices: Annotated[int, AtLeast(0)] = QUESTIONS
    max_new_tokens: Count = 64
    rule: StoppingRule | None = None
    ends_tuning: bool = True
