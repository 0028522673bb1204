"""The runs of a study: their settings, their progress, and the commands that carry them out."""

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from flan_jax import manifest
from flan_jax.command import configuration
from flan_jax.command.run import complete
from flan_jax.command.start import start_run
from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE
from flan_jax.run import Run
from flan_jax.studies.study import PlannedRun

if TYPE_CHECKING:
    from flan_jax.studies.progress import Progress

Loaded = Sequence[tuple[PlannedRun, Run]]
"""Runs with their settings."""


def load_runs(runs: Sequence[PlannedRun], given: Mapping[str, str]) -> Loaded:
    """Planned runs with their settings; each run gets the user's bindings that it reads.

    Raises:
      UserError: for a binding that no run reads, and as `configuration.load`.
    """
    from flan_jax.studies.cost import require_steps

    loaded: list[tuple[PlannedRun, Run]] = []
    read: set[str] = set()
    reasons: dict[str, str] = {}
    for planned in runs:
        run, unread = configuration.load_with_unread(planned.files, planned.bindings)
        if own := [name for name in unread if name not in given]:
            raise UserError(unread[own[0]])
        kept = {name: value for name, value in planned.bindings.items() if name not in unread}
        read |= set(kept)
        reasons |= unread
        loaded.append((dataclasses.replace(planned, bindings=kept), run))
    if nowhere := [name for name in reasons if name not in read]:
        raise UserError(reasons[nowhere[0]])
    require_steps(run for _, run in loaded)
    return loaded


def check_runs(loaded: Loaded) -> None:
    """Raises ManifestError for an existing run with other settings, which belongs to another study."""
    for _, run in loaded:
        manifest.check_same_run(run.model_dir, run)


def without_preparing(loaded: Loaded) -> Loaded:
    """The runs that the study compares, without those that prepare the base of others."""
    return [pair for pair in loaded if not pair[0].prepares]


def preparing(loaded: Loaded) -> Loaded:
    """The runs that prepare the base of others."""
    return [pair for pair in loaded if pair[0].prepares]


def print_plan(loaded: Loaded, joining: str) -> None:
    """Prints the command of every run that is not finished, then the command that joins the results.

    The commands may run concurrently, except those of runs that need the checkpoint or answers of another run: a
    comment separates them from the others.
    """
    made: set[str] = set()
    missing = [(planned, run) for planned, run in loaded if not announce(planned, run).finished]
    for planned, run in _one_of_a_folder_first(missing):
        if run.model_dir in made or any(planned.waits_for.startswith(os.path.join(folder, '')) for folder in made):
            print('# the commands below use models of the commands above')
            made = set()
        made.add(run.model_dir)
        print(configuration.command('run', planned.files, planned.bindings))
    print(joining)


def _one_of_a_folder_first(loaded: Loaded) -> Loaded:
    """Runs in their order, with those that query the model of an earlier run moved to the end."""
    tuning = {run.model_dir: planned for planned, run in reversed(loaded)}
    return sorted(loaded, key=lambda pair: tuning[pair[1].model_dir] is not pair[0])


def carry_out(loaded: Loaded, check: Callable[[Loaded], None]) -> None:
    """Carries out the unfinished runs one after the other.

    Args:
      loaded: the runs; those that prepare the base of others come first.
      check: called when the latter are finished; raises UserError if no run can start from them.
    """
    missing = [planned for planned, run in loaded if not announce(planned, run).finished]
    numbered = enumerate(missing, start=1)
    _complete_each(itertools.islice(numbered, sum(planned.prepares for planned in missing)), len(missing))
    check(preparing(loaded))
    _complete_each(numbered, len(missing))


def _complete_each(numbered: Iterable[tuple[int, PlannedRun]], total: int) -> None:
    for number, planned in numbered:
        CONSOLE.rule(f'run {number} of {total}')
        CONSOLE.print(planned.name, soft_wrap=True)  # CONSOLE.rule would truncate the name
        complete(*start_run('run', planned.files, planned.bindings))


def announce(planned: PlannedRun, run: Run) -> 'Progress':
    """Prints a run's progress and returns it."""
    from flan_jax.studies.progress import progress_of

    progress = progress_of(run, planned.waits_for)
    CONSOLE.print(f'{planned.name}: {progress}')
    return progress
