"""Tables of head-to-head comparisons (Hewitt et al. 2024, Tables 1, 3 and 4): their runs and the paper's values.

All models answer the same instructions; a judge compares a model's answers with those of the instruction-tuned model of
the same base and seed. A win rate of 50 % means equal quality.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence

from etils import epath

from flan_jax.evaluation.records import BASE
from flan_jax.studies.hewitt import FILES, INSTRUCTION_TUNING, MIXTURE, PREPARE, RESPONSE_TUNING, TUNED_ON, TuningTable
from flan_jax.studies.study import Arm

ASKED = 'alpaca_eval'
"""Name of the prepared dataset whose instructions are answered."""

PREPARE_ASKED = {
    TUNED_ON: PREPARE[TUNED_ON],
    ASKED: 'flan-jax data prepare alpaca_eval --from test=alpaca_eval.json --format alpaca',
}

Printed = tuple[float, float]
"""Mean and standard deviation over five seeds, in per cent."""

TUNED = 'tuned'


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A model whose answers are compared with the instruction-tuned model's.

    Attributes:
      name: name of its row.
      arm: the arm of its run.
      model: which model of the run: `BASE` or `TUNED`.
    """

    name: str
    arm: str
    model: str


@dataclasses.dataclass(frozen=True)
class HeadToHeadTable(TuningTable):
    """A table of win rates against the instruction-tuned model, which the first arm tunes.

    Attributes:
      contestants: the models that are compared with it.
      paper: the paper's values by base model and contestant.
      note: caveats for the comparison with the paper.
    """

    contestants: Sequence[Contestant] = dataclasses.field(kw_only=True)
    paper: Mapping[str, Mapping[str, Printed]] = dataclasses.field(kw_only=True)
    note: str = ''

    def arms_with_data(self, given: Mapping[str, str]) -> Sequence[Arm]:
        """The arms, without those whose own data is not prepared, since few users have all of it."""
        root = given.get('TFDS_DATA_DIR') or os.environ.get('TFDS_DATA_DIR')
        if root is None or not epath.Path(root).is_dir():
            return self.arms
        return [arm for arm in self.arms if self._may_be_prepared(arm, epath.Path(root))]

    def _may_be_prepared(self, arm: Arm, root: epath.Path) -> bool:
        dataset = arm.bindings.get(MIXTURE, '')
        return dataset not in SINGLE_TASKS or (root / dataset).is_dir()


BASE_MODEL = Contestant('base', INSTRUCTION_TUNING.name, BASE)

TABLE_1 = HeadToHeadTable(
    id='hewitt.table1',
    title='Response tuning against instruction tuning',
    source='Table 1, section 4.3',
    arms=(INSTRUCTION_TUNING, RESPONSE_TUNING),
    files=FILES,
    prepare=PREPARE_ASKED,
    asked=ASKED,
    contestants=(BASE_MODEL, Contestant('response tuning', RESPONSE_TUNING.name, TUNED)),
    paper={
        'Llama-2-7B': {'base': (2.4, 0.14), 'response tuning': (43.3, 1.1)},
        'OLMo-7B-Feb2024': {'base': (4.7, 0.57), 'response tuning': (43.7, 1.7)},
    },
)

SINGLE_TASKS = {
    f'{name}_single_task': title
    for name, title in (
        ('mbpp', 'MBPP'),
        ('gsm', 'GSM'),
        ('poetry', 'Poetry'),
        ('recipes', 'Recipes'),
        ('chess', 'Chess'),
    )
}
"""The single tasks by the names of their prepared datasets (docs/hewitt.md describes how they are truncated)."""

_SINGLE_TASK_ARMS = tuple(Arm(title, {MIXTURE: name}) for name, title in SINGLE_TASKS.items())

TABLE_3 = HeadToHeadTable(
    id='hewitt.table3',
    title='Single-task tuning against instruction tuning',
    source='Table 3, section 5.1',
    arms=(INSTRUCTION_TUNING, *_SINGLE_TASK_ARMS),
    files=FILES,
    prepare=PREPARE_ASKED,
    asked=ASKED,
    contestants=(BASE_MODEL, *(Contestant(arm.name, arm.name, TUNED) for arm in _SINGLE_TASK_ARMS)),
    paper={
        'Llama-2-7B': {
            'base': (2.4, 0.14), 'MBPP': (16.9, 0.70), 'GSM': (23.7, 0.74), 'Poetry': (22.9, 0.97),
            'Recipes': (14.6, 0.81), 'Chess': (2.1, 0.36),
        },
        'OLMo-7B-Feb2024': {
            'base': (4.7, 0.57), 'MBPP': (10.4, 1.0), 'GSM': (30.3, 0.6), 'Poetry': (21.9, 0.48),
            'Recipes': (21.5, 0.86), 'Chess': (6.3, 1.1),
        },
    },
    note='Tasks that are not prepared are skipped; docs/hewitt.md describes how each is prepared.',
)  # fmt: skip


def _rules(name: str, *rules: str) -> Arm:
    """An evaluation of the instruction-tuned model's run with rules; the contestant is its base model."""
    processors = ', '.join(f'@{rule}()' for rule in rules)
    bindings = {'Evaluation.decoding': '@Greedy()', 'Greedy.processors': f'({processors},)'}
    return Arm(name, {**INSTRUCTION_TUNING.bindings, **bindings}, tuned_as=INSTRUCTION_TUNING.name)


_RULE_ARMS = (
    _rules('all three rules', 'TokenScores', 'EosRamp', 'Diversity'),
    _rules('without the EOS rule', 'TokenScores', 'Diversity'),
    _rules('without the diversity rule', 'TokenScores', 'EosRamp'),
    _rules('without the uniform rule', 'EosRamp', 'Diversity'),
)

TABLE_4 = HeadToHeadTable(
    id='hewitt.table4',
    title='A base model under three rules, against instruction tuning',
    source='Table 4, section 5.3',
    arms=(INSTRUCTION_TUNING, *_RULE_ARMS),
    files=FILES,
    prepare=PREPARE_ASKED,
    asked=ASKED,
    contestants=(BASE_MODEL, *(Contestant(arm.name, arm.name, BASE) for arm in _RULE_ARMS)),
    paper={
        'Llama-2-7B': {
            'base': (2.4, 0.14), 'all three rules': (24.4, 0.40), 'without the EOS rule': (10.4, 0.30),
            'without the diversity rule': (14.3, 0.58), 'without the uniform rule': (16.3, 0.25),
        },
    },
    note='At the small scale five of the fifteen tokens that the uniform rule scores are not in the vocabulary.',
)  # fmt: skip

STUDIES = {study.id: study for study in (TABLE_1, TABLE_3, TABLE_4)}
