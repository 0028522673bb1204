"""Studies: the runs that reproduce a table or figure of a paper, and the paper's values.

A study declares its arms (ways to tune and to evaluate), its sets of held-out clusters, and the columns of its table.
Every arm has a run for each held-out set and each seed. The runs are independent, so they may be distributed over many
machines.
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
"""The size of the runs: for one machine, as in the paper, or as in the user's gin files."""

SCALE_FILES: Mapping[str, tuple[str, ...]] = {
    'small': ('gin/runs/small.gin',),
    'paper': ('gin/runs/flan.gin',),
    'own': (),
}

BASE = 'base'
"""Folder of the base models' records, which all runs of a study share."""

SET_BY_STUDIES = ('HELD_OUT', 'Evaluation.base_dir', 'Evaluation.report_dir', 'EVAL_TASKS', 'SEED')
"""Macros that a study sets for each of its runs."""


@dataclasses.dataclass(frozen=True)
class Arm:
    """One of the ways to tune and to evaluate that a study compares.

    Attributes:
      name: its label.
      bindings: the bindings of its runs.
      x: its coordinate on the horizontal axis, if the figure has one.
      tuned_as: the arm whose tuned models it evaluates in another way; empty if it tunes its own.
      files: gin files to be read after the scale's.
    """

    name: str
    bindings: Mapping[str, str]
    x: float | None = None
    tuned_as: str = ''
    files: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Name of the folder of the model that it evaluates."""
        return _folder_name(self.tuned_as or self.name)

    def bindings_in(self, folder: str, arms: 'Sequence[Arm]') -> dict[str, str]:
        """Its bindings, and a report folder of its own if it evaluates another arm's model, which is in `folder`."""
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
      held_out: the value of HELD_OUT; empty for nothing.
      seed: seed of its stream and weights.
      files: gin files.
      bindings: all other bindings.
      waits_for: checkpoint of another run of the study that it starts from; empty for none.
      prepares: whether it only prepares the base of other runs, and is not in the table.
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
        """Its name in messages."""
        without = f', without {self.held_out}' if self.held_out else ''
        return f'{self.arm}{without}, seed {self.seed}'


@dataclasses.dataclass(frozen=True)
class Study:
    """A table or figure of a paper.

    Attributes:
      id: its name for `flan-jax reproduce`, such as 'flan.figure6'.
      title: the question it answers.
      source: the paper's table or figure.
      arms: the arms at a scale; raises UserError if it has none at that scale.
      held_out: value of HELD_OUT of a run to the columns that the run is evaluated for.
      columns: the columns of the table, each a mean over datasets.
      paper: the paper's values by arm and column in per cent; read off the figure if they are not printed.
      figure: the kind of figure, a function in `flan_jax.reports.study_charts`.
      x_label: label of the horizontal axis.
      y_label: label of the vertical axis.
      note: caveats for the comparison with the paper.
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
        """All runs of the study.

        Args:
          scale: the size of models and data.
          root: the study's folder.
          files: gin files to be read after the scale's.
          given: the user's bindings.
          seeds: number of runs of each arm, with different seeds.

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
        """Raises UserError if the user binds a name that the study sets itself."""
        refuse_own(self.id, self.own_bindings(scale), given)

    def check(self, prepared: Sequence[tuple[PlannedRun, Run]]) -> None:
        """Raises UserError if no run can start from the finished runs that prepare the base of others."""

    def _run(self, arm, held_out, seed, scale, root, files, given) -> PlannedRun:
        datasets = dict.fromkeys(name for column in self.held_out[held_out] for name in self.columns[column])
        folder = os.path.join(root, f'seed_{seed}', held_out, arm.folder)  # not pathlib, which breaks gs:// URLs
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
    """Raises UserError if the user's bindings `given` have a name that the study sets itself, one of `own`."""
    if clash := sorted(set(own) & set(given)):
        raise UserError(f'{clash[0]} is set by {study}; remove it')
