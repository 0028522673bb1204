"""The kinds of run that `flan-jax doctor --chaos` kills: one table of settings."""

import dataclasses
from collections.abc import Mapping
from typing import Any

DATASETS = (
    'imdb_reviews', 'sentiment140', 'sst2', 'yelp_polarity_reviews', 'copa', 'natural_questions', 'ranked_answers',
)  # fmt: skip
"""The datasets that all kinds read; their bundled samples are enough."""

COMMON: Mapping[str, Any] = {
    'MIXTURE_OR_TASK_NAME': 'sentiment', 'HELD_OUT': None, 'EVAL_TASKS': ('copa', 'natural_questions'),
    'TRAIN_STEPS': 10, 'BATCH_SIZE': 4, 'Training.checkpoint_every': 2, 'Training.log_every': 3,
    'SEQUENCE_LENGTH': 160, 'Stream.input_length': 120, 'Stream.target_length': 8, 'Stream.targets_per_sequence': 40,
    'lamda.d_model': 32, 'lamda.head_dim': 16, 'EVAL_LIMIT': 2, 'Evaluation.templates': (0, 1),
}  # fmt: skip
"""Settings of all kinds: a tiny model, a few short sequences, all stages of a real run."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of run.

    Attributes:
      settings: its own settings, which take precedence over the common ones.
      processes: number of processes that carry the run out together, on CPUs.
      on_base: whether it starts from the tuned model of the first kind.
    """

    settings: Mapping[str, Any]
    processes: int = 1
    on_base: bool = False


KINDS: Mapping[str, Kind] = {
    'gradient accumulation': Kind({'Training.microbatches': 2}),
    'evaluation during tuning': Kind({'EVAL_PERIOD': 4}),
    'two processes': Kind({'EVAL_PERIOD': 5}, processes=2),
    'whole epochs': Kind({'TRAIN_STEPS': None, 'Stream.epochs': 2, 'Training.checkpoints': 4}),
    'LoRA': Kind({'Run.tuning': '@Lora()', 'Lora.rank': 4, 'Lora.alpha': 8.0, 'LEARNING_RATE': 1e-3}, on_base=True),
    'preferences': Kind(
        {
            'Run.objective': '@Dpo()', 'Dpo.beta': 0.1, 'MIXTURE_OR_TASK_NAME': 'ranked_answers',
            'SEQUENCE_LENGTH': 512, 'Stream.input_length': 64, 'Stream.target_length': 64,
            'Stream.targets_per_sequence': 448, 'LEARNING_RATE': 1e-4, 'Training.optimizer': '@AdamW()',
        },
        on_base=True,
    ),
}  # fmt: skip
"""Kinds of run by name, in the order in which they are killed; several epochs of the samples are read by all."""
