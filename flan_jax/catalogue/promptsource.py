"""Templates in promptsource's format (Bach et al. 2022), as T0's are: read, rendered and written.

A template is one Jinja text, `PROMPT ||| TARGET`, over the columns of a row; `answer_choices` is another, its options
joined by `|||`. Templates are rendered in Jinja's sandbox, and a name that a row does not have is an error.
"""

import collections
import dataclasses
import pathlib
import string
import uuid
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment

from flan_jax.catalogue.declaration import ANSWER, OPTIONS, Choice, Constant, Dataset
from flan_jax.errors import UserError

SEPARATOR = '|||'

OURS = 'flan_jax'
"""Reference of templates that were written from our declarations: they name our fields, not the columns of a row."""

_PROTECTED = '\x00|\x00'
"""Stands for the separator in the values of a row."""


@dataclasses.dataclass(frozen=True)
class PromptsourceTemplate:
    """One template of a file.

    Attributes:
      name: what the file calls it.
      jinja: prompt and target.
      answer_choices: Jinja text of the options; None where the answer is free text.
      reference: where it comes from.
      original_task: whether it asks for what the dataset was made for, rather than the other way round.
    """

    name: str
    jinja: str
    answer_choices: str | None = None
    reference: str = ''
    original_task: bool = True

    def render(self, row: Mapping[str, Any]) -> tuple[str, str, list[str]]:
        """Prompt, target and options for a row; all empty where the template is not meant for it.

        Raises:
          UserError: if the template cannot be rendered, as where it names what the row lacks.
        """
        row = {name: _protected(value) for name, value in row.items()}
        try:
            choices = _split(self.answer_choices, row) if self.answer_choices else []
            parts = _split(self.jinja, row | {'answer_choices': [_protected(choice) for choice in choices]})
        except jinja2.TemplateError as error:
            raise UserError(f'template {self.name!r}: {error}; a row has {", ".join(sorted(row))}') from error
        prompt, target = (*parts, '')[:2]
        return (prompt, target, choices) if prompt and target else ('', '', [])


def read(path: str) -> tuple[str, list[PromptsourceTemplate]]:
    """The name of a file's dataset, 'super_glue/rte', and its templates; raises UserError."""
    try:
        content = yaml.load(pathlib.Path(path).read_text(encoding='utf-8'), _Loader)
        name = '/'.join(part for part in (content['dataset'], content.get('subset')) if part)
        templates = [_template(entry) for entry in content['templates'].values()]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f'{path}: cannot be read as a templates.yaml of promptsource: {error!r}') from error
    except jinja2.TemplateSyntaxError as error:
        raise UserError(f'{path}: {error} in line {error.lineno} of {error.source!r}') from error
    if not templates:
        raise UserError(f'{path}: contains no templates')
    return name, templates


def write(dataset: Dataset) -> str:
    """The templates of a dataset as a file of promptsource."""
    name, _, subset = dataset.source_name.partition('/')
    templates = {}
    for index in range(len(dataset.templates)):
        found = from_ours(dataset, index)
        identifier = str(uuid.uuid5(uuid.NAMESPACE_URL, f'flan_jax/{found.name}'))
        metadata = {
            'choices_in_prompt': dataset.has_options,
            'languages': list(dataset.languages),
            'metrics': ['Accuracy' if dataset.has_options else 'Other'],
            'original_task': found.original_task,
        }
        templates[identifier] = _Tagged('!Template', {
            'answer_choices': found.answer_choices,
            'id': identifier,
            'jinja': found.jinja,
            'metadata': _Tagged('!TemplateMetadata', metadata),
            'name': found.name,
            'reference': found.reference,
        })  # fmt: skip
    content = {'dataset': name} | ({'subset': subset} if subset else {}) | {'templates': templates}
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def from_ours(dataset: Dataset, index: int) -> PromptsourceTemplate:
    """One of a dataset's templates; it is rendered with what `our_row` has.

    Where a field is a feature as it is, its name is the feature's; so such templates fit the rows of others, too.
    """
    template = dataset.templates[index]
    choices = dataset.answer.options if isinstance(dataset.answer, Choice) else None
    return PromptsourceTemplate(
        name=f'{dataset.name}_template_{index}',
        jinja=f'{_jinja(dataset, template.inputs)}\n{SEPARATOR}\n{_jinja(dataset, template.targets)}',
        answer_choices=f' {SEPARATOR} '.join(choices)
        if isinstance(choices, tuple)
        else choices and f'{{{{ choices | join("{SEPARATOR}") }}}}',
        reference=OURS,
        original_task=not template.inverted,
    )


def _jinja(dataset: Dataset, text: str) -> str:
    """A text with {placeholders} in Jinja."""
    parts = []
    for literal, name, _, _ in string.Formatter().parse(text):
        parts.append(literal.replace('{', "{{ '{' }}"))
        if name == OPTIONS:
            parts.append('OPTIONS:{% for choice in answer_choices %}\n- {{ choice }}{% endfor %}')
        elif name == ANSWER and dataset.has_options:
            parts.append('{{ answer_choices[label] }}')
        elif name is not None and isinstance(field := dataset.fields.get(name), Constant):
            parts.append(field.text)
        elif name is not None:
            parts.append(f'{{{{ {_column(dataset, name)} }}}}')
    return ''.join(parts)


def _column(dataset: Dataset, name: str) -> str:
    """What a template calls a field: the feature that it is, unless another field has that name."""
    field = dataset.fields.get(name)
    return field if isinstance(field, str) and dataset.fields.get(field, field) == field else name


def _template(entry: Mapping[str, Any]) -> PromptsourceTemplate:
    metadata = entry.get('metadata') or {}
    original = metadata.get('original_task', metadata.get('task_template'))  # the latter in older files
    for text in (entry['jinja'], entry.get('answer_choices') or ''):
        _ENVIRONMENT.parse(text)
    return PromptsourceTemplate(
        name=entry['name'],
        jinja=entry['jinja'],
        answer_choices=entry.get('answer_choices') or None,
        reference=entry.get('reference') or '',
        original_task=original is not False,
    )


def _split(jinja: str, row: Mapping[str, Any]) -> list[str]:
    rendered = _ENVIRONMENT.from_string(jinja).render(row)
    return [part.strip().replace(_PROTECTED, SEPARATOR) for part in rendered.split(SEPARATOR)]


def _protected(value: Any) -> Any:
    return value.replace(SEPARATOR, _PROTECTED) if isinstance(value, str) else value


def _choice(items: Sequence[Any]) -> Any:
    """One of the items, the same whenever they are the same; promptsource draws anew."""
    return items[zlib.crc32(repr(items).encode()) % len(items)]


def _most_frequent(items: Sequence[Any]) -> list[Any]:
    """The items that no other is more frequent than."""
    counts = collections.Counter(items)
    return [item for item, count in counts.items() if count == max(counts.values())]


_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
_ENVIRONMENT.globals.update(zip=zip)
_ENVIRONMENT.filters.update(choice=_choice, most_frequent=_most_frequent)


class _Loader(yaml.SafeLoader):
    """Safe YAML in which promptsource's classes are plain mappings."""


class _Dumper(yaml.SafeDumper):
    """YAML that names promptsource's classes."""


@dataclasses.dataclass(frozen=True)
class _Tagged:
    tag: str
    content: Mapping[str, Any]


for _tag in ('!Template', '!TemplateMetadata'):
    _Loader.add_constructor(_tag, lambda loader, node: loader.construct_mapping(node, deep=True))
_Dumper.add_representer(_Tagged, lambda dumper, tagged: dumper.represent_mapping(tagged.tag, tagged.content))
