"""How an example of a `Part` is put to the model, drawn by seed: template, exemplars, layout, options.

What is drawn is a pure function of the seed, which is one of the example's own in every epoch; so the stream stays a
pure function of its recipe. The shares that come of it are computed here, beside the drawing itself.
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
"""Version of what is drawn: of the order of draws, of layouts and of styles."""


@dataclasses.dataclass(frozen=True)
class Drawn:
    """What was drawn for one example; scalars.

    Attributes:
      template: index of the template.
      shots: exemplars before it at most, 0 for none.
      layout: index of their layout.
      hidden: whether options are hidden.
      style: index of the options' style.
      shuffled: whether shown options are in random order.
      by_mark: whether they are answered by their marks.
    """

    template: tf.Tensor
    shots: tf.Tensor
    layout: tf.Tensor
    hidden: tf.Tensor
    style: tf.Tensor
    shuffled: tf.Tensor
    by_mark: tf.Tensor


def draw(dataset: Dataset, part: Part, seed: tf.Tensor) -> Drawn:
    """Draws by `seed`, two integers; every draw takes a uniform number of its own."""
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
    """Inputs and targets of examples as drawn, scalars or vectors.

    Args:
      dataset: theirs.
      drawn: how they are put.
      values: as `drawn_options.read_drawable` has them.
      seed: two integers, of the order of options.
      shown: what inputs show in place of values of the same names.
    """
    if draws_options(dataset):
        values = tf.cond(
            drawn.hidden,
            lambda: hide_options(values),
            lambda: draw_options(values, drawn.style, drawn.shuffled, drawn.by_mark, seed),
        )
    replies = {True: values | {ANSWER: values.get(REPLY, values[ANSWER])}, False: values}

    def put(template):
        replied = replies[not template.inverted and shows_options(template)]
        return render(template, replied, replied | (shown or {}))

    branches = [functools.partial(put, template) for template in dataset.templates]
    shape = tf.shape(values[ANSWER])
    inputs, targets = tf.switch_case(drawn.template, branches)
    return tf.broadcast_to(inputs, shape), tf.broadcast_to(targets, shape)


def draws_options(dataset: Dataset) -> bool:
    """Whether any template shows options; prompts of promptsource have them in their own words."""
    return dataset.has_options and any(map(shows_options, dataset.templates))


def hidden_share(dataset: Dataset, part: Part) -> float:
    """Share of a dataset's examples whose options are hidden: none where all of its templates point at them."""
    able = [can_hide_options(template) for template in dataset.forward_templates.values()]
    return part.hidden if draws_options(dataset) and any(able) else 0.0


def template_shares(dataset: Dataset, part: Part, hidden: bool) -> np.ndarray:
    """Share of each template, [templates], where options are shown or hidden; sums to 1."""
    usable = np.array([not hidden or can_hide_options(template) for template in dataset.templates])
    if not usable.any():
        return template_shares(dataset, part, hidden=False)  # never drawn: `hidden_share` is 0
    inverted = np.array([template.inverted for template in dataset.templates])
    shares = usable / usable.sum()
    if part.inverted is None or not (usable & inverted).any() or not (usable & ~inverted).any():
        return shares
    of_kind = np.where(inverted, part.inverted, 1 - part.inverted)
    return usable * of_kind / np.where(inverted, (usable & inverted).sum(), (usable & ~inverted).sum())


@dataclasses.dataclass(frozen=True)
class Form:
    """What examples may have in common in how they are put, and the share of a dataset's examples that have it."""

    shots: str
    options: str
    direction: str
    share: float


def forms(dataset: Dataset, part: Part) -> Iterator[Form]:
    """The forms that a dataset's examples take, with their shares, which sum to 1."""
    inverted = np.array([template.inverted for template in dataset.templates])
    for shots, of_shots in (('zero-shot', 1 - part.few_shot), ('few-shot', part.few_shot)):
        for options, hidden, of_options in _option_forms(dataset, part):
            templates = template_shares(dataset, part, hidden)
            for direction, of_direction in (('forward', ~inverted), ('inverted', inverted)):
                share = of_shots * of_options * float(templates[of_direction].sum())
                if share > 0:
                    yield Form(shots, options, direction, share)


def _option_forms(dataset: Dataset, part: Part) -> Iterator[tuple[str, bool, float]]:
    if not draws_options(dataset):
        yield 'none', False, 1.0
        return
    hidden = hidden_share(dataset, part)
    yield 'hidden', True, hidden
    for style, of_style in (('listed', 1 - part.lettered), ('lettered', part.lettered)):
        yield style, False, (1 - hidden) * of_style * (1 - part.shuffled)
        yield f'{style}, shuffled', False, (1 - hidden) * of_style * part.shuffled
