"""The settings that every shipped run file resolves to, kept in git so that a change of any of them shows.

    python -m tests.command.golden

writes them anew, after a change that is meant.
"""

import pathlib

from flan_jax.command import configuration
from flan_jax.settings import bindings

FOLDER = pathlib.Path(__file__).parent / 'golden'


def shipped_runs() -> list[str]:
    """The project's run files, as commands name them."""
    files = [file for file in configuration.known_files() if file.startswith('gin/runs/')]
    return [file for file in files if file != configuration.DEFAULTS]


def resolved(file: str) -> str:
    """What a run file resolves to, a line per setting; a macro that it leaves to its user stands for itself."""
    given = {name: name for name in configuration.missing_macros([file])}
    return ''.join(f'{line}\n' for line in bindings(configuration.load([file], given)))


def path_of(file: str) -> pathlib.Path:
    """Where the settings of a run file are kept."""
    return FOLDER / f'{pathlib.Path(file).stem}.txt'


if __name__ == '__main__':
    for run_file in shipped_runs():
        path_of(run_file).write_text(resolved(run_file))
