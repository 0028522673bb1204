"""Other forms of a dataset: fewer templates, or inputs without instructions.

A form is a dataset with other templates, so that downstream code need not know about forms.
"""

import dataclasses
import re
import typing
from typing import Literal

from flan_jax.catalogue.declaration import OPTIONS, Choice, Constant, Dataset, Template, placeholders
from flan_jax.catalogue.option_styles import OptionStyle
from flan_jax.errors import UnknownName, UserError

Instructions = Literal['templates', 'none', 'dataset_name', 'response_only']
"""Wordings of inputs: instructions, no instructions, names of task and dataset (FLAN, section 4.3), or no inputs."""

TEMPLATE_COUNTS = (1, 2, 4, 7, 10)
"""Numbers of templates per dataset in FLAN's ablation (appendix B.1: 1, 4, 10; the original code: all five)."""

_POINTS_AT_OPTIONS = re.compile(
    r'\b(?:options?|choices?|choose|pick|select|multiple[- ]choice|alternatives|candidates|listed|'
    r'from (?:this|the) list|'
    r'(?:one|which|what|any|all|only|out) of (?:these|the following|the (?:two|three|four)|them)|'
    r'(?:these|the following) (?:answers|labels|numbers|names|endings|replies)|(?:this|the) scale|'
    r'(?:two|three|four|both|several) (?:\w+ )?(?:answers|endings|replies|solutions)|'
    r'(?:words?|labels?|headings?|answers?|tags?|boxes|categories) (?:below|above|given))\b',
    re.IGNORECASE,
)
"""Words by which a template refers to a list of options."""

_LANGUAGES = {
    'cs': 'Czech',
    'de': 'German',
    'en': 'English',
    'es': 'Spanish',
    'fi': 'Finnish',
    'fr': 'French',
    'ro': 'Romanian',
    'ru': 'Russian',
    'tr': 'Turkish',
}


def in_form(dataset: Dataset, instructions: Instructions, templates: int | None = None) -> Dataset:
    """The dataset in another form.

    Args:
      dataset: as declared.
      instructions: 'templates' for instructions, 'none' for the bare inputs, 'dataset_name' for inputs after the names
        of task and dataset in brackets (FLAN, section 4.3), 'response_only' for empty inputs, which is response tuning
        (Hewitt et al. 2024, section 4).
      templates: number of templates to keep, from the first on; None for all.

    Returns:
      The new dataset, or the same object if nothing changes.

    Raises:
      UnknownName: for an unknown wording.
      UserError: if `templates` is 0, or is given for a wording with templates of its own.
    """
    if instructions not in typing.get_args(Instructions):
        raise UnknownName('wording', instructions, typing.get_args(Instructions))
    if templates is not None and (templates < 1 or instructions != 'templates'):
        raise UserError(
            f'templates={templates!r}: must be at least 1, or None for all templates; the wording '
            f'{instructions!r} has one template per variant, so it allows only None'
        )
    if instructions == 'response_only':
        return _without_questions(dataset)
    if instructions == 'none':
        return _bare(dataset, lambda template: '')
    if instructions == 'dataset_name':
        return _bare(dataset, lambda template: f'[{_title(dataset, template)}] ')
    if templates is None or templates >= len(dataset.templates):
        return dataset
    return dataclasses.replace(dataset, templates=dataset.templates[:templates])


def _without_questions(dataset: Dataset) -> Dataset:
    """The dataset with empty inputs, and one template for every distinct target of its forward templates."""
    targets = dict.fromkeys(template.targets for template in dataset.forward_templates.values())
    dialogue = dataset.dialogue and dataclasses.replace(dataset.dialogue, shows_questions=False)
    return dataclasses.replace(dataset, templates=tuple(Template('', text) for text in targets), dialogue=dialogue)


def in_style(dataset: Dataset, style: OptionStyle) -> Dataset:
    """The dataset with options and answers in another style; the same object if it has no options."""
    if not isinstance(dataset.answer, Choice) or dataset.answer.style == style:
        return dataset
    return dataclasses.replace(dataset, answer=dataclasses.replace(dataset.answer, style=style))


def shows_options(template: Template) -> bool:
    """Whether a template shows the options block."""
    return OPTIONS in placeholders(template.inputs)


def points_at_options(template: Template) -> bool:
    """Whether the words of a template refer to a list of options."""
    return bool(_POINTS_AT_OPTIONS.search(re.sub(r'{\w+}', '_', template.inputs)))


def can_hide_options(template: Template) -> bool:
    """Whether a template makes sense without the options block.

    It must not refer to options, nor be an inverted template that shows them with the answer. Our templates do not
    refer to options; the original project's do, and users' templates may.
    """
    return not shows_options(template) or not (template.inverted or points_at_options(template))


def _bare(dataset: Dataset, prefix) -> Dataset:
    """The dataset with one template per variant: a prefix, and the fields of its first template."""
    first: dict[str, Template] = {}
    for template in dataset.forward_templates.values():
        first.setdefault(template.variant, template)
    templates = (
        dataclasses.replace(template, inputs=prefix(template) + '\n\n'.join(_fields_shown(dataset, template)))
        for template in first.values()
    )
    return dataclasses.replace(dataset, templates=tuple(templates))


def _fields_shown(dataset: Dataset, template: Template) -> list[str]:
    """The distinct placeholders of a template for fields of the example."""
    names = dict.fromkeys(placeholders(template.inputs))
    return [f'{{{name}}}' for name in names if name != OPTIONS and not isinstance(dataset.fields[name], Constant)]


def _title(dataset: Dataset, template: Template) -> str:
    """The names of task and dataset, and for translation of the target language."""
    language = _LANGUAGES.get(template.variant.rpartition('-')[2])
    to_language = f' to {language}' if language else ''
    return f'{dataset.cluster.title}: {dataset.paper_name or dataset.name}{to_language}'
