"""Hewitt et al. 2024 in miniature: does a base follow instructions, tuned on responses alone or on one narrow task?

In the miniature's world the base has learned every fact that a question asks for, as running text, and not one
instruction. Four ways to tune it are set beside each other, all asked about topics that none was tuned on.
"""

from flan_jax.studies.miniature import COLUMNS, HELD_OUT, MiniatureStudy, mini
from flan_jax.studies.study import Arm

INSTRUCTION_TUNING, RESPONSE_TUNING = 'instruction tuning', 'response tuning'

ARMS = (
    Arm(INSTRUCTION_TUNING, {}, tuned_as='all clusters'),
    Arm(RESPONSE_TUNING, {'Data.instructions': 'response_only'}),
    Arm('single task: colour', {'MIXTURE_OR_TASK_NAME': mini(['colour'])}, tuned_as='1 cluster'),
    Arm('single task: verify', {'MIXTURE_OR_TASK_NAME': mini(['verify'])}),
)
"""Colour is one of the traits that stories tell, as the held-out topics are; verify asks for yes or no. Two of the runs
are those of arms of the miniature itself, in folders of the same names."""

MINIATURE = MiniatureStudy(
    id='hewitt.miniature',
    title='Instruction following without instruction tuning, in miniature',
    source='Sections 4 and 5.1 of Hewitt et al. 2024, in a generated world that a model on two cores can learn',
    arms=lambda scale: ARMS,
    held_out={mini(HELD_OUT): tuple(COLUMNS)},
    columns=COLUMNS,
    paper={},
    figure='bars',
    note='Scores are accuracies, not win rates, and cannot be compared with values of the paper. All models of a '
    'seed start from the same base model, which is evaluated in the plain prompt format; tuned models in that of '
    'their tuning. Chance is 33 % with options. Response tuning trains on answers after an empty prompt.',
    files={'small': ('gin/runs/miniature.gin',)},
)
