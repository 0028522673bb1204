"""Examples rendered with several templates in one pass, as texts for any vocabulary and prompt format."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from flan_jax.catalogue.declaration import CONTEXT, HISTORY, OPTION_TEXTS, SYSTEM, Dataset
from flan_jax.data import long_fields, rendering
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.formats.dialogue import Dialogue
from flan_jax.data.long_fields import LONG_FIELDS
from flan_jax.data.prepared_source import PreparedSource
from flan_jax.data.renderable import CannotRender, iterated, located
from flan_jax.data.seqio_tasks import long_field_texts
from flan_jax.data.tokenized import EXEMPLARS, INPUTS, TARGETS


@dataclasses.dataclass(frozen=True)
class Rendered:
    """An example of a dataset in one template.

    Attributes:
      index: its index among the usable examples of its split.
      dialogue: inputs, targets and earlier turns; inputs have marks in place of long fields.
      references: the acceptable answers.
      answers: the possible answers, if there are options; otherwise empty.
      option_texts: the option of each possible answer.
      right: whether each possible answer is correct.
      group: key of the examples that are judged together.
      exemplars: inputs and targets of exemplars, alternating.
      long_texts: the long fields in the order of their marks.
      is_dialogue: whether questions of its dataset may have earlier turns.
    """

    index: int
    dialogue: Dialogue
    references: tuple[str, ...]
    answers: tuple[str, ...] = ()
    option_texts: tuple[str, ...] = ()
    right: tuple[bool, ...] = ()
    group: str = ''
    exemplars: tuple[str, ...] = ()
    long_texts: tuple[str, ...] = ()
    is_dialogue: bool = False

    @property
    def all_answers(self) -> tuple[str, ...]:
        """The possible answers; only the targets if there are no options."""
        return self.answers or (self.dialogue.answer,)


@tf.autograph.experimental.do_not_convert
def render_split(
    dataset: Dataset,
    templates: Sequence[int],
    split: str,
    data_dir: str,
    exemplars: Exemplars | None = None,
    limit: int | None = None,
) -> dict[int, list[Rendered]]:
    """The first `limit` usable examples of a split in each of the templates, by template.

    They equal those of `seqio_tasks.rank_task` and `generation_task`. Starting a pipeline takes longer than reading the
    examples of most datasets, so all templates share one pipeline here.

    Raises:
      CannotRender: if an example cannot be read or rendered, or has no reference; names its row.
    """
    rows, parse = PreparedSource(dataset, data_dir).usable(split)
    render = functools.partial(_render, dataset, templates, exemplars)
    rendered = rows.take(-1 if limit is None else limit).map(lambda row: render(parse(row)), tf.data.AUTOTUNE)
    found: dict[int, list[Rendered]] = {template: [] for template in templates}
    with located(dataset, split, data_dir):
        for index, example in enumerate(iterated(rendered, f'{dataset.name}, {split} examples')):
            for template, example_in_template in _by_template(dataset, index, example, templates):
                found[template].append(example_in_template)
    return found


def _render(dataset: Dataset, templates: Sequence[int], exemplars: Exemplars | None, ex) -> rendering.Values:
    """All values of an example; inputs and targets of all templates, strings [templates]; exemplars by template."""
    values = rendering.read_values(dataset, ex)
    chosen = [dataset.templates[template] for template in templates]
    rendered = values | long_field_texts(dataset, values) | rendering.read_before(dataset, ex)
    shown = long_fields.marked(dataset, values)
    rendered[INPUTS] = rendering.fill_all([template.inputs for template in chosen], shown)
    rendered[TARGETS] = rendering.fill_all([template.targets for template in chosen], values)
    if exemplars is not None:
        renders = [functools.partial(rendering.render, template) for template in chosen]
        for template, sampled in zip(templates, exemplars.of_each(values, renders)):
            rendered[f'{EXEMPLARS}{template}'] = sampled
    return rendered


def _by_template(
    dataset: Dataset, index: int, example: Mapping[str, Any], templates: Sequence[int]
) -> Iterator[tuple[int, Rendered]]:
    def text(name):
        return example.get(name, b'').decode()

    def texts(name):
        return tuple(value.decode() for value in example.get(name, ()))

    shared = {
        'answers': texts('choices'),
        'option_texts': texts(OPTION_TEXTS),
        'right': tuple(map(bool, example.get('right', ()))),
        'group': text('group'),
        'long_texts': texts(LONG_FIELDS),
        'is_dialogue': HISTORY in example,
    }
    before = {'history': texts(HISTORY), 'system': text(SYSTEM), 'context': text(CONTEXT)}
    for template, inputs, targets in zip(templates, example[INPUTS], texts(TARGETS)):
        dialogue = Dialogue(long_fields.decoded(inputs), targets, **before)
        is_answer = dataset.has_options or dataset.templates[template].targets == '{answer}'
        references = texts('references') if is_answer else (targets,)
        if not references:
            raise CannotRender(f'usable example {index} has no reference, so that no answer to it can be judged')
        exemplars = texts(f'{EXEMPLARS}{template}')
        yield template, Rendered(index, dialogue, references, exemplars=exemplars, **shared)
