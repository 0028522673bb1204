"""The settings of evaluation."""

import dataclasses
from typing import Annotated, Literal

from flan_jax.catalogue.forms import Instructions
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.formats.plain import Plain
from flan_jax.data.settings import Shots
from flan_jax.inference.decoding import Decoding
from flan_jax.inference.sampling import Greedy
from flan_jax.settings import AtLeast, Count, NotEmpty, Path, Settings, SettingsError, Text


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation(Settings):
    """What is evaluated, and how.

    Attributes:
      targets: clusters or datasets to evaluate; empty for the held-out cluster.
      splits: 'validation' chooses the best template, 'test' is reported.
      every: training steps between evaluations, for `flan-jax run`; None to evaluate only at the end.
      limit: maximal number of examples per dataset, template and split; None for all.
      templates: indices of the templates to evaluate, which every dataset must have; empty for all that are not
        inverted.
      instructions: the wording of inputs.
      options: how options are shown: 'listed' (FLAN), scored by their text, or 'lettered', scored by the letter.
      shots: numbers of exemplars before the input, each evaluated separately; 0 is zero-shot.
      fixed_exemplars: whether all examples of a dataset get the same exemplars.
      batch_tokens: tokens in a batch of scoring or generation.
      base_dir: folder with records of the base model, which several runs share; None for the run's own folder.
      base_format: prompt format of the base model, which was not trained on instructions; FLAN prompts its base model
        like GPT-3 (section 3).
      score: how options are ranked: by the 'sum' of token log-likelihoods (FLAN), the 'mean' per token, per UTF-8
        'byte', or 'unconditional' (sum minus the option's log-likelihood without the prompt). With '_without_eos' the
        EOS at the end of an option is left out.
      decoding: how answers are generated; it does not affect the scores of options.
      report_dir: folder of the report; None for the run's own. Evaluations of one model with different settings need
        different folders. The manifest in a report is the newest of the run.
    """

    targets: tuple[Text, ...] = ()
    splits: Annotated[tuple[Literal['validation', 'test'], ...], NotEmpty()] = ('validation', 'test')
    every: Count | None = None
    limit: Count | None = None
    templates: tuple[Annotated[int, AtLeast(0)], ...] = ()
    instructions: Instructions = 'templates'
    options: Literal['listed', 'lettered'] = 'listed'
    shots: Annotated[tuple[Shots, ...], NotEmpty()] = (0,)
    fixed_exemplars: bool = False
    batch_tokens: Count = 8192
    base_dir: Path | None = None
    base_format: PromptFormat = Plain()
    score: Literal[
        'sum', 'mean', 'byte', 'unconditional',
        'sum_without_eos', 'mean_without_eos', 'byte_without_eos', 'unconditional_without_eos',
    ] = 'sum'  # fmt: skip
    decoding: Decoding = Greedy()
    report_dir: Path | None = None

    def check(self) -> None:
        if self.options != 'listed' and self.instructions != 'templates':
            raise SettingsError(
                f'Evaluation.options={self.options!r}: Evaluation.instructions={self.instructions!r} show no options; '
                'leave one of the two as it is'
            )
