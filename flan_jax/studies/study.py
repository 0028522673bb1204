"""A study: runs that together give a table or figure of a paper, and what it printed there.

A study is declared: its arms (ways to tune and to ask), what is held out, and the columns of its table. Every arm has a
run of its own for each thing held out and each seed. No run waits for another, so they may go on many machines.
"""

import dataclasses
import itertools
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

from flan_jax.errors import UserError
from flan_jax.run import Run

Scale = Literal['small', 'paper', 'own']
"""How large the runs are: for one machine, as the paper's, or as the gin files that are given say."""

SCALE_FILES: Mapping[str, tuple[str, ...]] = {
    'small': ('gin/runs/small.gin',),
    'paper': ('gin/runs/flan.gin',),
    'own': (),
}

BASE = 'base'
"""Folder of the base models' records, which all runs of a study share."""

SET_BY_STUDIES = ('HELD_OUT', 'Evaluation.base_dir', 'Evaluation.report_dir', 'EVAL_TASKS', 'SEED')
"""What a study gives each of its runs."""


@dataclasses.dataclass(frozen=True)
class Arm:
    """One of the ways to tune and to ask that a study sets side by side.

    Attributes:
      name: its label.
      bindings: what makes a run of it.
      x: its place on the horizontal axis, where the figure has one.
      tuned_as: the arm whose tuned model it asks in another way; empty for a model of its own.
      files: gin files that follow the scale's.
    """

    name: str
    bindings: Mapping[str, str]
    x: float | None = None
    tuned_as: str = ''
    files: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """The name of the folder of the model it asks."""
        return _folder_name(self.tuned_as or self.name)

    def bindings_in(self, folder: str, arms: 'Sequence[Arm]') -> dict[str, str]:
        """Its bindings, and a page of its own where it asks another arm's model, which is in `folder`."""
        asks_another = self.tuned_as in [arm.name for arm in arms]
        page = {'Evaluation.report_dir': os.path.join(folder, _folder_name(self.name))} if asks_another else {}
        return {**self.bindings, **page}


def _folder_name(arm: str) -> str:
    return re.sub(r'\W+', '_', arm).strip('_')


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """A run of a study.

    Attributes:
      arm: name of its arm.
      held_out: what it holds out, as HELD_OUT says it; empty for nothing.
      seed: of its stream and weights.
      files: gin files.
      bindings: everything else that makes it.
      waits_for: checkpoint of another run of the study that it starts from; empty where it waits for none.
      prepares: whether others start from it, and it is no part of the table.
    """

    arm: str
    held_out: str
    seed: int
    files: tuple[str, ...]
    bindings: Mapping[str, str]
    waits_for: str = ''
    prepares: bool = False

    @property
    def name(self) -> str:
        """What it is called where people read."""
        without = f', without {self.held_out}' if self.held_out else ''
        return f'{self.arm}{without}, seed {self.seed}'


@dataclasses.dataclass(frozen=True)
class Study:
    """A table or figure of a paper.

    Attributes:
      id: what the command calls it, such as 'flan.figure6'.
      title: what is asked.
      source: the paper's table or figure.
      arms: the arms at a scale; raises UserError where it has none there.
      held_out: what a run holds out, as HELD_OUT says it, to the columns that it is evaluated for.
      columns: the columns of the table, each the mean over datasets.
      paper: the paper's values by arm and column, per cent; a figure's, read off it, where it prints none.
      figure: the figure's kind, a function of `flan_jax.reports.study_charts`.
      x_label: what the horizontal axis says.
      y_label: what the vertical axis says.
      note: what a reader must know to compare.
      files: the gin files of a run at each scale that the study has.
    """

    id: str
    title: str
    source: str
    arms: Callable[[Scale], Sequence[Arm]]
    held_out: Mapping[str, Sequence[str]]
    columns: Mapping[str, Sequence[str]]
    paper: Mapping[str, Mapping[str, float]]
    figure: Literal['lines', 'bars']
    x_label: str = ''
    y_label: str = 'score on held-out data, %'
    note: str = ''
    files: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=lambda: SCALE_FILES)

    def runs(
        self, scale: Scale, root: str, files: Sequence[str], given: Mapping[str, str], seeds: int = 1
    ) -> list[PlannedRun]:
        """Every run of the study.

        Args:
          scale: how large they are.
          root: the study's folder.
          files: gin files that follow the scale's.
          given: bindings of the user's.
          seeds: runs of each arm with different seeds.

        Raises:
          UserError: for a scale that the study does not have, or a binding that it sets itself.
        """
        self.require_scale(scale)
        self.check_given(scale, given)
        every = itertools.product(range(seeds), self.held_out, self.arms(scale))
        return [self._run(arm, held_out, seed, scale, root, files, given) for seed, held_out, arm in every]

    def require_scale(self, scale: Scale) -> None:
        """Raises UserError for a scale that the study does not have."""
        if scale not in self.files:
            raise UserError(f'--scale={scale}: {self.id} has only the scales {", ".join(self.files)}')

    def own_bindings(self, scale: Scale) -> set[str]:
        """The names of bindings that the study sets itself."""
        return {*SET_BY_STUDIES, *(name for arm in self.arms(scale) for name in arm.bindings)}

    def check_given(self, scale: Scale, given: Mapping[str, str]) -> None:
        """Raises UserError for a binding of the user's that the study sets itself."""
        refuse_own(self.id, self.own_bindings(scale), given)

    def check(self, prepared: Sequence[tuple[PlannedRun, Run]]) -> None:
        """Raises UserError for runs that prepare others, if these cannot start from them."""

    def _run(self, arm, held_out, seed, scale, root, files, given) -> PlannedRun:
        datasets = dict.fromkeys(name for column in self.held_out[held_out] for name in self.columns[column])
        folder = os.path.join(root, f'seed_{seed}', held_out, arm.folder)  # buckets have paths, too
        of_study = {
            'MODEL_DIR': folder,
            'Evaluation.base_dir': os.path.join(root, BASE),
            'HELD_OUT': held_out,
            'EVAL_TASKS': repr(tuple(datasets)),
            'SEED': str(seed),
        }
        bindings = {**given, **of_study, **arm.bindings_in(folder, self.arms(scale))}
        return PlannedRun(arm.name, held_out, seed, (*self.files[scale], *files, *arm.files), bindings)


def refuse_own(study: str, own: Collection[str], given: Mapping[str, str]) -> None:
    """Raises UserError for a binding of the user's, `given`, that a study sets itself."""
    if clash := sorted(set(own) & set(given)):
        raise UserError(f'{clash[0]} is set by {study}; remove it')
