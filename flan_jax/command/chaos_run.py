"""A run of `flan-jax doctor --chaos`: its folders, its processes, and the files that it writes in each stage."""

import contextlib
import dataclasses
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from flan_jax.command.chaos_kinds import COMMON, Kind
from flan_jax.errors import UserError

POLL_SECONDS = 0.005

_LONGEST_GAP = 0.5
"""Seconds that one process of a job may outlive another when both are killed."""


@dataclasses.dataclass(frozen=True)
class Place:
    """The folders of a run.

    Attributes:
      model_dir: its folder.
      streams: the folder of its stream.
      data: the folder of prepared data.
    """

    model_dir: pathlib.Path
    streams: pathlib.Path
    data: pathlib.Path

    @property
    def log(self) -> pathlib.Path:
        """The file with the output of the run's first process since its last start."""
        return self.model_dir.with_suffix('.log')

    def stages(self) -> dict[str, Callable[[], Iterator[pathlib.Path]]]:
        """The stages in order, each with a function that lists the files it writes; a new file means it has begun."""
        return {
            'packing': lambda: self.streams.glob('.*.unfinished'),
            'training': lambda: self.model_dir.glob('manifest.json'),
            'a checkpoint': lambda: self.model_dir.glob('checkpoints/*tmp*'),
            'evaluation': lambda: self.model_dir.glob('evaluation/*/*'),
            'the certificate': lambda: self.model_dir.glob('contamination.json'),
        }


class Job:
    """The processes of a command, each in a process group of its own, so that its children can be killed too."""

    def __init__(self, words: list[str], log: pathlib.Path, processes: int = 1):
        """Starts `flan-jax WORDS`, with its compilation cache in the log's folder."""
        cache = {
            'JAX_COMPILATION_CACHE_DIR': str(log.parent / 'xla'),
            'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
        }
        self._log, self._processes = log, []
        for index, joined in enumerate(_addresses(processes)):
            with log.with_suffix(f'{log.suffix}{index or ""}').open('w') as output:
                self._processes.append(
                    subprocess.Popen(
                        [sys.executable, '-m', 'flan_jax', *words],
                        stdout=output,
                        stderr=output,
                        start_new_session=True,
                        env=cache | os.environ | joined,
                    )
                )

    @property
    def runs(self) -> bool:
        """Whether any process is still running."""
        return any(process.poll() is None for process in self._processes)

    def wait(self) -> None:
        """Waits for the end.

        Raises:
          UserError: if a process failed; the message has the last output of the first process.
        """
        statuses = [process.wait() for process in self._processes]
        if any(statuses):
            end = '\n'.join(self._log.read_text().splitlines()[-20:])
            raise UserError(f'the run ended with status {max(statuses, key=abs)}:\n{end}')

    def __enter__(self) -> 'Job':
        return self

    def __exit__(self, *exception) -> None:
        self.kill(random.Random())

    def kill(self, chance: random.Random) -> None:
        """Kills all processes that are still running by SIGKILL, one after the other in random order."""
        for index, process in enumerate(chance.sample(self._processes, len(self._processes))):
            if index and self.runs:
                time.sleep(chance.uniform(0, _LONGEST_GAP))
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        for process in self._processes:
            process.wait()


def _addresses(processes: int) -> Iterator[dict[str, str]]:
    """For each process, environment variables with the address of the first one; empty for a single process."""
    if processes == 1:
        yield {}
        return
    with socket.socket() as free:
        free.bind(('localhost', 0))
        address = f'localhost:{free.getsockname()[1]}'
    job = {'JAX_COORDINATOR_ADDRESS': address, 'JAX_NUM_PROCESSES': str(processes), 'JAX_PLATFORMS': 'cpu'}
    yield from (job | {'JAX_PROCESS_ID': str(index)} for index in range(processes))


def start(kind: Kind, place: Place, base: pathlib.Path | None) -> Job:
    """Starts or resumes the run of a kind; `base` is the tuned model for kinds that start from one."""
    given = {**COMMON, **kind.settings, 'MODEL_DIR': place.model_dir, 'Stream.directory': place.streams}
    given['TFDS_DATA_DIR'] = place.data
    if kind.on_base:
        given['INITIAL_CHECKPOINT_PATH'] = base
    bindings = [f'--gin.{name}={value}' for name, value in given.items()]
    return Job(['run', '--gin_file=gin/runs/tiny.gin', *bindings], place.log, kind.processes)


def has_begun(place: Place, stage: str, job: Job, started: float) -> bool:
    """Waits until a run begins a stage or ends; returns whether the stage began."""
    while job.runs:
        for path in place.stages()[stage]():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime >= started:
                    return True
        time.sleep(POLL_SECONDS)
    return False
