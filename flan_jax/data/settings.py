"""The settings of data."""

import dataclasses
from typing import Annotated

from flan_jax.catalogue.forms import Instructions
from flan_jax.data.mixing.mixing import Mixing
from flan_jax.data.mixing.proportional import ProportionalMixing
from flan_jax.data.parts import Part
from flan_jax.settings import Between, Count, Path, Settings, SettingsError, Text

MAX_SHOTS = 16
"""Maximal number of exemplars in a prompt (FLAN, section 4.4)."""

CATALOGUE_ONLY = (
    'mixing', 'instructions', 'templates_per_dataset', 'examples_per_dataset', 'shots', 'drop_overlaps',
)  # fmt: skip
"""Fields of `Data` that apply to mixtures of the catalogue only, not to running text or other SeqIO mixtures."""

Shots = Annotated[int, Between(0, MAX_SHOTS)]
"""Number of exemplars in a prompt."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data(Settings):
    """The training data.

    Attributes:
      tfds_data_dir: directory of prepared TFDS datasets.
      mixture: 'flan' for the whole catalogue; the name of a cluster or a dataset, or several joined by '+'; or the name
        of a SeqIO mixture or task; or running text, 'text:FILES' or 'tfds:NAME:FIELD'.
      parts: parts with a weight each, whose examples are rendered in randomly drawn forms (Flan 2022). They replace the
        datasets of `mixture`, which is then only a title. Empty to use `mixture`.
      mixing: how often each dataset of `mixture` is sampled; parts have weights instead.
      held_out: cluster that is evaluated and, with its cross-exclusions, left out of tuning, or several joined by '+';
        None for none.
      drop_overlaps: leave out training examples whose texts overlap validation or test examples of the left-out
        clusters; FLAN keeps them.
      allow_missing: continue without the datasets that are not prepared.
      vocabulary: path of a SentencePiece model, a tokenizer.json or a folder with either; None for the bundled one.
      modules: modules to import that add your own datasets to the catalogue.
      instructions: the wording of inputs.
      templates_per_dataset: number of templates per dataset, from the first on; None for all.
      examples_per_dataset: number of training examples per dataset, from the first on, or of rows if these hold
        several examples (CoQA's dialogues); None for all.
      shots: maximal number of exemplars before each input; 0 for none (FLAN's few-shot model: 16).
      original_templates: path of the original project's templates.py, to use its templates; None for ours.
      promptsource: paths of promptsource files, templates.yaml, whose prompts are added to the catalogue.
    """

    tfds_data_dir: Path
    mixture: Text = 'flan'
    parts: tuple[Part, ...] = ()
    mixing: Mixing = ProportionalMixing()
    held_out: Text | None = None
    drop_overlaps: bool = False
    allow_missing: bool = False
    vocabulary: Path | None = None
    modules: tuple[str, ...] = ()
    instructions: Instructions = 'templates'
    templates_per_dataset: Count | None = None
    examples_per_dataset: Count | None = None
    shots: Shots = 0
    original_templates: Path | None = None
    promptsource: tuple[str, ...] = ()

    def check(self) -> None:
        names = [part.name for part in self.parts]
        if len(set(names)) < len(names):
            raise SettingsError(f'Data.parts: {", ".join(names)}: give every part a name of its own (Part.name)')
        if self.parts and self.mixing != ProportionalMixing():
            raise SettingsError(
                f'Data.mixing=@{type(self.mixing).__name__}() weighs the datasets of MIXTURE_OR_TASK_NAME, which '
                'Data.parts replace; weigh these by Part.weight and Part.max_rate'
            )
