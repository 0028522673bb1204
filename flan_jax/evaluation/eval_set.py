"""The eval set: examples of datasets in their templates, equal to those of the registered SeqIO tasks."""

import copy
import dataclasses
import enum
import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from flan_jax.catalogue.declaration import Dataset
from flan_jax.catalogue.forms import in_form, in_style
from flan_jax.catalogue.identity import declaration_fingerprint
from flan_jax.catalogue.option_styles import LETTERED, LISTED
from flan_jax.data.contents import contents_fingerprint
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.prepare import sample_files
from flan_jax.data.prompt_encoder import EncodedPrompt, PromptEncoder
from flan_jax.data.rendered import Rendered, render_split
from flan_jax.data.source import MissingDataError, split_slices
from flan_jax.data.tokenized import INPUTS
from flan_jax.errors import UserError
from flan_jax.evaluation.records import RecordKey
from flan_jax.evaluation.selection import chosen_templates
from flan_jax.evaluation.settings import Evaluation
from flan_jax.inference.sampling import Greedy
from flan_jax.progress import CONSOLE
from flan_jax.settings import SettingsError, as_plain
from flan_jax.tokenizers.vocabulary import Vocabulary

STYLES = {'listed': LISTED, 'lettered': LETTERED}
"""How options are shown, by the values of `Evaluation.options`."""


class Cut(enum.StrEnum):
    """Which part of a prompt was cut to make it fit."""

    NOTHING = 'nothing'
    LONG_FIELD = 'long field'
    END = 'end'


@dataclasses.dataclass(frozen=True)
class EvalExample:
    """One example of a dataset in one template.

    Attributes:
      example: its index among the usable examples of its split.
      prompt: the prompt as text, with long fields shortened.
      prompt_tokens: the prompt as tokens in the prompt format, cut to fit, int32 [P].
      references: the acceptable answers.
      choices: the options; empty if the answer is generated.
      choice_tokens: the tokens of each option, or of its letter.
      group: key of the examples that are judged together.
      exemplars: number of exemplars in the prompt.
      cut: which part of the prompt was cut.
      marks: the options' letters, if these are the answers; otherwise empty.
    """

    example: int
    prompt: str
    prompt_tokens: np.ndarray
    references: tuple[str, ...]
    choices: tuple[str, ...] = ()
    choice_tokens: tuple[np.ndarray, ...] = ()
    group: str = ''
    exemplars: int = 0
    cut: Cut = Cut.NOTHING
    marks: tuple[str, ...] = ()


