"""Commands from Python: what the shell runs, with exceptions in place of exit statuses."""

import importlib
from collections.abc import Collection, Mapping
from typing import Any

from flan_jax.command.main import COMMANDS
from flan_jax.errors import UnknownName, UserError


def call(command: str, *words: str, gin: Mapping[str, Any] | None = None, **options: Any) -> None:
    """Runs a command of `flan-jax` in this process.

    flan_jax.call('run', gin_file='gin/runs/tiny.gin', gin={'Training.steps': 20})
    flan_jax.call('tune', base='out/tiny', data='alpaca.json', output='out/mine', lora=True)

    Args:
      command: such as 'run', 'tune' or 'tasks'; `flan-jax --help` lists them.
      *words: positional arguments, such as 'show' and 'rte' after 'tasks'; and options with several values, such as
        '--gin_file=a.gin' and '--gin_file=b.gin'.
      gin: settings of a run, as --gin.NAME=value would bind them.
      **options: options by name; True for an option without a value, False or None to leave an option out.

    Raises:
      UserError: if the command raises one or returns a non-zero exit status.
    """
    if command not in COMMANDS:
        raise UnknownName('command', command, COMMANDS)
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    for name, value in given.items():
        if isinstance(value, Collection) and not isinstance(value, str | bytes):
            raise UserError(
                f'{name}={value!r}: an option takes one value; pass several as separate arguments, as in a shell'
            )
    flags = [f'--{name}' if value is True else f'--{name}={value}' for name, value in given.items()]
    bindings = [f'--gin.{name}={_quoted(value)}' for name, value in (gin or {}).items()]
    try:
        status = importlib.import_module(f'flan_jax.command.{command}').main([*words, *flags, *bindings])
    except SystemExit as error:  # argparse has printed what is wrong
        status = error.code
    if status:
        raise UserError(f'flan-jax {command} ended with status {status}; see its output for the reason')


def _quoted(value: Any) -> str:
    """A value in gin's syntax; references such as '@Lora()' are left unquoted."""
    return value if isinstance(value, str) and value[:1] in '@%' else repr(value)
