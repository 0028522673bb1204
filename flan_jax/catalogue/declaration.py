"""What a dataset is: one declaration, from which every task, test, table and page derives.

A declaration is checked when it is made, and its templates once more when it joins the catalogue (see
`template_checks`). One that names an unknown field, carries a stray brace, repeats another or lacks its options raises
`DeclarationError` with the names of dataset, template and field.
"""

import dataclasses
import re
import string
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal

from flan_jax.catalogue.option_styles import LISTED, OptionStyle
from flan_jax.errors import UserError

TfdsExample = Mapping[str, Any]
"""One example of a prepared TFDS dataset: feature name to `tf.Tensor`, or to a nested mapping of them."""

Field = str | Callable[[TfdsExample], Any]
"""Where a value comes from: a feature's name, or a function of the example in TensorFlow ops."""


@dataclasses.dataclass(frozen=True)
class Constant:
    """A field that is the same in every example, such as the language that a dataset translates into."""

    text: str

    def __call__(self, ex: TfdsExample) -> str:
        return self.text


Expand = Callable[[TfdsExample], Mapping[str, Any]]
"""Makes the features of several examples, each stacked along a new first axis, of one row on disk."""

MAX_TRAIN_EXAMPLES = 30_000
"""Training examples used per dataset at most (FLAN, section 2.1)."""

MetricName = Literal[
    'accuracy', 'macro_f1', 'binary_f1', 'multirc', 'record', 'squad', 'trivia_qa', 'coqa', 'pearson_spearman',
    'exact_match', 'final_answer', 'marked_answer', 'edit_distance', 'rouge', 'bleu',
]  # fmt: skip
"""Metrics a dataset may name; `flan_jax.metrics.metrics` computes them. The first named is the headline."""

_OF_TWO = ('binary_f1', 'multirc')
"""Those that judge the second of two options."""

ANSWER, OPTIONS, OPTION_TEXTS = 'answer', 'options', 'option_texts'
BEFORE = HISTORY, SYSTEM, CONTEXT = 'dialogue_history', 'dialogue_system', 'dialogue_context'
RANKED = RANKED_RESPONSES, RANKED_SCORES = 'ranked_responses', 'ranked_scores'
RESERVED_FIELDS = frozenset({
    ANSWER, OPTIONS, OPTION_TEXTS, *BEFORE, *RANKED, 'choices', 'group', 'idx', 'inputs', 'long_fields', 'prompts',
    'references', 'reply_to_options', 'right', 'targets',
})  # fmt: skip
"""Names of what is derived from an example, which a declared field may not take."""


class DeclarationError(UserError):
    """A dataset, cluster or template is declared wrongly."""


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
    """Which examples train, choose the best template, and are reported (FLAN, Appendix G).

    A number of examples is the paper's for the official data. On smaller data it shrinks to a third of what is there,
    so that samples and excerpts keep all their splits.

    Attributes:
      train: TFDS split to train on; None for a dataset that is only evaluated.
      validation: TFDS split whose first `validation_examples` choose the best template, or a `Tail` of the training
        split; None where there is none.
      test: TFDS split that is reported, or a `Tail` of the training split (taken after the validation tail).
      train_start: first example of the training split to use, where several datasets share one corpus.
      train_examples: training examples at most (FLAN, section 2.1); None for all.
    """

    train: str | None = 'train'
    validation: str | Tail | None = Tail(200)
    test: str | Tail = 'test'
    validation_examples: int = 200
    train_start: int = 0
    train_examples: int | None = MAX_TRAIN_EXAMPLES


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """An answer picked from options.

    Attributes:
      options: the fixed options in the order of the labels, or a field giving the example's options, strings [n].
      label: field giving the index of the right option, or a boolean mask of shape [n] where several are right.
      style: how the options are listed, and whether an answer is an option's text or its mark.
    """

    options: tuple[str, ...] | Field
    label: Field = 'label'
    style: OptionStyle = LISTED


@dataclasses.dataclass(frozen=True, kw_only=True)
class FreeText:
    """An answer written out.

    Attributes:
      answer: field giving the text to learn.
      references: field giving all acceptable texts, strings of shape [n]; the answer alone where None.
    """

    answer: Field
    references: Field | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dialogue:
    """What stands before the question of an example, where that is the last one of a dialogue.

    Attributes:
      history: field giving the earlier questions and answers in turn, strings of shape [2n]. All answers are learned.
      system: field giving the system message, a scalar string, empty for none.
      context: field giving the text with which the question ends where it is about one, a scalar string, empty for
        none; the prompt format of Alpaca sets it apart.
      shows_questions: whether a model reads anything but answers; False for response tuning.
    """

    history: Field
    system: Field
    context: Field
    shows_questions: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ranking:
    """Several responses to each prompt, and how good each of them is.

    Attributes:
      responses: field giving the responses, strings of shape [k], the answer first.
      scores: field giving a number for each of them, float32 of shape [k], higher for a better one.
      most: responses of any example at most.
    """

    responses: Field
    scores: Field
    most: int


