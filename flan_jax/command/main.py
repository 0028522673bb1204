"""flan-jax VERB: parses the command line and hands over to the verb.

Nothing heavy is imported before the verb is known, so that help and mistyped verbs are answered at once.
"""

import argparse
import importlib
import os
import sys

from flan_jax import __version__
from flan_jax.errors import UnknownName, UserError

RUN_COMMANDS = {
    'pack': 'write the stream of packed rows that a run learns from',
    'train': 'tune the model, packing first where the stream is missing',
    'evaluate': 'ask the base and the tuned model about the held-out cluster',
    'report': 'make report.html and report.json from what is on disk',
    'run': 'pack, train, evaluate and report',
}
MODEL_COMMANDS = {
    'experiment': 'several runs that answer one question, such as leaving out each cluster in turn',
    'generate': 'let a model answer prompts',
    'compare': 'where two models differ, from their records',
    'convert': 'a model of Hugging Face in, a tuned one out',
    'adapter': 'a LoRA adapter merged into its base, or as a folder for PEFT',
    'compile': 'compile an experiment for a TPU slice that is not here: does it fit, how fast could it be',
}
CATALOGUE_COMMANDS = {
    'doctor': 'check that the installation is sound',
    'data': 'what data is ready; prepare or download more',
    'tasks': 'look at datasets and their templates',
}

EXIT_USER_ERROR = 2
EXIT_PREEMPTED = 143
"""As the shell reports a process ended by SIGTERM: schedulers restart the job."""

DESCRIPTION = """\
Instruction-tunes a language model on many datasets phrased as instructions, and measures what it can do on kinds of
task it never saw (FLAN, Wei et al. 2022).

verbs for an experiment (each takes --gin_file and --gin.NAME=value):
{experiment}

verbs for experiments of several runs, and for what they leave behind (flan-jax VERB --help says more):
{model}

verbs for the catalogue and its data (flan-jax VERB --help says more):
{catalogue}

first steps:
  flan-jax doctor
  flan-jax run --gin_file=gin/runs/quickstart.gin
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    verb, *rest = arguments or ['--help']
    if verb in ('-h', '--help'):
        print('usage: flan-jax VERB [--gin_file=FILE]... [--gin.NAME=value]...\n')
        verbs = {'experiment': RUN_COMMANDS, 'model': MODEL_COMMANDS, 'catalogue': CATALOGUE_COMMANDS}
        print(DESCRIPTION.format(**{group: _table(members) for group, members in verbs.items()}), end='')
        return 0
    if verb == '--version':
        print(__version__)
        return 0
    try:
        return _run_command(verb, rest)
    except UserError as error:
        print(f'flan-jax {verb}: {error}', file=sys.stderr)
        return EXIT_PREEMPTED if type(error).__name__ == 'Preempted' else EXIT_USER_ERROR


def _run_command(verb: str, rest: list[str]) -> int:
    known = RUN_COMMANDS | MODEL_COMMANDS | CATALOGUE_COMMANDS
    if verb not in known:
        raise UnknownName('verb', verb, known)
    if verb in RUN_COMMANDS:
        files, bindings = parse_gin_arguments(verb, rest)
        module = importlib.import_module('flan_jax.command.run')
        module.run_command(verb, files, bindings)
        return 0
    return importlib.import_module(f'flan_jax.command.{verb}').run(rest) or 0


def parse_gin_arguments(verb: str, rest: list[str]) -> tuple[list[str], dict[str, str]]:
    """The gin files and bindings of an experiment verb's arguments."""
    parser = argparse.ArgumentParser(
        prog=f'flan-jax {verb}',
        description=RUN_COMMANDS[verb],
        epilog='--gin.NAME=value sets a macro (such as TRAIN_STEPS) or a parameter (such as Training.warmup_steps).',
    )
    parser.add_argument(
        '--gin_file', action='append', default=[], metavar='FILE', help='configuration; may be repeated'
    )
    known, others = parser.parse_known_args(rest)
    return known.gin_file, read_bindings(others)


def read_bindings(arguments: list[str]) -> dict[str, str]:
    """What arguments of the form --gin.NAME=value bind; raises UserError for any other."""
    bindings = {}
    for argument in arguments:
        name, equals, value = argument.removeprefix('--gin.').partition('=')
        if not argument.startswith('--gin.') or not equals or not name:
            raise UserError(f'cannot read {argument!r}; arguments are --gin_file=FILE and --gin.NAME=value')
        bindings[name] = value
    return bindings


def _table(verbs: dict[str, str]) -> str:
    return '\n'.join(f'  {verb:<12}{what}' for verb, what in verbs.items())


def entry_point() -> None:
    """The console script: runs the command and exits."""
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    sys.exit(main())
