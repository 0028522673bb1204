"""Declarations of datasets, from which all tasks, tests, tables and pages are derived.

A declaration is checked when it is created, and its templates again when it is added to the catalogue (see
`template_checks`). Templates with an unknown field, a stray brace or without options, and repeated ones, raise
`DeclarationError` with the names of dataset, template and field.
"""

import dataclasses
import re
import string
from collections.abc import Callable, Mapping
from typing import Any, Literal

from flan_jax.catalogue.option_styles import LISTED, OptionStyle
from flan_jax.errors import UserError

TfdsExample = Mapping[str, Any]
"""One example of a prepared TFDS dataset: feature name to `tf.Tensor`, or to a nested mapping of them."""

Field = str | Callable[[TfdsExample], Any]
"""The source of a value: a feature's name, or a function of the example in TensorFlow ops."""


@dataclasses.dataclass(frozen=True)
class Constant:
    """A field with the same value in every example, such as the target language of a translation dataset."""

    text: str

    def __call__(self, ex: TfdsExample) -> str:
        return self.text


Expand = Callable[[TfdsExample], Mapping[str, Any]]
"""From a row on disk to the features of several examples, each stacked along a new first axis."""

MAX_TRAIN_EXAMPLES = 30_000
"""Maximal number of training examples per dataset (FLAN, section 2.1)."""

MetricName = Literal[
    'accuracy', 'macro_f1', 'binary_f1', 'multirc', 'record', 'squad', 'trivia_qa', 'coqa', 'pearson_spearman',
    'exact_match', 'final_answer', 'marked_answer', 'edit_distance', 'rouge', 'bleu',
]  # fmt: skip
"""Metrics a dataset may name; `flan_jax.metrics.metrics` computes them. The first named is the headline."""

ANSWER, OPTIONS, OPTION_TEXTS = 'answer', 'options', 'option_texts'
BEFORE = HISTORY, SYSTEM, CONTEXT = 'dialogue_history', 'dialogue_system', 'dialogue_context'
RANKED = RANKED_RESPONSES, RANKED_SCORES = 'ranked_responses', 'ranked_scores'
RESERVED_FIELDS = frozenset({
    ANSWER, OPTIONS, OPTION_TEXTS, *BEFORE, *RANKED, 'choices', 'group', 'idx', 'inputs', 'long_fields', 'prompts',
    'references', 'reply_to_options', 'right', 'targets',
})  # fmt: skip
"""Names of derived values, which declared fields must not use."""


