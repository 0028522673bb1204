"""SeqIO tasks, all derived from one declaration: for training, and for evaluating each template.

`rte` samples a template for every example and epoch; `rte_template_3` uses template 3 and expects the answer written
out; `rte_template_3_rank` offers every option as a target to be scored. Each may have exemplars.
"""

import contextvars
import functools
import threading
from collections.abc import Callable, Mapping

import seqio
import tensorflow as tf

from flan_jax.catalogue.declaration import BEFORE, OPTION_TEXTS, RANKED, Choice, Dataset
from flan_jax.data import long_fields, rendering
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.long_fields import LONG_FIELDS
from flan_jax.data.prepared_source import PreparedSource, without_tuning
from flan_jax.data.seqio_vocabulary import seqio_vocabulary
from flan_jax.data.tokenize import example_tokenizer, tokenize
from flan_jax.data.tokenized import EXEMPLARS, INPUTS, TARGETS
from flan_jax.metrics.metrics import Judgement, judge
from flan_jax.tokenizers.vocabulary import Vocabulary

DatasetTransform = Callable[..., tf.data.Dataset]

_TO_SKIP: contextvars.ContextVar[int] = contextvars.ContextVar('examples to skip', default=0)
"""From `read_examples` to `map_seeded`, which SeqIO calls; none once that has skipped them."""

_ALONE = threading.RLock()
"""SeqIO keeps the seed of a task's next step in a global variable, so threads build their pipelines one at a time."""


class CatalogueTask(seqio.Task):
    """A task of a declaration. None of its examples is longer than asked for, and its numbers are ids, finite or flags.

    No step of it branches or loops in Python over tensors, so that AutoGraph need not look for that.
    """


def output_features(vocabulary: Vocabulary, prompt_format: PromptFormat = Flan()) -> Mapping[str, seqio.Feature]:
    """SeqIO's features of every task: inputs, which are prompts, and targets, which are responses."""
    ended = {INPUTS: prompt_format.prompt.endswith('{eos}'), TARGETS: prompt_format.response.endswith('{eos}')}
    return {name: seqio.Feature(seqio_vocabulary(vocabulary), add_eos=eos) for name, eos in ended.items()}


def training_task(
    dataset: Dataset,
    vocabulary: Vocabulary,
    data_dir: str | None = None,
    exemplars: Exemplars | None = None,
    prompt_format: PromptFormat = Flan(),
    name: str | None = None,
    ranked: bool = False,
) -> seqio.Task:
    """The task that phrases each example with a random template, anew in every epoch.

    SeqIO may cache what templates show of an example; the template is sampled after that. The task has the dataset's
    name where it is not given another. A `ranked` one gives all responses, and no earlier answer is learned.
    """

    @seqio.map_over_dataset
    def read(ex):
        values = rendering.read_shown(dataset, ex) | rendering.read_before(dataset, ex)
        return values | (rendering.read_ranking(dataset, ex) if ranked else {})

    def render_random(values, seed):
        shown = long_fields.marked(dataset, values)
        inputs, targets, template = rendering.render_random(dataset.templates, values, seed, shown)
        example = {INPUTS: inputs, TARGETS: targets, 'template': template}
        example |= long_field_texts(dataset, values) | _passed_on(values)
        if exemplars is not None:
            render = functools.partial(rendering.render_random, dataset.templates, seed=seed)
            another_seed = tf.random.experimental.stateless_fold_in(seed, 1)
            example[EXEMPLARS] = exemplars.of(values, lambda values: render(values)[:2], another_seed)
        return example

    def render_and_tokenize(examples, sequence_length):
        tokenize_one = example_tokenizer(sequence_length, prompt_format, vocabulary, learns_history=exemplars is None)
        return map_seeded(examples, lambda values, seed: tokenize_one(render_random(values, seed)))

    steps = [read, seqio.CacheDatasetPlaceholder(), render_and_tokenize]
    return _task(name or dataset.name, PreparedSource(dataset, data_dir), steps, vocabulary, prompt_format)


