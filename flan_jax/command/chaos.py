"""flan-jax doctor --chaos N: kills test runs at random moments and compares them with uninterrupted runs.

The runs are tiny, of several kinds, and have all stages of a real run. They are killed by SIGKILL while they pack,
train, write a checkpoint, evaluate and certify, and restarted each time until they finish. Parameters, optimizer state,
losses, records and results must then equal those of an uninterrupted run of the same kind, bit for bit.
"""

import contextlib
import pathlib
import random
import shutil
import tempfile
import time

from rich.table import Table

from flan_jax.command.chaos_kinds import DATASETS, KINDS, Kind
from flan_jax.command.chaos_outcome import Outcome, differences, outcome
from flan_jax.command.chaos_run import POLL_SECONDS, Job, Place, has_begun, start
from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE, Advance, bar

_WARM = 0.4
"""About what a stage takes once its programs are compiled, of the seconds that it took before."""


def chaos(kills: int, seed: int) -> bool:
    """Kills runs `kills` times, one kind after another, and prints the survival rates with confidence bounds.

    Ctrl-C ends it early and prints the results so far.

    Returns:
      Whether that many kills took place and all were survived. The files of runs that did not survive are kept, and
      their folder is printed.

    Raises:
      UserError: if `kills` is 0, or if an uninterrupted run fails.
    """
    if kills < 1:
        raise UserError(f'--chaos={kills}: must be at least 1')
    chance, done, chains = random.Random(seed), 0, 0
    root = pathlib.Path(tempfile.mkdtemp(prefix='flan_jax_chaos_'))
    with bar('killing runs', kills) as advance:
        certificate = _Certificate(root, chance, advance)
        with contextlib.suppress(KeyboardInterrupt):
            while done < kills:
                done += certificate.chain(list(KINDS)[chains % len(KINDS)], chains, kills - done)
                chains += 1
    certificate.print()
    if certificate.survived:
        shutil.rmtree(root)
    return certificate.survived and done == kills


class _Certificate:
    """How often runs of each kind were killed, and how often they survived."""

    def __init__(self, root: pathlib.Path, chance: random.Random, advance: Advance):
        self._root, self._chance, self._advance = root, chance, advance
        self._alone: dict[str, tuple[Outcome, dict[str, float]]] = {}
        self._kills: dict[str, list[bool]] = {}
        words = ['data', 'prepare', *DATASETS, '--samples', f'--data_dir={root / "data"}']
        with Job(words, root / 'prepare.log') as job:
            job.wait()

    @property
    def survived(self) -> bool:
        """Whether every kill was survived."""
        return all(all(kills) for kills in self._kills.values())

    def chain(self, name: str, number: int, most: int) -> int:
        """Kills a run of a kind in some of its stages, and compares its end; returns the number of kills."""
        expected, spans = self._left_alone(name)
        place, failure = self._place(f'run_{number}', f'streams_{number}'), ''
        killed = self._kill(KINDS[name], place, spans, most)
        try:
            with start(KINDS[name], place, self._base(KINDS[name])) as job:
                job.wait()
            failure = '; '.join(differences(outcome(place.model_dir), expected))
        except UserError as error:
            failure = str(error)
        self._kills.setdefault(name, []).extend([not failure] * killed)
        if failure:
            CONSOLE.print(f'{name}, {place.model_dir}: differs from the uninterrupted run: {failure}', soft_wrap=True)
        return killed

    def _kill(self, kind: Kind, place: Place, spans: dict[str, float], most: int) -> int:
        chosen, killed = self._chance.sample(sorted(spans), min(most, len(spans))), 0
        for stage in sorted(chosen, key=list(place.stages()).index):
            started = time.time()
            with start(kind, place, self._base(kind)) as job:
                if has_begun(place, stage, job, started):
                    time.sleep(self._chance.uniform(0, _WARM * spans[stage]))
                if job.runs:
                    job.kill(self._chance)
                    killed += 1
                    self._advance(1, stage)
        return killed

    def _left_alone(self, name: str) -> tuple[Outcome, dict[str, float]]:
        """The outcome of an uninterrupted run of a kind, and the seconds that each of its stages took."""
        if name not in self._alone:
            number = list(KINDS).index(name)
            place = self._place(f'alone_{number}', f'streams_alone_{number}')
            with start(KINDS[name], place, self._base(KINDS[name])) as job:
                spans = _spans(place, job)
            self._alone[name] = outcome(place.model_dir), spans
        return self._alone[name]

    def _base(self, kind: Kind) -> pathlib.Path | None:
        """The tuned model of the first kind, for kinds that start from a tuned model; else None."""
        if not kind.on_base:
            return None
        from flan_jax.training import checkpoints

        self._left_alone(next(iter(KINDS)))
        folder = checkpoints.latest_folder(self._root / 'alone_0')
        return pathlib.Path(folder) if folder else None

    def _place(self, name: str, streams: str) -> Place:
        return Place(self._root / name, self._root / streams, self._root / 'data')

    def print(self) -> None:
        """Prints the survived kills of each kind, with the lower confidence bound of their share."""
        if not self._kills:
            return
        table = Table('type of run', 'kills survived', 'survival rate, 95 % lower bound', box=None)
        kinds = self._kills | {'all': [kill for kills in self._kills.values() for kill in kills]}
        for name, kills in kinds.items():
            table.add_row(name, f'{sum(kills)} of {len(kills)}', f'{_bound(sum(kills), len(kills)):.1f} %')
        CONSOLE.print(table)
        survived, total = sum(kinds['all']), len(kinds['all'])
        CONSOLE.print(
            f'{survived} of {total} kills survived: parameters, optimizer state, losses, records and results are '
            'bit-exact equal to those of uninterrupted runs (bounds: Clopper-Pearson)',
            soft_wrap=True,
        )


def _spans(place: Place, job: Job) -> dict[str, float]:
    """Waits until a run ends; returns the seconds from the beginning of each stage to that of the next."""
    began: dict[str, float] = {}
    while job.runs:
        for stage, written in place.stages().items():
            if stage not in began and any(written()):
                began[stage] = time.monotonic()
        time.sleep(POLL_SECONDS)
    job.wait()
    times = [*began.values(), time.monotonic()]
    return {stage: max(end - start, 0.0) for stage, start, end in zip(began, times, times[1:])}


def _bound(survived: int, kills: int) -> float:
    """The lower end of the exact (Clopper-Pearson) 95 % confidence interval of survived / kills, in per cent."""
    from scipy.stats import binomtest

    return 100 * binomtest(survived, kills).proportion_ci(0.95, 'exact').low
