"""The SeqIO training task of a dataset in a `Part`, which draws a random form for each example."""

import functools

import seqio
import tensorflow as tf

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data import long_fields
from flan_jax.data.catalogue_task import CatalogueTask, Seeded
from flan_jax.data.drawing import draw, render_drawn
from flan_jax.data.drawn_options import read_drawable
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.formats.chat_template import ChatTemplate
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.layouts import tokenize_laid_out
from flan_jax.data.parts import Part
from flan_jax.data.prepared_source import PreparedSource
from flan_jax.data.rendering import Values
from flan_jax.data.seqio_tasks import long_field_texts
from flan_jax.data.tokenize import FormatTokenizer
from flan_jax.data.tokenized import EXEMPLARS, INPUTS, TARGETS
from flan_jax.errors import UserError
from flan_jax.tokenizers.vocabulary import Vocabulary


def drawn_task(
    dataset: Dataset,
    part: Part,
    vocabulary: Vocabulary,
    data_dir: str | None,
    prompt_format: PromptFormat,
    name: str,
) -> seqio.Task:
    """The training task of a dataset in a part; forms are drawn for every example and epoch.

    Examples have the features 'shots' (exemplars that fit), 'template', and the other draws by the names of `Drawn`. A
    query that is too long loses the last words of its long fields; exemplars are complete or left out.

    Raises:
      UserError: for a chat template, which does not support exemplars in plain-text layouts.
    """
    _require_plain_text(part, prompt_format)
    exemplars = Exemplars(dataset, part.max_shots, data_dir=data_dir, read=read_drawable)

    def render(lengths):
        tokenizer = FormatTokenizer(prompt_format, vocabulary)

        def render_and_tokenize(values, seed):
            example = _draw_texts(dataset, part, exemplars, values, seed)
            return tokenize_laid_out(example, lengths or {}, tokenizer, part.few_shot_length)

        return render_and_tokenize

    seeded = Seeded(functools.partial(read_drawable, dataset), render)
    return CatalogueTask(name, PreparedSource(dataset, data_dir), seeded, vocabulary, prompt_format)


def _draw_texts(dataset: Dataset, part: Part, exemplars: Exemplars, values: Values, seed: tf.Tensor) -> Values:
    """The texts of an example in a randomly drawn form, and the draws."""
    drawn = draw(dataset, part, seed)
    together = _with_exemplars(values, exemplars, drawn.shots, seed)
    inputs, targets = render_drawn(dataset, drawn, together, seed, _query_marked(dataset, together))
    solved = tf.reshape(tf.stack([inputs[1:], targets[1:]], axis=1), [-1])
    example = vars(drawn) | {INPUTS: inputs[0], TARGETS: targets[0], EXEMPLARS: solved}
    return example | long_field_texts(dataset, values)


def _require_plain_text(part: Part, prompt_format: PromptFormat) -> None:
    if isinstance(prompt_format, ChatTemplate):
        raise UserError(
            f'Data.parts: {part.name} draws layouts of plain text, which Run.prompt_format=@ChatTemplate() does not '
            'have; take @Flan() or another format of plain text, or name MIXTURE_OR_TASK_NAME in place of Data.parts'
        )


def _query_marked(dataset: Dataset, together: Values) -> Values:
    """The long fields of query (first, as marks) and exemplars; strings [1 + n]."""
    marks = long_fields.marked(dataset, {})
    return {name: tf.concat([[mark], together[name][1:]], axis=0) for name, mark in marks.items()}


def _with_exemplars(values: Values, exemplars: Exemplars, shots: tf.Tensor, seed: tf.Tensor) -> Values:
    """The values of a query, followed by those of up to `shots` exemplars; strings [1 + n]."""
    sampled = exemplars.sample(values, tf.random.experimental.stateless_fold_in(seed, 1))
    return {name: tf.concat([text[tf.newaxis], sampled[name][:shots]], axis=0) for name, text in values.items()}