class EvalSet:
    """What a run evaluates, for any model.

    Attributes:
      evaluation: its settings.
      datasets: the datasets by name, in the form that is evaluated.
      keys: everything to evaluate, one key per file of records.
      max_new_tokens: maximal tokens of a generated answer.
    """

    def __init__(
        self, evaluation: Evaluation, datasets: Sequence[Dataset], lengths: Mapping[str, int], data_dir: str, seed: int
    ):
        """Lists what to evaluate; examples are read lazily.

        Args:
          evaluation: the settings.
          datasets: declared datasets that are prepared in `data_dir`.
          lengths: maximal tokens of inputs and targets.
          data_dir: folder of prepared datasets.
          seed: seed of the choice of exemplars.

        Raises:
          SettingsError: for a template that a dataset does not have.
        """
        self.evaluation = evaluation
        style = STYLES[evaluation.options]
        self.datasets = {d.name: in_style(in_form(d, evaluation.instructions), style) for d in datasets}
        self.max_new_tokens = lengths['targets']
        self.data_dir = data_dir
        self._lengths = dict(lengths)
        self._seed = seed
        self._read: dict[tuple, list[EvalExample]] = {}
        self._rendered: dict[tuple, dict[int, list[Rendered]]] = {}
        self._settings: dict[tuple[str, bool], dict[str, Any]] = {}
        keys = [key for dataset in self.datasets.values() for key in self._keys_of(dataset)]
        self.keys = list(dict.fromkeys(keys))  # a split or a number of shots may be named twice

    def of_datasets(self, names: Collection[str]) -> 'EvalSet':
        """The eval set restricted to some datasets; it shares the examples that were read."""
        part = copy.copy(self)
        part.datasets = {name: dataset for name, dataset in self.datasets.items() if name in names}
        part.keys = [key for key in self.keys if key.dataset in names]
        return part

    def render(self) -> None:
        """Renders all examples and keeps them, so that errors come before hours of tuning.

        Raises:
          CannotRender: if an example cannot be read or rendered; names its dataset, split and row.
        """
        for key in self.keys:
            self._rendered_of(key)

    def settings(self, key: RecordKey) -> dict[str, Any]:
        """Everything that the examples of a key depend on, except for the model, in JSON form.

        All keys of a dataset share it, except that keys with exemplars also depend on the training examples.
        """
        dataset_and_kind = (key.dataset, key.shots > 0)
        if dataset_and_kind not in self._settings:
            self._settings[dataset_and_kind] = self._settings_of(*dataset_and_kind)
        return self._settings[dataset_and_kind]

    def _settings_of(self, dataset_name: str, few_shot: bool) -> dict[str, Any]:
        dataset = self.datasets[dataset_name]
        splits = [split for split in split_slices(dataset, self.data_dir) if few_shot or split != 'train']
        settings = {
            'dataset': dataset_name,
            'source': dataset.source,
            'contents': {split: contents_fingerprint(dataset, split, self.data_dir) for split in sorted(splits)},
            'templates': [dataclasses.asdict(template) for template in dataset.templates],
            'long_fields': list(dataset.long_fields),
            'lengths': self._lengths,
            'limit': self.evaluation.limit,
            'exemplars': {'fixed': self.evaluation.fixed_exemplars, 'seed': self._seed} if few_shot else None,
        }
        if declared := declaration_fingerprint(dataset):
            settings['declared'] = declared
        if self.evaluation.options != 'listed':
            settings['options'] = self.evaluation.options
        if not dataset.has_options and self.evaluation.decoding != Greedy():
            settings['decoding'] = as_plain(self.evaluation.decoding)
        return settings

    def examples(self, key: RecordKey, vocabulary: Vocabulary, prompt_format: PromptFormat) -> list[EvalExample]:
        """The examples of a key for a vocabulary and a prompt format; cached.

        Raises:
          UserError: if there are none.
        """
        cache_key = (key, vocabulary.fingerprint, prompt_format)
        if cache_key not in self._read:
            found = self._examples(key, vocabulary, prompt_format)
            if not found:
                raise UserError(f'{key.dataset} has no usable {key.split} example in {self.data_dir}; prepare it again')
            self._warn(key, found)
            self._read[cache_key] = found
        return self._read[cache_key]

    def _warn(self, key: RecordKey, found: Sequence[EvalExample]) -> None:
        """Says of how many examples the scores mean little."""
        where = f'[red]{key.dataset}, template {key.template}[/]'
        if lost := sum(example.cut is Cut.END for example in found):
            CONSOLE.print(
                f'{where}: {lost} of {len(found)} prompts are truncated at the end, because they do not fit '
                f'Stream.input_length={self._lengths[INPUTS]} even with long fields shortened'
            )
        if alike := sum(_are_alike(example) for example in found):
            CONSOLE.print(
                f'{where}: in {alike} of {len(found)} examples, several options have the same tokens in this '
                'vocabulary, so the model cannot distinguish them, and the first one is chosen'
            )

    def require_exemplars(self) -> None:
        """Raises SettingsError for a dataset that would not be evaluated: no zero-shot prompts, and no exemplars."""
        for dataset in self.datasets.values():
            if 0 not in self.evaluation.shots and 'train' not in split_slices(dataset, self.data_dir):
                raise SettingsError(
                    f'SHOTS={self.evaluation.shots}: {dataset.name} has no training examples for exemplars; add 0 to '
                    'SHOTS, to evaluate it zero-shot, or do not evaluate it'
                )

    def _keys_of(self, dataset: Dataset) -> list[RecordKey]:
        """The keys of a dataset; only zero-shot ones if it has no training examples to take exemplars from."""
        splits = split_slices(dataset, self.data_dir)
        return [
            RecordKey(dataset.name, dataset.templates[template].variant, template, split, shots)
            for split in self.evaluation.splits
            if split in splits
            for shots in self.evaluation.shots
            if not shots or 'train' in splits
            for template in chosen_templates(dataset, self.evaluation.templates)
        ]

    def _examples(self, key: RecordKey, vocabulary: Vocabulary, prompt_format: PromptFormat) -> list[EvalExample]:
        encoder = PromptEncoder(prompt_format, vocabulary, self._lengths[INPUTS])
        return [_encode(encoder, rendered) for rendered in self._rendered_of(key)]

    def _rendered_of(self, key: RecordKey) -> list[Rendered]:
        """The examples of a key as texts, which are the same for all models; rendered once for all templates."""
        cache_key = key.dataset, key.split, key.shots
        if cache_key not in self._rendered:
            dataset = self.datasets[key.dataset]
            exemplars = self._exemplars(dataset, key.shots) if key.shots else None
            templates = chosen_templates(dataset, self.evaluation.templates)
            limit = self.evaluation.limit
            self._rendered[cache_key] = render_split(dataset, templates, key.split, self.data_dir, exemplars, limit)
        return self._rendered[cache_key][key.template]

    def _exemplars(self, dataset: Dataset, shots: int) -> Exemplars:
        return Exemplars(dataset, shots, self._seed, self.evaluation.fixed_exemplars, self.data_dir)


