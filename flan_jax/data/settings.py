"""The settings of data: which examples there are."""

import dataclasses

from flan_jax.catalogue.forms import Instructions
from flan_jax.settings import SettingsError

MAX_SHOTS = 16
"""Exemplars in a prompt at most (FLAN, section 4.4)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """Which examples there are.

    Attributes:
      tfds_data_dir: directory of prepared TFDS datasets.
      mixture: 'flan' for the whole catalogue; the name of a cluster or a dataset, or several joined by '+'; or the name
        of a SeqIO mixture or task; or running text, 'text:FILES' or 'tfds:NAME:FIELD'.
      held_out: cluster left out of tuning, with its cross-exclusions, and evaluated; None for none.
      allow_missing: go on without the datasets that are not prepared.
      vocabulary: path of a SentencePiece model, a tokenizer.json or a folder with either; None for the bundled one.
      modules: modules to import that add datasets of your own to the catalogue.
      instructions: how inputs are worded.
      templates_per_dataset: the first so many templates of each dataset are used; None for all.
      shots: exemplars before each input at most; 0 for none.
      original_templates: path of the original project's templates.py, to use its templates; None for ours.
    """

    tfds_data_dir: str
    mixture: str = 'flan'
    held_out: str | None = None
    allow_missing: bool = False
    vocabulary: str | None = None
    modules: tuple[str, ...] = ()
    instructions: Instructions = 'templates'
    templates_per_dataset: int | None = None
    shots: int = 0
    original_templates: str | None = None

    def __post_init__(self):
        check_shots('TRAIN_SHOTS', self.shots)
        if self.templates_per_dataset is not None and self.templates_per_dataset < 1:
            raise SettingsError(
                f'TEMPLATES_PER_DATASET={self.templates_per_dataset} must be at least 1, or None for all'
            )


def check_shots(name: str, shots: int) -> None:
    """Raises SettingsError for a number of exemplars that cannot stand in a prompt."""
    if not 0 <= shots <= MAX_SHOTS:
        raise SettingsError(f'{name}={shots}: from 0 to {MAX_SHOTS} exemplars can stand in a prompt')
