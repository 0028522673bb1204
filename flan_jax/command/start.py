"""The start of every command of a run: reads its settings, checks its folders, joins the other processes."""

import argparse
from collections.abc import Iterator, Mapping, Sequence

from flan_jax import manifest
from flan_jax.command import configuration
from flan_jax.command.bindings import read_bindings
from flan_jax.command.libraries import prepare_libraries
from flan_jax.command.main import RUN_COMMANDS
from flan_jax.files import require_writable
from flan_jax.packing.stream import holds_streams
from flan_jax.run import Run

_OTHER_FORMS = {
    'evaluate': 'For a list of models without a gin file, see `flan-jax evaluate MODEL --help`.',
    'report': 'For one page that compares several runs, see `flan-jax report RUN --help`.',
}
"""Commands that also take folders in place of a gin file, and how to get help on that."""


def start(command: str, arguments: Sequence[str]) -> tuple[Run, str]:
    """The run that a command's arguments describe, and a command line that describes the same run."""
    return start_run(command, *parse_gin_arguments(command, arguments))


def start_run(command: str, files: Sequence[str], bindings: Mapping[str, str]) -> tuple[Run, str]:
    """As `start`, from gin files and bindings.

    Raises:
      UserError: for settings that cannot work, a folder that is not writable, or an existing model that was tuned with
        other settings.
    """
    run = configuration.load(files, bindings)
    if command != 'pack':
        manifest.check_same_run(run.model_dir, run)
    if command in ('train', 'run'):
        manifest.check_goes_on(run.model_dir)
    for folder, setting in _folders(command, run):
        require_writable(folder, setting)
    prepare_libraries(run.data)
    return run, configuration.command(command, files, bindings)


def are_named(arguments: Sequence[str]) -> bool:
    """Whether the arguments name models or runs, before or after options, instead of the gin files of a run."""
    if not arguments or arguments[0] in ('--help', '-h'):
        return False
    return not (arguments[0].startswith('-') and any(argument.startswith('--gin') for argument in arguments))


def parse_gin_arguments(command: str, arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The gin files and the bindings of a command's arguments."""
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog=f'flan-jax {command}',
        description=RUN_COMMANDS[command],
        epilog='--gin.NAME=value sets a macro (such as TRAIN_STEPS) or a parameter (such as Training.warmup_steps). '
        + _OTHER_FORMS.get(command, ''),
    )
    parser.add_argument(
        '--gin_file',
        action='append',
        default=[],
        metavar='FILE',
        help='gin file of the run, such as gin/runs/tiny.gin; may be repeated',
    )
    known, others = parser.parse_known_args(arguments)
    return known.gin_file, read_bindings(others)


def _folders(command: str, run: Run) -> Iterator[tuple[str, str]]:
    """The folders that a command writes into, and the settings that name them."""
    yield run.model_dir, 'MODEL_DIR'
    if command in ('pack', 'train', 'run') and not holds_streams(run.stream.directory):
        yield run.stream.directory, 'Stream.directory'
    if command in ('evaluate', 'run') and run.evaluation.base_dir is not None:
        yield run.evaluation.base_dir, 'Evaluation.base_dir'
    if command in ('report', 'run') and run.evaluation.report_dir is not None:
        yield run.evaluation.report_dir, 'Evaluation.report_dir'
