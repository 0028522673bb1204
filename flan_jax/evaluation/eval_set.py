"""What a model is asked: a dataset's rows under one template, tokenised by the same SeqIO tasks that others can use."""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.seqio_tasks import generation_task, rank_task, read_examples
from flan_jax.tokenizers.vocabulary import Vocabulary

SEQIO_SPLITS = ('validation', 'test')


@dataclasses.dataclass(frozen=True)
class EvalExample:
    """One row under one template.

    Attributes:
      example: index of the row among the usable rows of its split.
      prompt: the inputs as text, before they are cut.
      prompt_tokens: the inputs as tokens, cut and ended by EOS.
      references: the acceptable answers.
      choices: the options; empty where the answer is written out.
      choice_tokens: each option's tokens, ended by EOS.
      group: key under which rows are judged together.
      exemplars: how many exemplars stand in the prompt.
    """

    example: int
    prompt: str
    prompt_tokens: np.ndarray
    references: tuple[str, ...]
    choices: tuple[str, ...] = ()
    choice_tokens: tuple[np.ndarray, ...] = ()
    group: str = ''
    exemplars: int = 0


def eval_examples(
    dataset: Dataset,
    template: int,
    split: str,
    vocabulary: Vocabulary,
    lengths: dict[str, int],
    data_dir: str,
    limit: int | None = None,
    exemplars: Exemplars | None = None,
) -> Iterator[EvalExample]:
    """The rows of a split as a template asks about them, at most `limit`, in the order on disk."""
    make_task = rank_task if dataset.has_options else generation_task
    task = make_task(dataset, template, vocabulary, data_dir, exemplars=exemplars)
    examples = read_examples(task, lengths, split=split, shuffle=False).as_numpy_iterator()
    if not dataset.has_options:
        return (_written_out(example) for example in itertools.islice(examples, limit))
    by_row = itertools.groupby(examples, key=lambda example: int(example['idx'][0]))
    return (_with_options(row, list(options)) for row, options in itertools.islice(by_row, limit))


def _with_options(row: int, options: list[dict]) -> EvalExample:
    choices = tuple(option['targets_pretokenized'].decode() for option in options)
    return EvalExample(
        example=row,
        prompt=options[0]['inputs_pretokenized'].decode(),
        prompt_tokens=options[0]['inputs'],
        references=tuple(choice for choice, option in zip(choices, options) if option['is_correct']),
        choices=choices,
        choice_tokens=tuple(option['targets'] for option in options),
        group=_text(options[0].get('group', b'')),
        exemplars=int(options[0].get('shots', 0)),
    )


def _written_out(example: dict) -> EvalExample:
    return EvalExample(
        example=int(example['idx']),
        prompt=example['inputs_pretokenized'].decode(),
        prompt_tokens=example['inputs'],
        references=tuple(reference.decode() for reference in example['references']),
        group=_text(example.get('group', b'')),
        exemplars=int(example.get('shots', 0)),
    )


def _text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
