"""flan-jax COMMAND: hands the rest of the command line over to the command's module.

Every command is a module of this package with a function `main(arguments)`, which returns the exit status or None.
Nothing heavy is imported before the command is known, so that help and mistyped commands are answered at once.
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
    'train': 'tune the model, packing first where the stream is missing',
    'ppo': "learn from rewards of the model's own answers (Run.objective = @Ppo())",
    'evaluate': 'evaluate the base and the tuned model of a run, or any models that are named',
    'certify': 'how much of what is evaluated stands in the stream that was trained on',
    'status': 'how far runs are, from another shell',
    'report': 'make report.html and report.json from what is on disk; one page for the runs that are named',
}
MODEL_COMMANDS = {
    'tune': 'tune a model on a file of instructions, in one line',
    'reproduce': "a table or figure of a paper: its runs, and the paper's numbers beside ours",
    'generate': 'let a model answer prompts, or talk with it',
    'serve': "a model behind the HTTP interface of OpenAI's clients",
    'samples': 'several answers to each question: draw them, vote, keep right ones to learn from, choose the best',
    'compare': 'where two models differ, from their records',
    'ifs': 'does a model answer at all: the Instruction Following Score',
    'select': 'which checkpoint of a run answers best, by a judge or side by side for a person',
    'judge': 'which of two models answers better, prompt by prompt, and how often',
    'translate': 'answers in another language, for a judge that reads them there',
    'reward': 'what a reward model makes of answers, and whether it can be believed',
    'convert': 'a model of Hugging Face in, a tuned one out',
    'adapter': 'a LoRA adapter merged into its base, or as a folder for PEFT',
    'compile': 'compile a run for a TPU slice that is not here: does it fit, how fast could it be',
}
DATA_COMMANDS = {
    'doctor': 'check that the installation, or what a run left, is sound; kill runs to see them survive',
    'data': 'what data is ready; prepare or download more',
    'tasks': 'look at datasets and their templates',
    'show': 'look at a packed sequence of a stream, or at what a stream is made of',
}
COMMANDS = RUN_COMMANDS | MODEL_COMMANDS | DATA_COMMANDS
"""Name of every command, which is also that of its module, and what it does."""

_ONLY_DATA = (['pack'], ['data'])
"""Commands whose threads share data and train nothing: one heap for all costs packing nearly a tenth of its time."""

_COLLECTED_AFTER = (100_000, 20, 100)
"""Objects, and collections of a generation, before Python looks for cycles.

Tracing makes many objects and few cycles: by default Python looks 1,800 times in a short run, for a
twentieth of its time.
"""

HELP = """\
usage: flan-jax COMMAND [--gin_file=FILE]... [--gin.NAME=value]...

Instruction-tunes a language model on many datasets phrased as instructions, and measures what it can do on kinds of
task it never saw (FLAN, Wei et al. 2022).

commands of a run (each takes --gin_file and --gin.NAME=value):
{runs}

commands for several runs, and for the models that runs leave behind (flan-jax COMMAND --help says more):
{models}

commands for the catalogue and its data (flan-jax COMMAND --help says more):
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
        from flan_jax.terminal import shown  # needs rich

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
    if sys.argv[1:2] not in _ONLY_DATA and not has_chips():
        keep_freed_memory()
    gc.set_threshold(*_COLLECTED_AFTER)
    signal.signal(signal.SIGINT, _interrupt)
    sys.exit(main())


def write_any_text() -> None:
    """Lets standard output take what its encoding has not, such as in an ASCII locale, spelt as \\u2013."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ('strict', 'surrogateescape'):
        sys.stdout.reconfigure(errors='backslashreplace')  # as standard error has it; a question mark would lose it


def _interrupt(*_) -> None:
    """Stops by KeyboardInterrupt; a second Ctrl-C, or one that a library swallowed, ends the process at once."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt
