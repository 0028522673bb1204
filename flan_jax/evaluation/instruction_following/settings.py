"""The settings of the Instruction Following Score during tuning."""

import dataclasses
from typing import Annotated

from flan_jax.evaluation.instruction_following.objecqa import QUESTIONS
from flan_jax.evaluation.stopping.rule import StoppingRule
from flan_jax.settings import AtLeast, Count, Path, Settings

IFS, EXAMPLES_SEEN, RULE_MET = 'ifs', 'examples_seen', 'ifs_rule_met'
"""Names in a run's metrics: the score, the x-axis of its plot, and whether the rule was met for the first time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class IfsCurve(Settings):
    """The Instruction Following Score of a model during tuning, in the run's prompt format.

    Attributes:
      data: folder written by `flan-jax ifs data` and `flan-jax ifs train`, with instructions and classifier.
      every: steps between evaluations; the base model and the last step are also evaluated.
      instructions: number of instructions, from the first of the file on, which is shuffled.
      choices: number of questions of ObjecQA, from the first of the hundred on.
      max_new_tokens: maximal tokens of an answer; the classifier reads only its beginning.
      rule: the stopping rule, a class of flan_jax/evaluation/stopping; None to measure the curve only.
      ends_tuning: whether tuning ends when the rule is met; otherwise the report marks the step.
    """

    data: Path
    every: Count = 100
    instructions: Count = 200
    choices: Annotated[int, AtLeast(0)] = QUESTIONS
    max_new_tokens: Count = 64
    rule: StoppingRule | None = None
    ends_tuning: bool = True
