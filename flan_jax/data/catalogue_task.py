"""The catalogue's tasks, and reading what tasks give without what slows SeqIO down."""

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
from flan_jax.data.tokenized import INPUTS, INPUTS_CUT, TARGETS, TARGETS_CUT
from flan_jax.tokenizers.vocabulary import Vocabulary

DatasetTransform = Callable[..., tf.data.Dataset]

Lengths = Mapping[str, int] | None
"""Tokens of inputs and targets at most."""

Put = Callable[[Values, tuple[tf.Tensor, tf.Tensor]], Values]
"""What is read of an example, and a seed, two integers, to a tokenised example."""

_ALONE = threading.RLock()
"""SeqIO keeps the seed of a task's next step in a global variable, so threads build their pipelines one at a time."""

_CACHED_AFTER = 2
"""Steps of a `Seeded` task before what SeqIO may cache: usable examples are kept, and read."""


@dataclasses.dataclass(frozen=True)
class Seeded:
    """How examples are put that are put anew in every epoch.

    Attributes:
      read: an example to what may be shown of it, which SeqIO may cache.
      put: for the lengths of a task, how that becomes a tokenised example by a seed.
    """

    read: Callable[[TfdsExample], Values]
    put: Callable[[Lengths], Put]

    def steps(self) -> list[DatasetTransform | seqio.CacheDatasetPlaceholder]:
        """The same as SeqIO knows it."""

        def put_all(examples, sequence_length):
            return seqio.map_over_dataset(self.put(sequence_length), num_seeds=1)(examples)

        return [seqio.map_over_dataset(self.read), seqio.CacheDatasetPlaceholder(), put_all]

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
        """What SeqIO gives of the usable examples by `steps`, without the first `skip`, which are not even parsed.

        One function parses, reads and puts an example, where SeqIO takes three: each of them takes long to trace.
        """
        (rows, parse), put = source.usable(split, shuffle, seed), self.put(lengths)
        first = None if seed is None else seed + 42 * _CACHED_AFTER  # as SeqIO has it
        seeds = tuple(tf.data.Dataset.random(None if first is None else first + place) for place in range(2))
        with_seeds = tf.data.Dataset.zip((rows.repeat(num_epochs), seeds)).skip(skip)
        return with_seeds.map(lambda row, seed: put(self.read(parse(row)), seed), tf.data.AUTOTUNE)


class CatalogueTask(seqio.Task):
    """A task of a declaration. None of its examples is longer than asked for, and its numbers are ids, finite or flags.

    No step of it branches or loops in Python over tensors, so that AutoGraph need not look for that.

    Attributes:
      seeded: how its examples are put, of a task for training; None where `steps` say all.
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
        """A task that keeps the usable examples, and takes steps by which they are rendered and tokenised."""
        self.seeded = steps if isinstance(steps, Seeded) else None
        super().__init__(
            name,
            source=source,
            output_features=output_features(vocabulary, prompt_format),
            preprocessors=[
                functools.partial(keep_usable, dataset=source.dataset),
                *(steps.steps() if isinstance(steps, Seeded) else steps),
            ],
            shuffle_buffer_size=None,  # the source shuffles what is on disk; rendered examples are not shuffled again
            **judging,
        )


def output_features(vocabulary: Vocabulary, prompt_format: PromptFormat = Flan()) -> Mapping[str, seqio.Feature]:
    """SeqIO's features of every task: inputs, which are prompts, and targets, which are responses."""
    ended = {INPUTS: prompt_format.prompt.endswith('{eos}'), TARGETS: prompt_format.response.endswith('{eos}')}
    return {name: seqio.Feature(seqio_vocabulary(vocabulary), add_eos=eos) for name, eos in ended.items()}


def read_examples(task: seqio.Task, lengths: Lengths, skip: int = 0, **order) -> tf.data.Dataset:
    """`task.get_dataset` without what slows it down here, and without the first `skip` examples.

    The catalogue's tasks go without AutoGraph, which would take most of the time it takes to start. Those of others are
    cut as SeqIO does, at the end, and say so by `INPUTS_CUT` and `TARGETS_CUT`. Small datasets are not cached, since
    SeqIO's cache would fix the order of all epochs.

    Args:
      task: whose.
      lengths: of its examples.
      skip: examples to leave out.
      **order: `split`, `shuffle`, `seed` and `num_epochs` as SeqIO has them.
    """
    own = isinstance(task, CatalogueTask)
    with _ALONE:
        if own and task.seeded:
            examples = task.seeded.examples(task.source, lengths, skip, **order)
        else:
            get_dataset = tf.autograph.experimental.do_not_convert(task.get_dataset) if own else task.get_dataset
            examples = get_dataset(lengths, try_in_mem_cache=False, trim_output_features=False, **order).skip(skip)
            examples = examples if own else examples.map(functools.partial(_cut, lengths or {}))
    return examples.with_options(without_tuning())


def _cut(lengths: Mapping[str, int], example: Values) -> Values:
    """An example of at most so many tokens, and which of its features are cut for that."""
    bounded = {name: length for name, length in lengths.items() if length is not None and name in example}
    says = {INPUTS: INPUTS_CUT, TARGETS: TARGETS_CUT}
    cuts = {says[name]: tf.size(example[name]) > length for name, length in bounded.items()}
    return cuts | example | {name: example[name][:length] for name, length in bounded.items()}
