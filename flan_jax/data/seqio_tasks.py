"""SeqIO tasks of a declared dataset, for training and for the evaluation of each template.

`rte` samples a template for every example and epoch; `rte_template_3` uses template 3, with the answer to be generated;
`rte_template_3_rank` offers every option as a target to be scored. Each may have exemplars.
"""

import functools
from collections.abc import Callable, Mapping

import seqio
import tensorflow as tf

from flan_jax.catalogue.declaration import BEFORE, OPTION_TEXTS, RANKED, Choice, Dataset
from flan_jax.data import long_fields, rendering
from flan_jax.data.catalogue_task import CatalogueTask, Seeded
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.long_fields import LONG_FIELDS
from flan_jax.data.prepared_source import PreparedSource
from flan_jax.data.tokenize import example_tokenizer, tokenize
from flan_jax.data.tokenized import EXEMPLARS, INPUTS, TARGETS
from flan_jax.metrics.metrics import Judgement, judge
from flan_jax.tokenizers.vocabulary import Vocabulary


def training_task(
    dataset: Dataset,
    vocabulary: Vocabulary,
    data_dir: str | None = None,
    exemplars: Exemplars | None = None,
    prompt_format: PromptFormat = Flan(),
    name: str | None = None,
    ranked: bool = False,
) -> seqio.Task:
    """The training task, which renders each example with a random template in every epoch.

    SeqIO may cache the values that templates show; the template is sampled after the cache.

    Args:
      dataset: the dataset.
      vocabulary: text to token ids.
      data_dir: directory of prepared datasets; None for SeqIO's default.
      exemplars: few-shot exemplars; None for none.
      prompt_format: the text around prompt and response.
      name: name of the task; None for that of the dataset.
      ranked: whether examples have all responses with their scores; earlier answers of a dialogue are not learned then.
    """

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
            exemplar_seed = tf.random.experimental.stateless_fold_in(seed, 1)
            example[EXEMPLARS] = exemplars.of(values, lambda values: render(values)[:2], exemplar_seed)
        return example

    def render_and_tokenize(lengths):
        tokenize_one = example_tokenizer(lengths, prompt_format, vocabulary, learns_history=exemplars is None)
        return lambda values, seed: tokenize_one(render_random(values, seed))

    source = PreparedSource(dataset, data_dir)
    return CatalogueTask(name or dataset.name, source, Seeded(read, render_and_tokenize), vocabulary, prompt_format)


def generation_task(
    dataset: Dataset,
    template: int,
    vocabulary: Vocabulary,
    data_dir: str | None = None,
    exemplars: Exemplars | None = None,
    prompt_format: PromptFormat = Flan(),
) -> seqio.Task:
    """The evaluation task of one template, which judges generated answers."""
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
        """Also numbers examples, so that predictions for an example in several templates can be matched."""
        tokenize_one = example_tokenizer(sequence_length, prompt_format, vocabulary)
        return examples.enumerate().map(lambda i, ex: tokenize_one(render(ex)) | {'idx': i}, tf.data.AUTOTUNE)

    return CatalogueTask(
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
    from t5.data import postprocessors as t5_postprocessors  # slow to import
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
    return CatalogueTask(
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
    """Makes an example for each option, with the option as targets."""
    from t5.data import preprocessors as t5_preprocessors

    return functools.partial(
        t5_preprocessors.rank_classification,
        inputs_fn=lambda ex: tf.fill(tf.shape(ex['choices']), ex[INPUTS]),
        targets_fn=lambda ex: ex['choices'],
        is_correct_fn=lambda ex: ex['right'],
        passthrough_feature_keys=_passed_through(dataset, exemplars),
    )


def long_field_texts(dataset: Dataset, values: rendering.Values) -> rendering.Values:
    """The texts of long fields, for which the inputs contain marks; empty if the dataset has no long fields."""
    return {LONG_FIELDS: long_fields.long_texts(dataset, values)} if dataset.long_fields else {}


def _passed_through(dataset: Dataset, exemplars: Exemplars | None) -> list[str]:
    """Features that the examples of all options share; includes the options' texts if their letters are the answers."""
    kept = {
        'group': dataset.group is not None,
        OPTION_TEXTS: isinstance(dataset.answer, Choice) and dataset.answer.style.answer_is_mark,
        EXEMPLARS: exemplars is not None,
        LONG_FIELDS: bool(dataset.long_fields),
    }
    return [name for name, keep in kept.items() if keep]


def _passed_on(values: rendering.Values) -> rendering.Values:
    return {name: values[name] for name in (*BEFORE, *RANKED) if name in values}


def _references_or_prediction(output: str, example: Mapping | None = None, is_target: bool = False):
    if not is_target:
        return output
    features = example or {}
    texts = (tuple(text.decode() for text in features.get(name, ())) for name in ('references', 'choices'))
    return *texts, features.get('group', b'').decode()


def _metric(names, targets, predictions):
    """The dataset's metrics with the signature that SeqIO's evaluator expects."""
    return judge(names, [Judgement(prediction, *expected) for expected, prediction in zip(targets, predictions)])