def generation_task(
    dataset: Dataset,
    template: int,
    vocabulary: Vocabulary,
    data_dir: str | None = None,
    exemplars: Exemplars | None = None,
    prompt_format: PromptFormat = Flan(),
) -> seqio.Task:
    """The task that prompts with one template and judges what the model writes."""
    render_one = functools.partial(rendering.render, dataset.templates[template])

    def render(ex):
        values = rendering.read_values(dataset, ex)
        inputs, targets = render_one(values, long_fields.marked(dataset, values))
        example = {INPUTS: inputs, TARGETS: targets, 'references': values['references']}
        example |= long_field_texts(dataset, values) | rendering.read_before(dataset, ex)
        if exemplars is not None:
            example[EXEMPLARS] = exemplars.of(values, render_one)
        if dataset.templates[template].targets != '{answer}':
            example['references'] = targets[tf.newaxis]
        return example | {name: values[name] for name in ('choices', 'group') if name in values}

    def render_and_tokenize(examples, sequence_length):
        """Examples are numbered, too, so that predictions for one of them under several templates match."""
        tokenize_one = example_tokenizer(sequence_length, prompt_format, vocabulary)
        return examples.enumerate().map(lambda i, ex: tokenize_one(render(ex)) | {'idx': i}, tf.data.AUTOTUNE)

    return _task(
        f'{dataset.name}_template_{template}' + (exemplars.suffix if exemplars else ''),
        PreparedSource(dataset, data_dir),
        [render_and_tokenize],
        vocabulary,
        prompt_format,
        postprocess_fn=_references_or_prediction,
        metric_fns=[functools.partial(_metric, dataset.metrics)],
    )


def rank_task(
    dataset: Dataset,
    template: int,
    vocabulary: Vocabulary,
    data_dir: str | None = None,
    show_options: bool = True,
    exemplars: Exemplars | None = None,
    prompt_format: PromptFormat = Flan(),
) -> seqio.Task:
    """The task that offers each option as a target (rank classification), with or without the options suffix."""
    from t5.data import postprocessors as t5_postprocessors  # t5 takes a while to import, the catalogue must not
    from t5.evaluation import metrics as t5_metrics

    def render_one(values):
        return rendering.render(
            dataset.templates[template], values if show_options else rendering.without_options(values)
        )

    @seqio.map_over_dataset
    def render(ex):
        values = rendering.read_values(dataset, ex)
        example = (
            values | {INPUTS: render_one(long_fields.marked(dataset, values))[0]} | long_field_texts(dataset, values)
        )
        if exemplars is not None:
            example[EXEMPLARS] = exemplars.of(values, render_one)
        return example

    tokenize_all = functools.partial(tokenize, vocabulary=vocabulary, prompt_format=prompt_format)
    return _task(
        f'{dataset.name}_template_{template}_rank'
        + ('' if show_options else '_no_options')
        + (exemplars.suffix if exemplars else ''),
        PreparedSource(dataset, data_dir),
        [render, _one_for_each_option(dataset, exemplars), tokenize_all],
        vocabulary,
        prompt_format,
        postprocess_fn=t5_postprocessors.rank_classification,
        metric_fns=[t5_metrics.rank_classification],
    )


def _one_for_each_option(dataset: Dataset, exemplars: Exemplars | None) -> Callable[[tf.data.Dataset], tf.data.Dataset]:
    """Makes an example for each option, which is its targets."""
    from t5.data import preprocessors as t5_preprocessors

    return functools.partial(
        t5_preprocessors.rank_classification,
        inputs_fn=lambda ex: tf.fill(tf.shape(ex['choices']), ex[INPUTS]),
        targets_fn=lambda ex: ex['choices'],
        is_correct_fn=lambda ex: ex['right'],
        passthrough_feature_keys=_passed_through(dataset, exemplars),
    )