def prepared_datasets(
    datasets: Sequence[Dataset], data_dir: str, allow_missing: bool, setting: str | None = 'Data.allow_missing'
) -> list[Dataset]:
    """The datasets that can be evaluated.

    Args:
      datasets: the datasets.
      data_dir: folder of prepared data.
      allow_missing: whether to leave out the others, unless all are missing.
      setting: the setting for `allow_missing`, named in the message; None if there is none.

    Raises:
      MissingDataError: if one cannot be evaluated and `allow_missing` is False, or none can.
    """
    present = [dataset for dataset in datasets if has_test_split(dataset, data_dir)]
    missing = [dataset for dataset in datasets if dataset not in present]
    if missing and (not allow_missing or not present):
        without = [dataset.name for dataset in missing if _is_prepared(dataset, data_dir)]
        advice = ''
        if present and setting:  # if all are missing, leaving them out does not help
            advice = f', or set {setting} = True to skip them'
        elif all(map(sample_files, missing)):
            advice = f', or write small samples by `flan-jax data prepare --samples --data_dir={data_dir}`'
        raise MissingDataError(
            f'not prepared in {data_dir}, but evaluated: {", ".join(dataset.name for dataset in missing)}; see '
            '`flan-jax data '
            f'status`{advice}{". Prepared, but without a test split: " * bool(without)}{", ".join(without)}'
        )
    return present


def has_test_split(dataset: Dataset, data_dir: str) -> bool:
    """Whether a dataset is prepared and can be evaluated."""
    try:
        return 'test' in split_slices(dataset, data_dir)
    except MissingDataError:
        return False


def _is_prepared(dataset: Dataset, data_dir: str) -> bool:
    try:
        return bool(split_slices(dataset, data_dir))
    except MissingDataError:
        return False


def _encode(encoder: PromptEncoder, rendered: Rendered) -> EvalExample:
    """The example as tokens for a model: options are scored as tokens, generated answers judged as text."""
    encoded = encoder.encode(rendered)
    choices = rendered.option_texts
    return EvalExample(
        example=rendered.index,
        prompt=encoded.text,
        prompt_tokens=encoded.prompt,
        references=tuple(itertools.compress(choices, rendered.right)) if choices else rendered.references,
        choices=choices,
        choice_tokens=encoded.answers if choices else (),
        group=rendered.group,
        exemplars=encoded.shots,
        cut=_cut(encoded),
        marks=rendered.answers if rendered.answers != choices else (),
    )


def _are_alike(example: EvalExample) -> bool:
    """Whether options that differ are the same to the model, as words are that a vocabulary does not know."""
    return len(set(map(bytes, example.choice_tokens))) < len(set(example.marks or example.choices))


def _cut(encoded: EncodedPrompt) -> Cut:
    if not encoded.fits:
        return Cut.END
    return Cut.LONG_FIELD if encoded.shortened else Cut.NOTHING
