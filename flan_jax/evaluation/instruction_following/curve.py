"""The Instruction Following Score during tuning, and early stopping by it (AlShikh et al. 2023, Figure 4).

MODEL_DIR/instruction_following/step_00000100.jsonl has the model's answers after 100 steps, a line per question, with
their classification. Scores and stopping are functions of these files: a killed run that resumes generates the same
answers, and ends at the same step.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from etils import epath

from flan_jax.data.instruction_following import FULL, PARTIAL
from flan_jax.distributed.processes import broadcast_from_first
from flan_jax.evaluation.instruction_following.asked import CHOICE, Asked
from flan_jax.evaluation.instruction_following.settings import EXAMPLES_SEEN, IFS, RULE_MET, IfsCurve
from flan_jax.evaluation.stopping.rule import Point, first_met
from flan_jax.files import DamagedFile, write_whole
from flan_jax.model.decoder import Params
from flan_jax.progress import CONSOLE

FOLDER = 'instruction_following'
"""Folder of the answers in a run's MODEL_DIR."""

SCORES = {IFS: (PARTIAL, FULL), 'ifs_partial': (PARTIAL,), 'ifs_full': (FULL,), 'objecqa': (CHOICE,)}
"""Names of the scores in metrics and TensorBoard, from 0 to 1, and the kinds of questions that they include."""

_STEM = 'step_'


class Curve:
    """A `flan_jax.training.probe.Probe` that generates answers, writes them, and may end tuning."""

    def __init__(self, settings: IfsCurve, asked: Asked, model_dir: epath.PathLike, last: int, examples: float):
        """Starts or resumes the curve of a run.

        Args:
          settings: settings of the curve.
          asked: the questions, with generator and classifier.
          model_dir: folder of the run.
          last: number of updates of the run, unless it is stopped.
          examples: average number of examples per update.
        """
        self._settings, self._asked, self._last, self._examples = settings, asked, last, examples
        self._model_dir = epath.Path(model_dir)
        self._met: int | None = None
        self._met_is_known = False

    def is_due(self, done: int) -> bool:
        """Whether to measure after `done` updates."""
        return done % self._settings.every == 0 or done == self._last

    def __call__(self, done: int, params: Params) -> dict[str, float]:
        """The scores after `done` updates; every process must call it."""
        records = self._asked.records(params)
        if jax.process_index() == 0:
            lines = (json.dumps(record, ensure_ascii=False) + '\n' for record in records)
            write_whole(_file(self._model_dir, done), ''.join(lines))
        self._read(done)
        if self._met == done:
            CONSOLE.print(f'{type(self._settings.rule).__name__} ends tuning after {done} steps')
        return scores(records) | {EXAMPLES_SEEN: done * self._examples, RULE_MET: float(self._met == done)}

    def ends_tuning(self, done: int) -> bool:
        """Whether `done` updates are enough."""
        if not self._met_is_known:
            self._read(done)
        return self._settings.ends_tuning and self._met is not None and self._met <= done

    def _read(self, done: int) -> None:
        """Finds the step at which the rule was met, if any; process 0 reads, and broadcasts the result."""
        found = stopped_at(self._settings, self._model_dir, done) if jax.process_index() == 0 else None
        self._met, self._met_is_known = broadcast_from_first(found), True


def stopped_at(settings: IfsCurve, model_dir: epath.PathLike, done: int) -> int | None:
    """The first step, up to `done`, at which the rule of a run was met; None if it was not, or there is no rule."""
    if settings.rule is None:
        return None
    steps = [step for step in steps_in(model_dir) if step <= done]
    met = first_met(settings.rule, [_point(step, scores(read(model_dir, step))) for step in steps])
    return met.step if met else None


def scores(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The share of hits for each of `SCORES` that has any questions."""
    hits = {name: [record['hit'] for record in records if record['kind'] in kinds] for name, kinds in SCORES.items()}
    return {name: sum(found) / len(found) for name, found in hits.items() if found}


def steps_in(model_dir: epath.PathLike) -> list[int]:
    """The steps with answers of a run's model, in order."""
    folder = epath.Path(model_dir) / FOLDER
    found = folder.glob(f'{_STEM}*.jsonl') if folder.exists() else ()
    return sorted(int(path.stem.removeprefix(_STEM)) for path in found)


def read(model_dir: epath.PathLike, step: int) -> list[dict[str, Any]]:
    """The answers after a step; raises DamagedFile if the file was changed."""
    path = _file(model_dir, step)
    try:
        records = [json.loads(line) for line in path.read_bytes().splitlines()]
        scores(records)
    except (ValueError, LookupError, TypeError) as error:
        raise DamagedFile(
            f'{path} is damaged; remove it and all checkpoints of {model_dir} from step {step} on, and the run '
            'resumes from the checkpoint before'
        ) from error
    return records


def _point(step: int, found: Mapping[str, float]) -> Point:
    return Point(step, found[IFS], found.get('ifs_partial', found[IFS]))


def _file(model_dir: epath.PathLike, step: int) -> epath.Path:
    return epath.Path(model_dir) / FOLDER / f'{_STEM}{step:08d}.jsonl'