def long_field_texts(dataset: Dataset, values: rendering.Values) -> rendering.Values:
    """The texts whose marks stand in the inputs of an example, where its dataset has long fields."""
    return {LONG_FIELDS: long_fields.long_texts(dataset, values)} if dataset.long_fields else {}


def _passed_through(dataset: Dataset, exemplars: Exemplars | None) -> list[str]:
    """What every option of an example keeps of it; the options' texts where their marks stand in their place."""
    kept = {
        'group': dataset.group is not None,
        OPTION_TEXTS: isinstance(dataset.answer, Choice) and dataset.answer.style.answer_is_mark,
        EXEMPLARS: exemplars is not None,
        LONG_FIELDS: bool(dataset.long_fields),
    }
    return [name for name, keep in kept.items() if keep]


def _task(
    name: str,
    source: PreparedSource,
    steps: list[DatasetTransform],
    vocabulary: Vocabulary,
    prompt_format: PromptFormat,
    **judging,
) -> CatalogueTask:
    """A task that keeps the usable examples, and takes steps by which they are rendered and tokenised."""
    return CatalogueTask(
        name,
        source=source,
        output_features=output_features(vocabulary, prompt_format),
        preprocessors=[
            functools.partial(keep_usable, dataset=source.dataset),
            *steps,
        ],
        shuffle_buffer_size=None,  # the source shuffles what is on disk; rendered examples are not shuffled again
        **judging,
    )


def map_seeded(
    examples: tf.data.Dataset, transform: Callable[[rendering.Values, tf.Tensor], rendering.Values]
) -> tf.data.Dataset:
    """Each example by `transform`, given a seed, two integers, that SeqIO has for it, anew in every epoch.

    What `read_examples` is to skip is left out before, for rendering and tokenising take most of the time.
    """
    skipped = _TO_SKIP.get()
    if not skipped:
        return seqio.map_over_dataset(transform, num_seeds=1)(examples)
    _TO_SKIP.set(0)
    with_seeds = seqio.map_over_dataset(lambda values, seed: (values, seed), num_seeds=1)(examples)
    return with_seeds.skip(skipped).map(transform, tf.data.AUTOTUNE)


def read_examples(task: seqio.Task, lengths: Mapping[str, int], skip: int = 0, **kwargs) -> tf.data.Dataset:
    """`task.get_dataset` without what slows it down here, and without the first `skip` examples.

    The catalogue's tasks go without AutoGraph, which would take most of the time it takes to start, and without SeqIO's
    cutting. Small datasets are not cached, since SeqIO's cache would fix the order of all epochs.
    """
    get_dataset, own = task.get_dataset, isinstance(task, CatalogueTask)
    if own:
        get_dataset = tf.autograph.experimental.do_not_convert(get_dataset)
    with _ALONE:
        before = _TO_SKIP.set(skip)
        try:
            examples = get_dataset(lengths, try_in_mem_cache=False, trim_output_features=not own, **kwargs)
            left = _TO_SKIP.get()
        finally:
            _TO_SKIP.reset(before)
    return (examples.skip(left) if left else examples).with_options(without_tuning())


def keep_usable(examples: tf.data.Dataset, dataset: Dataset) -> tf.data.Dataset:
    """Leaves out the examples that the dataset's documented filter rejects."""
    return examples if dataset.keep is None else examples.filter(dataset.keep.test)


def _passed_on(values: rendering.Values) -> rendering.Values:
    return {name: values[name] for name in (*BEFORE, *RANKED) if name in values}


def _references_or_prediction(output: str, example: Mapping | None = None, is_target: bool = False):
    if not is_target:
        return output
    of_example = example or {}
    texts = (tuple(text.decode() for text in of_example.get(name, ())) for name in ('references', 'choices'))
    return *texts, of_example.get('group', b'').decode()


def _metric(names, targets, predictions):
    """The dataset's metrics in the form SeqIO's evaluator calls them."""
    return judge(names, [Judgement(prediction, *expected) for expected, prediction in zip(targets, predictions)])
