"""SeqIO tasks, all derived from one declaration: for training, and for evaluating each template.

`rte` draws a random template for every example and epoch; `rte_template_3` asks with template 3 and expects the answer
written out; `rte_template_3_rank` offers every option as a target to be scored. Each may be given exemplars.
"""

import functools
from collections.abc import Callable, Mapping

import seqio
import tensorflow as tf

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data import rendering
from flan_jax.data.few_shot import EXEMPLARS, Exemplars, put_before
from flan_jax.data.source import PreparedSource
from flan_jax.metrics.metrics import Judgement, judge

INPUTS, TARGETS = 'inputs', 'targets'

Features = Mapping[str, seqio.Feature]
DatasetTransform = Callable[..., tf.data.Dataset]


def output_features(vocabulary: seqio.Vocabulary) -> Features:
    """The features of every task: inputs and targets, each ended by EOS (FLAN, section 2.4)."""
    return {name: seqio.Feature(vocabulary, add_eos=True) for name in (INPUTS, TARGETS)}


def training_task(
    dataset: Dataset, features: Features, data_dir: str | None = None, exemplars: Exemplars | None = None
) -> seqio.Task:
    """The task that phrases each example with a random template, anew in every epoch.

    SeqIO may cache what templates show of an example; the template is drawn after that.
    """

    @seqio.map_over_dataset
    def read(ex):
        return rendering.read_shown(dataset, ex)

    @functools.partial(seqio.map_over_dataset, num_seeds=1)
    def render_random(values, seed):
        inputs, targets, template = rendering.render_random(dataset.templates, values, seed)
        example = {INPUTS: inputs, TARGETS: targets, 'template': template}
        if exemplars is not None:
            render = functools.partial(rendering.render_random, dataset.templates, seed=seed)
            another_seed = tf.random.experimental.stateless_fold_in(seed, 1)
            example[EXEMPLARS] = exemplars.of(values, lambda values: render(values)[:2], another_seed)
        return example

    return _task(dataset.name, dataset, features, data_dir, [read, seqio.CacheDatasetPlaceholder(), render_random])


def generation_task(
    dataset: Dataset,
    template: int,
    features: Features,
    data_dir: str | None = None,
    exemplars: Exemplars | None = None,
) -> seqio.Task:
    """The task that asks with one template and judges what the model writes."""
    render_one = functools.partial(rendering.render, dataset.templates[template])

    @seqio.map_over_dataset
    def render(ex):
        values = rendering.read_values(dataset, ex)
        inputs, targets = render_one(values)
        example = {INPUTS: inputs, TARGETS: targets, 'references': values['references']}
        if exemplars is not None:
            example[EXEMPLARS] = exemplars.of(values, render_one)
        if dataset.templates[template].targets != '{answer}':
            example['references'] = targets[tf.newaxis]
        return example | {name: values[name] for name in ('choices', 'group') if name in values}

    return _task(
        f'{dataset.name}_template_{template}' + (exemplars.suffix if exemplars else ''),
        dataset,
        features,
        data_dir,
        [render, _number],
        postprocess_fn=_references_or_prediction,
        metric_fns=[functools.partial(_metric, dataset.metrics)],
    )


def rank_task(
    dataset: Dataset,
    template: int,
    features: Features,
    data_dir: str | None = None,
    show_options: bool = True,
    exemplars: Exemplars | None = None,
) -> seqio.Task:
    """The task that offers each option as a target (rank classification), with or without the options suffix."""
    from t5.data import postprocessors as t5_postprocessors  # t5 takes a while to import, the catalogue must not
    from t5.data import preprocessors as t5_preprocessors
    from t5.evaluation import metrics as t5_metrics

    def render_one(values):
        return rendering.render(
            dataset.templates[template], values if show_options else rendering.without_options(values)
        )

    @seqio.map_over_dataset
    def render(ex):
        values = rendering.read_values(dataset, ex)
        example = values | {INPUTS: render_one(values)[0]}
        if exemplars is not None:
            example[EXEMPLARS] = exemplars.of(values, render_one)
        return example

    expand = functools.partial(
        t5_preprocessors.rank_classification,
        inputs_fn=lambda ex: tf.fill(tf.shape(ex['choices']), ex[INPUTS]),
        targets_fn=lambda ex: ex['choices'],
        is_correct_fn=lambda ex: ex['right'],
        passthrough_feature_keys=['group'] * (dataset.group is not None) + [EXEMPLARS] * (exemplars is not None),
    )
    return _task(
        f'{dataset.name}_template_{template}_rank'
        + ('' if show_options else '_no_options')
        + (exemplars.suffix if exemplars else ''),
        dataset,
        features,
        data_dir,
        [render, expand],
        postprocess_fn=t5_postprocessors.rank_classification,
        metric_fns=[t5_metrics.rank_classification],
    )


