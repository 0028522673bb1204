"""flan-jax COMMAND: passes the rest of the command line to the command's module.

Every command is a module of this package with a function `main(arguments)`, which returns the exit status or None.
Heavy imports come after the choice of the command, so that help and errors in the command's name are immediate.
"""

import gc
import importlib
import io
import os
import signal
import sys
from collections.abc import Mapping

from flan_jax import __version__
from flan_jax.command import renamed
from flan_jax.distributed.cpu_only import choose_cpu_without_chips, has_chips
from flan_jax.distributed.freed_memory import keep_freed_memory
from flan_jax.distributed.virtual_devices import prevent_deadlock
from flan_jax.errors import UnknownName, UserError, says_disk_is_full

RUN_COMMANDS = {
    'run': 'pack, train, evaluate and report',
    'pack': 'write the stream of packed sequences that a run learns from',
    'train': 'tune the model; pack first if the stream is missing',
    'ppo': "learn from rewards of the model's own answers (Run.objective = @Ppo())",
    'evaluate': 'evaluate the base and the tuned model of a run, or any given models',
    'certify': 'how much of the evaluation data occurs in the training stream',
    'status': 'progress of runs, from another shell',
    'report': 'make report.html and report.json from what is on disk; or one page for several runs',
}
MODEL_COMMANDS = {
    'tune': 'tune a model on a file of instructions, with one command',
    'reproduce': "reproduce a table or figure of a paper: its runs, and the paper's numbers next to ours",
    'generate': 'let a model answer prompts, or chat with it',
    'serve': "serve a model to OpenAI's clients over HTTP",
    'samples': 'several answers to each question: sample, vote, keep correct ones to learn from, choose the best',
    'compare': 'compare two models by their records',
    'ifs': 'the Instruction Following Score: does a model answer at all',
    'select': 'which checkpoint of a run answers best, by a judge or side by side for a person',
    'judge': 'which of two models answers better, and how often',
    'translate': 'translate answers, for a judge that reads another language',
    'reward': 'rate answers by a reward model, and measure its accuracy and calibration',
    'convert': 'convert a Hugging Face model to a checkpoint, and a tuned one back',
    'adapter': 'merge a LoRA adapter into its base, or export it for PEFT',
    'compile': 'compile a run for a TPU slice ahead of time: does it fit, how fast could it be',
}
DATA_COMMANDS = {
    'doctor': 'check the installation, or the files of a run; kill runs on purpose to test that they resume',
    'data': 'list the data that is ready; prepare or download more',
    'tasks': 'show datasets and their templates',
    'show': 'show a packed sequence of a stream, or the composition of a stream',
}
COMMANDS = RUN_COMMANDS | MODEL_COMMANDS | DATA_COMMANDS
"""Purpose of every command by name, which is also the name of its module."""

_DATA_COMMANDS = (['pack'], ['data'])
"""Commands that do not train. Their threads share data, and a single heap would make packing a tenth slower."""

_GC_THRESHOLDS = (100_000, 20, 100)
"""Thresholds of Python's garbage collector.

Tracing creates many objects and few cycles: with the default thresholds, a short run has 1,800 collections, which take
a twentieth of its time.
"""

HELP = """\
usage: flan-jax COMMAND [--gin_file=FILE]... [--gin.NAME=value]...

Instruction-tunes a language model on many datasets phrased as instructions, and measures its zero-shot performance on
kinds of task that it was not tuned on (FLAN, Wei et al. 2022).

commands of a run (each takes --gin_file and --gin.NAME=value):
{runs}

commands for several runs, and for models (flan-jax COMMAND --help for details):
{models}

commands for the catalogue and its data (flan-jax COMMAND --help for details):
{data}

first steps:
  flan-jax doctor
  flan-jax data prepare --samples --data_dir=out/samples
  flan-jax run --gin_file=gin/runs/tiny.gin
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    command, *rest = arguments or ['--help']
    if command in ('-h', '--help'):
        print(HELP.format(runs=_table(RUN_COMMANDS), models=_table(MODEL_COMMANDS), data=_table(DATA_COMMANDS)), end='')
        return 0
    if command == '--version':
        print(__version__)
        return 0
    try:
        if command in renamed.COMMANDS:
            raise UserError(f'is now {renamed.COMMANDS[command]}')
        if command not in COMMANDS:
            raise UnknownName('command', command, COMMANDS)
        return importlib.import_module(f'flan_jax.command.{command}').main(rest) or 0
    except KeyboardInterrupt:
        print(f'\nflan-jax {command}: stopped; give the same command again to go on', file=sys.stderr)
        return 128 + signal.SIGINT
    except UserError as error:
        from flan_jax.terminal import shown  # imports rich, which is slow

        print(shown(f'flan-jax {command}: {error}'), file=sys.stderr)
        return error.exit_status
    except Exception as error:
        if not says_disk_is_full(error):
            raise
        advice = 'make room and give the same command again: it goes on from what is complete'
        print(f'flan-jax {command}: a disk is full ({" ".join(str(error).split())[:300]}); {advice}', file=sys.stderr)
        return UserError.exit_status


def _table(commands: Mapping[str, str]) -> str:
    return '\n'.join(f'  {name:<12}{purpose}' for name, purpose in commands.items())


def entry_point() -> None:
    """The console script: runs the command and exits."""
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    write_any_text()
    prevent_deadlock()
    choose_cpu_without_chips()
    if sys.argv[1:2] not in _DATA_COMMANDS and not has_chips():
        keep_freed_memory()
    gc.set_threshold(*_GC_THRESHOLDS)
    signal.signal(signal.SIGINT, _interrupt)
    sys.exit(main())


def write_any_text() -> None:
    """Makes standard output escape characters that its encoding lacks, as \\u2013 in an ASCII locale."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ('strict', 'surrogateescape'):
        sys.stdout.reconfigure(errors='backslashreplace')  # like standard error; 'replace' would lose the character


def _interrupt(*_) -> None:
    """Raises KeyboardInterrupt; the next Ctrl-C ends the process at once, even if a library caught the first."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt
