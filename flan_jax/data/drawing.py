"""Random forms of the examples of a `Part`: template, exemplars, layout and options are drawn by seed.

Draws are a pure function of a seed that is specific to example and epoch, so that the stream remains a pure function of
its recipe. The expected shares of the forms are computed here as well.
"""

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from flan_jax.catalogue.declaration import ANSWER, Dataset
from flan_jax.catalogue.forms import can_hide_options, shows_options
from flan_jax.data.drawn_options import REPLY, STYLES, draw_options, hide_options
from flan_jax.data.layouts import LAYOUTS
from flan_jax.data.parts import Part
from flan_jax.data.rendering import Values, render

DRAWING = 1
"""Version of the drawing: of the order of draws, layouts and styles."""


@dataclasses.dataclass(frozen=True)
class Drawn:
    """The draws for one example; scalars.

    Attributes:
      template: index of the template.
      shots: maximal number of exemplars, 0 for none.
      layout: index of the layout of exemplars.
      hidden: whether options are hidden.
      style: index of the options' style.
      shuffled: whether shown options are in random order.
      by_mark: whether the answer is the letter of an option.
    """

    template: tf.Tensor
    shots: tf.Tensor
    layout: tf.Tensor
    hidden: tf.Tensor
    style: tf.Tensor
    shuffled: tf.Tensor
    by_mark: tf.Tensor


def draw(dataset: Dataset, part: Part, seed: tf.Tensor) -> Drawn:
    """Draws by `seed`, two integers; every draw uses a separate uniform number."""
    number = iter(tf.unstack(tf.random.stateless_uniform([9], seed)))

    def happens(share: float) -> tf.Tensor:
        return next(number) < share

    def one_of(count: int) -> tf.Tensor:
        return tf.minimum(tf.cast(next(number) * count, tf.int32), count - 1)

    hidden = happens(hidden_share(dataset, part))
    cumulative = np.cumsum([template_shares(dataset, part, False), template_shares(dataset, part, True)], axis=1)
    below = tf.gather(tf.constant(cumulative[:, :-1], tf.float32), tf.cast(hidden, tf.int32)) <= next(number)
    return Drawn(
        template=tf.math.count_nonzero(below, dtype=tf.int32),
        hidden=hidden,
        shots=tf.where(happens(part.few_shot), one_of(part.max_shots) + 1, 0),
        layout=one_of(len(LAYOUTS)),
        style=tf.where(happens(part.lettered), one_of(len(STYLES) - 1) + 1, 0),
        shuffled=happens(part.shuffled),
        by_mark=happens(part.letter_targets),
    )


def render_drawn(
    dataset: Dataset, drawn: Drawn, values: Values, seed: tf.Tensor, shown: Values | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Inputs and targets of examples in the drawn form, scalars or vectors.

    Args:
      dataset: the dataset.
      drawn: the draws.
      values: values from `drawn_options.read_drawable`.
      seed: two integers, for the order of options.
      shown: values that replace those of the same names in inputs.
    """
    if draws_options(dataset):
        values = tf.cond(
            drawn.hidden,
            lambda: hide_options(values),
            lambda: draw_options(values, drawn.style, drawn.shuffled, drawn.by_mark, seed),
        )
    replies = {True: values | {ANSWER: values.get(REPLY, values[ANSWER])}, False: values}

    def render_template(template):
        replied = replies[not template.inverted and shows_options(template)]
        return render(template, replied, replied | (shown or {}))

    branches = [functools.partial(render_template, template) for template in dataset.templates]
    shape = tf.shape(values[ANSWER])
    inputs, targets = tf.switch_case(drawn.template, branches)
    return tf.broadcast_to(inputs, shape), tf.broadcast_to(targets, shape)


def draws_options(dataset: Dataset) -> bool:
    """Whether any template shows the options block; promptsource's prompts contain options in their own wording."""
    return dataset.has_options and any(map(shows_options, dataset.templates))


def hidden_share(dataset: Dataset, part: Part) -> float:
    """Share of a dataset's examples whose options are hidden; 0 if all of its templates refer to options."""
    able = [can_hide_options(template) for template in dataset.forward_templates.values()]
    return part.hidden if draws_options(dataset) and any(able) else 0.0


def template_shares(dataset: Dataset, part: Part, hidden: bool) -> np.ndarray:
    """Share of each template, [templates], given that options are shown or hidden; the sum is 1."""
    usable = np.array([not hidden or can_hide_options(template) for template in dataset.templates])
    if not usable.any():
        return template_shares(dataset, part, hidden=False)  # never drawn: `hidden_share` is 0
    inverted = np.array([template.inverted for template in dataset.templates])
    shares = usable / usable.sum()
    if part.inverted is None or not (usable & inverted).any() or not (usable & ~inverted).any():
        return shares
    direction_share = np.where(inverted, part.inverted, 1 - part.inverted)
    return usable * direction_share / np.where(inverted, (usable & inverted).sum(), (usable & ~inverted).sum())


@dataclasses.dataclass(frozen=True)
class Form:
    """A form of examples, and the share of a dataset's examples that have it."""

    shots: str
    options: str
    direction: str
    share: float


def forms(dataset: Dataset, part: Part) -> Iterator[Form]:
    """The forms of a dataset's examples, with their shares, which sum to 1."""
    inverted = np.array([template.inverted for template in dataset.templates])
    for shots, shots_share in (('zero-shot', 1 - part.few_shot), ('few-shot', part.few_shot)):
        for options, hidden, options_share in _option_forms(dataset, part):
            templates = template_shares(dataset, part, hidden)
            for direction, in_direction in (('forward', ~inverted), ('inverted', inverted)):
                share = shots_share * options_share * float(templates[in_direction].sum())
                if share > 0:
                    yield Form(shots, options, direction, share)


def _option_forms(dataset: Dataset, part: Part) -> Iterator[tuple[str, bool, float]]:
    if not draws_options(dataset):
        yield 'none', False, 1.0
        return
    hidden = hidden_share(dataset, part)
    yield 'hidden', True, hidden
    for style, style_share in (('listed', 1 - part.lettered), ('lettered', part.lettered)):
        yield style, False, (1 - hidden) * style_share * (1 - part.shuffled)
        yield f'{style}, shuffled', False, (1 - hidden) * style_share * part.shuffled