@dataclasses.dataclass(frozen=True)
class Template:
    """One way to phrase a dataset as an instruction.

    Attributes:
      inputs: the instruction; `{name}` stands for a field, `{options}` for the block of options.
      targets: what the model should write.
      inverted: whether the task is reversed (the answer is given, another field is wanted). Such templates are
        trained on and never evaluated.
      variant: a label under which results are reported by themselves, such as the direction of a translation.
    """

    inputs: str
    targets: str = '{answer}'
    inverted: bool = False
    variant: str = ''


def inverted(inputs: str, targets: str) -> Template:
    """A template that reverses the task: the answer is given, and another field is wanted."""
    return Template(inputs, targets, inverted=True)


@dataclasses.dataclass(frozen=True)
class Keep:
    """A documented filter: examples for which `test` gives a false tensor are left out because of `reason`."""

    reason: str
    test: Callable[[TfdsExample], Any]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """A dataset with its templates.

    Attributes:
      name: identifier in mixtures, tasks and reports.
      cluster: the cluster that it is held out with.
      paper_name: the dataset of FLAN's Figure 3 that it is, or is a part of; empty for extras outside the 62.
      source: TFDS name with configuration and version, such as 'super_glue/rte:1.0.2'.
      splits: which examples are used for what.
      fields: the strings that templates may name; a tuple of names for features that are shown as they are.
      answer: how the answer is given.
      templates: the phrasings, ten of them for the paper's datasets.
      metrics: how predictions are judged.
      licence: the terms of the data as its publisher states them.
      citation: authors, year and title of the publication to cite.
      held_out_with: further clusters that the dataset belongs to; it is left out with each of them.
      languages: ISO 639-1 codes of the languages that occur.
      revealing: fields that tell the answer, so that only inverted templates may show them.
      expand: makes several examples of a row, where one holds several: a function of the row that gives the features of
        its examples, each stacked along a new first axis. Splits count rows, so that no row is in two of them; mixing
        and evaluation count examples.
      long_fields: fields that lose their last words where a prompt has too many tokens; nothing else of it is cut, and
        an example that still does not fit is not trained on. Name texts whose beginning makes sense without the rest,
        never what the targets say again, as a translation or corrected spelling does.
      keep: filter on examples, where some are unusable.
      group: field giving a key under which examples are judged together (MultiRC's question).
      manual_step: what a person must do before TFDS can prepare the data; empty where it downloads by itself.
      dialogue: what stands before the question; None where every example is a question by itself.
      ranking: other responses beside the answer, with scores; None where an example has its answer alone.
      features: feature name to TFDS feature, for a dataset that TFDS does not know; None where its builder says.
      note: where source, version or examples differ from the paper's or the original code's, and why.
    """

    name: str
    cluster: Cluster
    paper_name: str
    source: str
    splits: Splits
    fields: Mapping[str, Field] | Any  # a tuple becomes a mapping when the declaration is made
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
        """Index to template for the templates that are evaluated, that is all but the inverted ones."""
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
            raise ValueError(f'{{{name}}} is not a plain field name')
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
        raise DeclarationError(f'{dataset.name}: the answers of a dialogue are written out; declare them as FreeText')
    if dataset.ranking and any(template.targets != f'{{{ANSWER}}}' for template in dataset.templates):
        raise DeclarationError(f'{dataset.name}: ranked responses are written as they are; give targets {{answer}}')
    _check_metrics(dataset)
    for index, template in enumerate(dataset.templates):
        for part in ('inputs', 'targets'):
            _check_fields(dataset, getattr(template, part), f'{dataset.name}, template {index}, {part}')


def _check_metrics(dataset: Dataset) -> None:
    """Raises DeclarationError for metrics that are unknown, or that judge other answers than the dataset's."""
    if not dataset.metrics:
        raise DeclarationError(f'{dataset.name}: declare at least one metric')
    answer = dataset.answer
    options = answer.options if isinstance(answer, Choice) and isinstance(answer.options, tuple) else ()
    for name in dataset.metrics:
        if name not in typing.get_args(MetricName):
            known = ', '.join(typing.get_args(MetricName))
            raise DeclarationError(f'{dataset.name}: unknown metric {name!r}; known: {known}')
        if (name in _OF_TWO and len(options) != 2) or (name == 'macro_f1' and not options):
            raise DeclarationError(
                f'{dataset.name}: the metric {name} judges {"two" if name in _OF_TWO else "several"} options that are '
                'the same in every example; declare such ones, or take another metric'
            )


def _check_fields(dataset: Dataset, text: str, where: str) -> None:
    """Raises DeclarationError unless a template's text can be filled in."""
    allowed = set(dataset.fields) | {ANSWER} | ({OPTIONS} if dataset.has_options else set())
    try:
        used = set(placeholders(text))
    except ValueError as error:
        raise DeclarationError(f'{where}: stray brace in {text!r} ({error})') from error
    if unknown := sorted(used - allowed):
        raise DeclarationError(f'{where}: unknown field {unknown[0]!r}; the fields are {", ".join(sorted(allowed))}')