class DeclarationError(UserError):
    """The declaration of a dataset, cluster or template is invalid."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cluster:
    """A group of datasets of one kind, held out together (FLAN, Figure 3).

    Attributes:
      name: identifier, as used for `HELD_OUT`.
      title: the name as the paper prints it.
      also_left_out: clusters that must not be tuned on while this one is held out (FLAN, footnote 1).
    """

    name: str
    title: str
    also_left_out: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Tail:
    """The last `examples` examples of the training split, kept out of training."""

    examples: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Splits:
    """The examples for training, for choosing the best template, and for reporting (FLAN, Appendix G).

    Numbers of examples are the paper's for the official data. On smaller data they are limited to a third of the
    examples, so that samples and excerpts keep all their splits.

    Attributes:
      train: TFDS split to train on; None for a dataset that is only evaluated.
      validation: TFDS split whose first `validation_examples` choose the best template, or a `Tail` of the training
        split; None for none.
      test: TFDS split to report, or a `Tail` of the training split (taken after the validation tail).
      train_start: first example of the training split to use, if several datasets share a corpus.
      train_examples: maximal number of training examples (FLAN, section 2.1); None for all.
    """

    train: str | None = 'train'
    validation: str | Tail | None = Tail(200)
    test: str | Tail = 'test'
    validation_examples: int = 200
    train_start: int = 0
    train_examples: int | None = MAX_TRAIN_EXAMPLES


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """An answer that is chosen from options.

    Attributes:
      options: the fixed options in the order of the labels, or a field with the example's options, strings [n].
      label: field with the index of the correct option, or a boolean mask [n] if several are correct.
      style: how the options are listed, and whether the answer is an option's text or its letter.
    """

    options: tuple[str, ...] | Field
    label: Field = 'label'
    style: OptionStyle = LISTED


@dataclasses.dataclass(frozen=True, kw_only=True)
class FreeText:
    """An answer as free text.

    Attributes:
      answer: field with the text to learn.
      references: field with all acceptable texts, strings [n]; None for the answer only.
    """

    answer: Field
    references: Field | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dialogue:
    """The parts of a dialogue before its last question.

    Attributes:
      history: field with the earlier questions and answers, alternating, strings [2n]. All answers are learned.
      system: field with the system message, a scalar string, empty for none.
      context: field with the end of the question, if that is a text that the question is about; a scalar string, empty
        for none. Alpaca's prompt format has a separate section for it.
      shows_questions: whether the model reads questions; False for response tuning.
    """

    history: Field
    system: Field
    context: Field
    shows_questions: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ranking:
    """Several responses to each prompt, with scores.

    Attributes:
      responses: field with the responses, strings [k], the answer first.
      scores: field with a score for each response, float32 [k], higher for better.
      most: maximal number of responses of an example.
    """

    responses: Field
    scores: Field
    most: int


@dataclasses.dataclass(frozen=True)
class Template:
    """One phrasing of a dataset as an instruction.

    Attributes:
      inputs: the instruction, with placeholders `{name}` for fields and `{options}` for the options block.
      targets: the expected response.
      inverted: whether the task is reversed (the answer is given, another field is to be generated). Inverted templates
        are trained on but not evaluated.
      variant: a label under which results are reported separately, such as the direction of a translation.
    """

    inputs: str
    targets: str = '{answer}'
    inverted: bool = False
    variant: str = ''


def inverted(inputs: str, targets: str) -> Template:
    """A template that reverses the task: the answer is given, and another field is to be generated."""
    return Template(inputs, targets, inverted=True)


@dataclasses.dataclass(frozen=True)
class Keep:
    """A documented filter: examples for which `test` returns a false tensor are left out, for the stated `reason`."""

    reason: str
    test: Callable[[TfdsExample], Any]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """A dataset with its templates.

    Attributes:
      name: identifier in mixtures, tasks and reports.
      cluster: the cluster that it is held out with.
      paper_name: the dataset of FLAN's Figure 3 that it is, or is a part of; empty for datasets outside the paper's 62.
      source: TFDS name with configuration and version, such as 'super_glue/rte:1.0.2'.
      splits: the use of its examples.
      fields: the strings that templates may name; or a tuple of names, for features that are shown unchanged.
      answer: options or free text.
      templates: the phrasings, ten for datasets of the paper.
      metrics: how predictions are judged.
      licence: the terms of the data, as stated by their publisher.
      citation: authors, year and title of the publication to cite.
      held_out_with: further clusters that the dataset belongs to; it is left out with each of them.
      languages: ISO 639-1 codes of the languages that occur.
      revealing: fields that reveal the answer, so that only inverted templates may show them.
      expand: for rows that hold several examples: a function from a row to the features of its examples, each stacked
        along a new first axis. Splits count rows, so that no row is in two of them; mixing and evaluation count
        examples.
      long_fields: fields that lose their last words if a prompt has too many tokens. Nothing else is cut, and examples
        that still do not fit are not trained on. Choose texts whose beginning makes sense without the rest, not texts
        that the targets repeat, as in translation or spelling correction.
      keep: filter of unusable examples; None for none.
      group: field with the key of examples that are judged together (MultiRC's question).
      manual_step: what a person must do before TFDS can prepare the data; empty if it downloads them itself.
      dialogue: the parts before the question; None if every example is a single question.
      ranking: further responses, with scores; None if examples have a single answer.
      features: TFDS features by name, for a dataset that TFDS does not know; otherwise None.
      note: differences of source, version or examples from the paper's or the original code's, with reasons.
    """

    name: str
    cluster: Cluster
    paper_name: str
    source: str
    splits: Splits
    fields: Mapping[str, Field] | Any  # __post_init__ turns a tuple into a mapping
    answer: Choice | FreeText
    templates: tuple[Template, ...]
    metrics: tuple[MetricName, ...]
    licence: str
    citation: str
    held_out_with: tuple[str, ...] = ()
    languages: tuple[str, ...] = ('en',)
    revealing: tuple[str, ...] = ()
    expand: Expand | None = None
    long_fields: tuple[str, ...] = ()
    keep: Keep | None = None
    group: Field | None = None
    manual_step: str = ''
    dialogue: Dialogue | None = None
    ranking: Ranking | None = None
    features: Mapping[str, Any] | None = None
    note: str = ''

    def __post_init__(self):
        if isinstance(self.fields, tuple):
            object.__setattr__(self, 'fields', {name: name for name in self.fields})
        _check_dataset(self)

    @property
    def has_options(self) -> bool:
        return isinstance(self.answer, Choice)

    @property
    def forward_templates(self) -> dict[int, Template]:
        """The templates that are not inverted, by index; only these are evaluated."""
        return {i: t for i, t in enumerate(self.templates) if not t.inverted}

    @property
    def source_name(self) -> str:
        """The TFDS name without its version, such as 'super_glue/rte'."""
        return self.source.partition(':')[0]


def placeholders(text: str) -> tuple[str, ...]:
    """The field names in a template's text, in order of appearance.

    Raises:
      ValueError: for an unpaired or empty brace, or a conversion or format specification.
    """
    names = []
    for _, name, spec, conversion in string.Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError(f'{{{name}}} is not a valid field name')
        names.append(name)
    return tuple(names)


def _check_dataset(dataset: Dataset) -> None:
    if not re.fullmatch(r'[a-z][a-z0-9_]*', dataset.name):
        raise DeclarationError(f'dataset name {dataset.name!r}: use lower-case letters, digits and underscores')
    if not re.fullmatch(r'[\w./-]+:\d+\.\d+\.\d+', dataset.source):
        raise DeclarationError(f'{dataset.name}: source {dataset.source!r} must name a TFDS dataset with its version')
    if clash := RESERVED_FIELDS & set(dataset.fields):
        raise DeclarationError(f'{dataset.name}: field {min(clash)!r} takes a reserved name; choose another')
    if unknown := sorted(set(dataset.revealing) - set(dataset.fields)):
        raise DeclarationError(
            f'{dataset.name}: revealing names the unknown field {unknown[0]!r}; '
            f'the fields are {", ".join(sorted(dataset.fields))}'
        )
    for name in dataset.long_fields:
        if name not in dataset.fields or isinstance(dataset.fields[name], Constant):
            own = [field for field, value in dataset.fields.items() if not isinstance(value, Constant)]
            raise DeclarationError(f'{dataset.name}: unknown long field {name!r}; the fields are {", ".join(own)}')
    if not dataset.templates or not dataset.forward_templates:
        raise DeclarationError(f'{dataset.name}: declare at least one template that is not inverted')
    if dataset.dialogue and dataset.has_options:
        raise DeclarationError(f'{dataset.name}: the answers of a dialogue must be FreeText')
    if dataset.ranking and any(template.targets != f'{{{ANSWER}}}' for template in dataset.templates):
        raise DeclarationError(f'{dataset.name}: with ranked responses, the targets of a template must be {{answer}}')
    if not dataset.metrics:
        raise DeclarationError(f'{dataset.name}: declare at least one metric')
    for index, template in enumerate(dataset.templates):
        for part in ('inputs', 'targets'):
            _check_fields(dataset, getattr(template, part), f'{dataset.name}, template {index}, {part}')


def _check_fields(dataset: Dataset, text: str, where: str) -> None:
    """Raises DeclarationError unless a template's text can be filled in."""
    allowed = set(dataset.fields) | {ANSWER} | ({OPTIONS} if dataset.has_options else set())
    try:
        used = set(placeholders(text))
    except ValueError as error:
        raise DeclarationError(f'{where}: stray brace in {text!r} ({error})') from error
    if unknown := sorted(used - allowed):
        raise DeclarationError(f'{where}: unknown field {unknown[0]!r}; the fields are {", ".join(sorted(allowed))}')