def _task(
    name: str,
    dataset: Dataset,
    features: Features,
    data_dir: str | None,
    rendering_steps: list[DatasetTransform],
    **judging,
) -> seqio.Task:
    """A task that keeps the usable examples, renders them, and tokenises what was rendered."""
    return seqio.Task(
        name,
        source=PreparedSource(dataset, data_dir),
        output_features=features,
        preprocessors=[
            functools.partial(keep_usable, dataset=dataset),
            *rendering_steps,
            tokenize,
        ],
        shuffle_buffer_size=None,  # the source shuffles examples; examples are not shuffled again
        **judging,
    )


def read_examples(task: seqio.Task, lengths: Mapping[str, int], **kwargs) -> tf.data.Dataset:
    """`task.get_dataset` without what slows it down here.

    AutoGraph is off for the catalogue's tasks: none of their steps branches or loops in Python over tensors, and
    looking for that would take most of the time it takes to start. Small datasets are not cached, since SeqIO's cache
    would fix the order of all epochs.
    """
    get_dataset = task.get_dataset
    if isinstance(task.source, PreparedSource):
        get_dataset = tf.autograph.experimental.do_not_convert(get_dataset)
    return get_dataset(lengths, try_in_mem_cache=False, **kwargs)


def keep_usable(examples: tf.data.Dataset, dataset: Dataset) -> tf.data.Dataset:
    """Leaves out the examples that the dataset's documented filter rejects."""
    return examples if dataset.keep is None else examples.filter(dataset.keep.test)


def tokenize(examples: tf.data.Dataset, output_features: Features, sequence_length: Mapping[str, int] | None):
    """Tokenises, cuts and ends by EOS as SeqIO does, which by itself would read 256 examples ahead for every task.

    Inputs and targets are tokenised apart, so no token spans both. Inputs begin with BOS where the vocabulary has one.
    Exemplars, where an example has them, come before its inputs as far as they fit; 'shots' says how many did.
    """
    bos_id = prompt_bos_id(output_features)
    if bos_id is not None and sequence_length and INPUTS in sequence_length:
        sequence_length = sequence_length | {INPUTS: sequence_length[INPUTS] - 1}

    def tokenize_one(example):
        exemplars = example.pop(EXEMPLARS, None)
        example = seqio.preprocessors.tokenize_impl(example, output_features)
        example = seqio.preprocessors.append_eos_after_trim_impl(example, output_features, sequence_length)
        example = example if exemplars is None else with_exemplars(example, exemplars)
        return example if bos_id is None else example | {INPUTS: tf.concat([[bos_id], example[INPUTS]], axis=0)}

    def with_exemplars(example, exemplars):
        input_length = sequence_length.get(INPUTS) if sequence_length else None
        tokens, shots = put_before(exemplars, example[INPUTS], output_features[INPUTS].vocabulary, input_length)
        texts = tf.concat([exemplars[: 2 * shots], [example[f'{INPUTS}_pretokenized']]], axis=0)
        text = tf.strings.reduce_join(texts, separator='\n\n')
        return example | {INPUTS: tokens, f'{INPUTS}_pretokenized': text, 'shots': shots}

    return examples.map(tokenize_one, num_parallel_calls=tf.data.AUTOTUNE)


def prompt_bos_id(output_features: Features) -> int | None:
    """The token that begins every prompt; None where the vocabulary of the inputs has none."""
    bos_id = output_features[INPUTS].vocabulary.bos_id
    return None if bos_id is None or bos_id < 0 else bos_id


def _number(examples: tf.data.Dataset) -> tf.data.Dataset:
    """Numbers the examples, so that predictions for one example under several templates can be matched."""
    return examples.enumerate().map(lambda index, ex: ex | {'idx': index}, num_parallel_calls=tf.data.AUTOTUNE)


def _references_or_prediction(output: str, example: Mapping | None = None, is_target: bool = False):
    if not is_target:
        return output
    references, choices = (tuple(text.decode() for text in example.get(name, ())) for name in ('references', 'choices'))
    return references, choices, str(example.get('group', ''))


def _metric(names, targets, predictions):
    """The dataset's metrics in the form SeqIO's evaluator calls them."""
    return judge(names, [Judgement(said, *expected) for expected, said in zip(targets, predictions)])
