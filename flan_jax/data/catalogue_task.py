"""SeqIO tasks of the catalogue, and a fast way to read the examples of tasks."""

import dataclasses
import functools
import threading
from collections.abc import Callable, Mapping, Sequence

import seqio
import tensorflow as tf

from flan_jax.catalogue.declaration import TfdsExample
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.prepared_source import PreparedSource, keep_usable, without_tuning
from flan_jax.data.rendering import Values
from flan_jax.data.seqio_vocabulary import seqio_vocabulary
from flan_jax.data.tokenized import INPUTS, TARGETS
from flan_jax.tokenizers.vocabulary import Vocabulary

DatasetTransform = Callable[..., tf.data.Dataset]

Lengths = Mapping[str, int] | None
"""Maximal tokens of inputs and targets."""

Render = Callable[[Values, tuple[tf.Tensor, tf.Tensor]], Values]
"""From the values of an example and a seed, two integers, to a tokenised example."""

_PIPELINE_LOCK = threading.RLock()
"""SeqIO keeps the seed of a task's next step in a global variable, so threads build their pipelines one at a time."""

_STEPS_BEFORE_CACHE = 2
"""Steps of a `Seeded` task before SeqIO's cache: filtering and reading."""


@dataclasses.dataclass(frozen=True)
class Seeded:
    """How examples are rendered that get a new random form in every epoch.

    Attributes:
      read: from an example to the values that templates may show, which SeqIO may cache.
      render: from the lengths of a task to the function that renders and tokenises values by a seed.
    """

    read: Callable[[TfdsExample], Values]
    render: Callable[[Lengths], Render]

    def steps(self) -> list[DatasetTransform | seqio.CacheDatasetPlaceholder]:
        """The same as SeqIO preprocessors."""

        def render_all(examples, sequence_length):
            return seqio.map_over_dataset(self.render(sequence_length), num_seeds=1)(examples)

        return [seqio.map_over_dataset(self.read), seqio.CacheDatasetPlaceholder(), render_all]

    @tf.autograph.experimental.do_not_convert
    def examples(
        self,
        source: PreparedSource,
        lengths: Lengths,
        skip: int,
        split: str,
        shuffle: bool = True,
        seed: int | None = None,
        num_epochs: int | None = 1,
    ) -> tf.data.Dataset:
        """The examples that SeqIO would make by `steps`, without the first `skip`, which are not even parsed.

        A single function parses, reads and renders an example, where SeqIO uses three, each of which is slow to trace.
        """
        (rows, parse), render = source.usable(split, shuffle, seed), self.render(lengths)
        first = None if seed is None else seed + 42 * _STEPS_BEFORE_CACHE  # as in SeqIO
        seeds = tuple(tf.data.Dataset.random(None if first is None else first + index) for index in range(2))
        with_seeds = tf.data.Dataset.zip((rows.repeat(num_epochs), seeds)).skip(skip)
        return with_seeds.map(lambda row, seed: render(self.read(parse(row)), seed), tf.data.AUTOTUNE)


class CatalogueTask(seqio.Task):
    """A task of a declared dataset. Its examples fit the lengths; its numbers are ids, finite floats or flags.

    Its steps do not branch or loop in Python over tensors, so that AutoGraph can be disabled.

    Attributes:
      seeded: how examples of a training task are rendered; None for tasks without random forms.
    """

    def __init__(
        self,
        name: str,
        source: PreparedSource,
        steps: Seeded | Sequence[DatasetTransform],
        vocabulary: Vocabulary,
        prompt_format: PromptFormat,
        **judging,
    ):
        """A task that filters the usable examples, and renders and tokenises them by `steps`."""
        self.seeded = steps if isinstance(steps, Seeded) else None
        super().__init__(
            name,
            source=source,
            output_features=output_features(vocabulary, prompt_format),
            preprocessors=[
                functools.partial(keep_usable, dataset=source.dataset),
                *(steps.steps() if isinstance(steps, Seeded) else steps),
            ],
            shuffle_buffer_size=None,  # the source shuffles rows; rendered examples are not shuffled again
            **judging,
        )


def output_features(vocabulary: Vocabulary, prompt_format: PromptFormat = Flan()) -> Mapping[str, seqio.Feature]:
    """SeqIO's features of every task: inputs, which are prompts, and targets, which are responses."""
    ended = {INPUTS: prompt_format.prompt.endswith('{eos}'), TARGETS: prompt_format.response.endswith('{eos}')}
    return {name: seqio.Feature(seqio_vocabulary(vocabulary), add_eos=eos) for name, eos in ended.items()}


def read_examples(task: seqio.Task, lengths: Lengths, skip: int = 0, **order) -> tf.data.Dataset:
    """`task.get_dataset` without its slow parts, and without the first `skip` examples.

    The catalogue's tasks are read without AutoGraph, which would take most of the startup time, and without SeqIO's
    trimming. Small datasets are not cached in memory, since SeqIO's cache would fix the order of all epochs.

    Args:
      task: the task.
      lengths: maximal tokens of inputs and targets.
      skip: number of examples to leave out.
      **order: `split`, `shuffle`, `seed` and `num_epochs` as in SeqIO.
    """
    own = isinstance(task, CatalogueTask)
    with _PIPELINE_LOCK:
        if own and task.seeded:
            examples = task.seeded.examples(task.source, lengths, skip, **order)
        else:
            get_dataset = tf.autograph.experimental.do_not_convert(task.get_dataset) if own else task.get_dataset
            examples = get_dataset(lengths, try_in_mem_cache=False, trim_output_features=not own, **order).skip(skip)
    return examples.with_options(without_tuning())
