"""flan-jax COMMAND: passes the rest of the command line to the command's module.

Every command is a module of this package with a function `main(arguments)`, which returns the exit status or None.
Slow modules are imported inside functions, so that help and errors about the command's name appear at once.
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
    'pack': 'pack the training examples into the stream of sequences that a run is trained on',
    'train': 'tune the model; packs first if the stream is missing',
    'ppo': 'tune a model by reinforcement learning with a reward (PPO; Run.objective = @Ppo())',
    'evaluate': 'evaluate the base and the tuned model of a run, or a list of models',
    'certify': 'measure how much of the evaluation data occurs in the training stream (contamination)',
    'status': 'show the progress of runs, from another shell',
    'report': 'write report.html and report.json from the files of a run, or one page for several runs',
}
MODEL_COMMANDS = {
    'tune': 'tune a model on your own file of instructions, without a gin file',
    'reproduce': "reproduce a table or figure of a paper: run its models, compare with the paper's numbers",
    'generate': 'generate answers to prompts, or chat with a model',
    'serve': 'serve a model over HTTP, with an API compatible with that of OpenAI',
    'samples': 'sample several answers to each question: majority vote, rejection sampling (RFT), best of n',
    'compare': 'compare two evaluated models, example by example',
    'ifs': 'compute the Instruction Following Score: the share of instructions that a model answers',
    'select': 'find the checkpoint of a run that answers best, with a judge model or by hand',
    'judge': 'compare the answers of two models with a judge: win rates, scores',
    'translate': 'translate answers, for a judge that works in another language',
    'reward': 'rate answers with a reward model, and measure its accuracy and calibration',
    'convert': 'convert a Hugging Face model to a checkpoint, or a checkpoint to Hugging Face',
    'adapter': 'merge a LoRA adapter into its base model, or export it for PEFT',
    'compile': 'compile a run for a TPU slice ahead of time: memory, and the least time per step',
}
DATA_COMMANDS = {
    'doctor': 'check the installation or the files of a run; test resuming by killing runs on purpose',
    'data': 'list, prepare and download datasets',
    'tasks': 'show datasets and their templates',
    'show': 'show a packed sequence of a stream, or statistics of the stream',
}
COMMANDS = RUN_COMMANDS | MODEL_COMMANDS | DATA_COMMANDS
"""Purpose of every command by name, which is also the name of its module."""

_DATA_COMMANDS = (['pack'], ['data'])
"""Commands that do not train. They use threads, and a single malloc arena would make packing 10 % slower."""

_GC_THRESHOLDS = (100_000, 20, 100)
"""Thresholds of Python's garbage collector.

Tracing creates many objects and few cycles: with the default thresholds, a short run has 1,800 collections, which take
5 % of its time.
"""

HELP = """\
usage: flan-jax COMMAND [--gin_file=FILE]... [--gin.NAME=value]...

Instruction-tunes a language model on many datasets phrased as instructions, and measures its zero-shot performance on
kinds of task that it was not tuned on (FLAN, Wei et al. 2022).

commands of a run (each takes --gin_file and --gin.NAME=value):
{runs}

commands for models and for several runs (see flan-jax COMMAND --help):
{models}

commands for datasets and the installation (see flan-jax COMMAND --help):
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
        print(f'\nflan-jax {command}: stopped; run the same command again to resume', file=sys.stderr)
        return 128 + signal.SIGINT
    except UserError as error:
        from flan_jax.terminal import shown  # imports rich, which is slow

        print(shown(f'flan-jax {command}: {error}'), file=sys.stderr)
        return error.exit_status
    except Exception as error:
        if not says_disk_is_full(error):
            raise
        advice = 'free space and run the same command again: it resumes from the files that are complete'
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
    """Makes standard output escape characters that its encoding lacks, such as \\u2013 in an ASCII locale."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ('strict', 'surrogateescape'):
        sys.stdout.reconfigure(errors='backslashreplace')  # as standard error does; 'replace' would lose the character


def _interrupt(*_) -> None:
    """Raises KeyboardInterrupt; the next Ctrl-C ends the process at once, even if a library caught the first."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt
