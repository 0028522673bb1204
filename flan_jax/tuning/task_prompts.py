"""A soft prompt for each task, all trained in one run over one packed stream (Lester et al. 2021, for many tasks).

Every text of a packed sequence attends to the prompt of its own task, so that a prompt's gradient comes from its own
texts only. Each prompt is a separate parameter with a separate optimizer (`flan_jax.tuning.independent`), and its loss
is divided by the weights of its own texts. The result equals that of a separate run per task on the same texts.
"""

import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax

from flan_jax.errors import UnknownName
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import PROMPT, PROMPT_IDS, Params
from flan_jax.settings import Count, NotEmpty, SettingsError, Text
from flan_jax.tuning.early_stopping import EarlyStopping
from flan_jax.tuning.independent import independent
from flan_jax.tuning.prompt import Prompt
from flan_jax.tuning.tuning import Encode, Tuning

PROMPTS = 'prompts/'
"""Prefix of the names of trained prompts."""

COPY = '@'
"""Separates a task from the number of its prompt, if it has several: 'rte', 'rte@2', 'rte@3'."""


def prompt_name(task: str, number: int) -> str:
    """The name of a task's prompt with this number, from 1."""
    return task if number == 1 else f'{task}{COPY}{number}'


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskPrompts(Tuning):
    """A soft prompt is trained for each of several tasks.

    Attributes:
      tasks: names of the training tasks. A task that is repeated has several prompts, with different lengths or seeds;
        they take turns at the stream's sequences.
      lengths: rows of each prompt, or one number for all (FLAN has 10, section 4.5).
      initialisation: as in `Prompt`; every prompt samples its own rows.
      labels: for each prompt, the texts of its classes, as in `Prompt`; empty for none.
      stopping: early stopping of each prompt; None for none.
    """

    tasks: Annotated[tuple[Text, ...], NotEmpty()]
    lengths: Annotated[tuple[Count, ...], NotEmpty()] = (100,)
    initialisation: Literal['random', 'vocabulary'] = 'vocabulary'
    labels: tuple[tuple[Text, ...], ...] = ()
    stopping: EarlyStopping | None = None  # type: ignore[misc]  # a setting here, a constant of other tunings

    freezes_base: ClassVar[bool] = True
    scales_updates: ClassVar[bool] = False
    factors_moments: ClassVar[bool] = False

    def check(self) -> None:
        for name, values in (('lengths', self.lengths), ('labels', self.labels)):
            if len(values) not in (0, len(self.tasks)) and (name, len(values)) != ('lengths', 1):
                raise SettingsError(
                    f'TaskPrompts.{name} has {len(values)} values for the {len(self.tasks)} of TaskPrompts.tasks; give '
                    'one for each'
                )
        self._alone()  # checks labels against lengths

    @property
    def prompt_names(self) -> tuple[str, ...]:
        """Names of the prompts: their tasks, with a number from the second prompt of a task on."""
        seen: collections.Counter[str] = collections.Counter()
        names = []
        for task in self.tasks:
            seen[task] += 1
            names.append(prompt_name(task, seen[task]))
        return tuple(names)

    @property
    def lengths_of_prompts(self) -> tuple[int, ...]:
        """Rows of every prompt, in the order of `prompt_names`."""
        return self.lengths * len(self.tasks) if len(self.lengths) == 1 else self.lengths

    @property
    def positions(self) -> int:
        return max(self.lengths)

    def shapes(self, config: DecoderConfig) -> dict[str, jax.ShapeDtypeStruct]:
        return {name: prompt.shapes(config)[PROMPT] for name, prompt in self._alone().items()}

    def shapes_in_use(self, config: DecoderConfig) -> dict[str, jax.ShapeDtypeStruct]:
        """The shape of the longest prompt: a model in use has a single prompt."""
        return Prompt(length=self.positions).shapes(config)

    def init(self, config: DecoderConfig, key: jax.Array, frozen: Params, encode: Encode) -> Params:
        """Each prompt by `Prompt.init`, the first with the same key as if it were alone; raises UserError as that."""
        keys = [key, *(jax.random.fold_in(key, number) for number in range(1, len(self.tasks)))]
        alone = zip(self._alone().items(), keys)
        return {name: prompt.init(config, key, frozen, encode)[PROMPT] for (name, prompt), key in alone}

    def combine(self, frozen: Params, trained: Params) -> Params:
        names = list(self._alone())
        ids = np.repeat(np.arange(len(names), dtype=np.int32), [len(trained[name]) for name in names])
        return frozen | {PROMPT: jnp.concatenate([trained[name] for name in names]), PROMPT_IDS: jnp.asarray(ids)}

    def merge(self, frozen: Params, trained: Params) -> Params:
        """Raises UserError always."""
        return Prompt().merge(frozen, trained)

    def columns(self, batch: Mapping[str, np.ndarray], tasks: Sequence[str]) -> dict[str, np.ndarray]:
        """As `Tuning.columns`, with prompt_ids [B, T]; raises UnknownName for a task without a prompt."""
        prompts = [self._prompts_of(task) for task in tasks]
        most = max(map(len, prompts))
        by_turn = np.array([[numbers[turn % len(numbers)] for turn in range(most)] for numbers in prompts], np.int32)
        counts = np.array([len(numbers) for numbers in prompts])
        ids = batch['task_ids']
        turns = batch['sequence_ids'][:, None] % counts[ids]
        return super().columns(batch, tasks) | {'prompt_ids': by_turn[ids, turns]}

    def independent(self, optimizer: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
        return independent(optimizer)

    def shares(self, denominator: Callable[[Mapping], jax.Array], batch: Mapping[str, jax.Array]):
        """The share of a batch's denominator that belongs to the texts of each prompt."""
        ids_BxP = predicted_prompts(batch)
        whole = denominator(batch)
        return {
            name: denominator({**batch, 'weights': jnp.where(ids_BxP == number, batch['weights'], 0.0)}) / whole
            for number, name in enumerate(self._alone())
        }

    def _alone(self) -> dict[str, Prompt]:
        """The tuning that would train each prompt alone, by parameter name."""
        labels = self.labels or ((),) * len(self.tasks)
        return {
            PROMPTS + name: Prompt(length=length, initialisation=self.initialisation, labels=prompt_labels)
            for name, length, prompt_labels in zip(self.prompt_names, self.lengths_of_prompts, labels)
        }

    def _prompts_of(self, task: str) -> list[int]:
        """Numbers of the prompts of a task."""
        if found := [number for number, name in enumerate(self.tasks) if name == task]:
            return found
        raise UnknownName('task of TaskPrompts.tasks', task, self.tasks)


def predicted_prompts(batch: Mapping[str, jax.Array]) -> jax.Array:
    """The index of the soft prompt of each predicted token, [B, P]."""
    return jnp.take_along_axis(batch['prompt_ids'], batch['predict_at'], axis=1)
