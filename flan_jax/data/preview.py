"""Examples of a dataset in all templates, as plain Python values, for tests and for people."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from flan_jax.catalogue.declaration import ANSWER, BEFORE, OPTIONS, Dataset, TfdsExample
from flan_jax.data import long_fields, rendering
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.formats.dialogue import Dialogue
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.options import options_block
from flan_jax.data.prepared_source import PreparedSource, keep_usable
from flan_jax.data.renderable import iterated, located
from flan_jax.data.seqio_tasks import generation_task
from flan_jax.data.tokenize import FormatTokenizer
from flan_jax.errors import UserError
from flan_jax.tokenizers.vocabulary import Vocabulary

Render = Callable[[TfdsExample], rendering.Values]


@dataclasses.dataclass(frozen=True)
class RenderedExample:
    """One example in all templates.

    Attributes:
      prompts: inputs and targets, one pair per template.
      fields: the declared fields.
      answer: the text to learn.
      references: the acceptable answers.
      choices: the options; empty if the answer is free text.
      right: whether each option is correct.
      group: key of the examples that are judged together.
      before: the parts of a dialogue before the question, named as in `declaration.BEFORE`; otherwise empty.
      options: the options block of prompts; empty if the answer is free text.
    """

    prompts: tuple[tuple[str, str], ...]
    fields: dict[str, str]
    answer: str
    references: tuple[str, ...]
    choices: tuple[str, ...]
    right: tuple[bool, ...]
    group: str
    before: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    options: str = ''

    def dialogue(self, template: int) -> Dialogue:
        """The dialogue of one template, for a prompt format."""
        history, system, context = (self.before.get(name, '') for name in BEFORE)
        return Dialogue(*self.prompts[template], tuple(history), system, context)


def rendered_examples(
    dataset: Dataset, split: str, data_dir: str | None = None, limit: int = -1
) -> Iterator[RenderedExample]:
    """The usable examples of a split in the order on disk, at most `limit` of them unless it is negative."""
    return rendered_from(PreparedSource(dataset, data_dir), split, limit)


def rendered_from(source: PreparedSource, split: str, limit: int = -1) -> Iterator[RenderedExample]:
    """`rendered_examples` of a source, which can read several splits at once, as 'train+test'."""
    dataset = source.dataset
    with located(dataset, split, source.data_dir):
        for example in iterated(_render_split(source, split).take(limit), f'{dataset.name}, {split} examples'):
            yield _rendered(dataset, example)


def rendered_row(dataset: Dataset, row: Mapping[str, Any]) -> RenderedExample:
    """A row with the features of TFDS, rendered in all templates.

    Raises:
      UserError: if a feature is missing, or the dataset's filter leaves such a row out.
    """
    try:
        rendered = _render_row(dataset, tf.data.Dataset.from_tensors(dict(row)))
    except KeyError as error:
        raise UserError(f'{dataset.name} needs the field {error}; the row has {", ".join(row) or "nothing"}') from error
    example = next(iterated(rendered, f'{dataset.name}, this row'), None)
    if example is None:
        reason = dataset.keep.reason if dataset.keep else 'it yields no example'
        raise UserError(f'{dataset.name} skips such rows: {reason}')
    return _rendered(dataset, example)


def _rendered(dataset: Dataset, example: Mapping[str, Any]) -> RenderedExample:
    return RenderedExample(
        prompts=tuple((inputs.decode(), targets.decode()) for inputs, targets in example['prompts']),
        fields={name: example[name].decode() for name in dataset.fields},
        answer=example['answer'].decode(),
        references=_decode_all(example['references']),
        choices=_decode_all(example.get('choices', ())),
        right=tuple(map(bool, example.get('right', ()))),
        group=example.get('group', b'').decode(),
        before={name: _decode(example[name]) for name in BEFORE if name in example},
        options=example.get(OPTIONS, b'').decode(),
    )


@tf.autograph.experimental.do_not_convert
def _render_row(dataset: Dataset, examples: tf.data.Dataset) -> tf.data.Dataset:
    """The values of a row, if it is usable, and all its prompts."""
    return keep_usable(examples, dataset).map(functools.partial(_renderings, dataset))


@tf.autograph.experimental.do_not_convert
def _render_split(source: PreparedSource, split: str) -> tf.data.Dataset:
    """The values of the usable examples, and all their prompts."""
    (rows, parse), render = source.usable(split), _traced_once(source.dataset)
    return rows.map(lambda row: render(parse(row)))


def _renderings(dataset: Dataset, ex: TfdsExample) -> rendering.Values:
    values = rendering.read_values(dataset, ex)
    texts = zip(*((template.inputs, template.targets) for template in dataset.templates))
    prompts = tf.stack([rendering.fill_all(of_part, values) for of_part in texts], axis=1)
    return values | rendering.read_before(dataset, ex) | {'prompts': prompts}


@functools.cache
def _traced_once(dataset: Dataset) -> Render:
    """`_renderings` for all splits of a dataset, whose examples are of one kind."""
    return tf.function(functools.partial(_renderings, dataset), autograph=False)


def fitted_inputs(
    dataset: Dataset, template: int, ex: RenderedExample, tokenizer: FormatTokenizer, max_length: int
) -> str:
    """The inputs of an example in one template, with long fields shortened if the prompt would be too long."""
    values = {name: tf.constant(text) for name, text in (ex.fields | {ANSWER: ex.answer}).items()}
    if ex.choices:
        values[OPTIONS] = options_block(tf.constant(ex.choices))
    inputs = rendering.fill(dataset.templates[template].inputs, long_fields.marked(dataset, values))
    texts = long_fields.long_texts(dataset, values) if dataset.long_fields else None
    return tokenizer.fit(inputs, texts, max_length)[0].numpy().decode()


@dataclasses.dataclass(frozen=True)
class FewShotPrompt:
    """A prompt with exemplars, and its target.

    Attributes:
      parts: the texts between EOS tokens, in order; the last is that of the example.
      shots: number of exemplars.
      targets: the expected response.
      tokens: number of tokens of the whole prompt.
    """

    parts: tuple[str, ...]
    shots: int
    targets: str
    tokens: int


def few_shot_prompts(
    template: int,
    split: str,
    lengths: Mapping[str, int],
    exemplars: Exemplars,
    prompt_format: PromptFormat = Flan(),
    limit: int = -1,
) -> Iterator[FewShotPrompt]:
    """The examples of a split of the exemplars' dataset in one template, with the bundled vocabulary."""
    vocabulary = Vocabulary()
    task = generation_task(exemplars.dataset, template, vocabulary, exemplars.data_dir, exemplars, prompt_format)
    for example in read_examples(task, lengths, split=split, shuffle=False).take(limit).as_numpy_iterator():
        ends = np.flatnonzero(example['inputs'] == vocabulary.eos_id) + 1
        parts = [vocabulary.decode(part) for part in np.split(example['inputs'], ends) if len(part)]
        targets = example['targets_pretokenized'].decode()
        yield FewShotPrompt(tuple(parts), int(example['shots']), targets, len(example['inputs']))


def _decode(value) -> str | tuple[str, ...]:
    return value.decode() if isinstance(value, bytes) else _decode_all(value)


def _decode_all(values) -> tuple[str, ...]:
    return tuple(value.decode() for value in values)
