"""Hewitt et al. 2024 in miniature: is tuning on responses alone, or on a single task, enough to follow instructions?

In the miniature's world the base model has learned all facts that questions ask for as running text, but no
instruction. Four ways of tuning it are compared on questions about topics that none of them was tuned on.
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
"""The arms. Colour is a trait that stories tell, like the held-out topics; verify asks for yes or no. Two of the runs
equal those of arms of `miniature`, and have folders of the same names."""

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
