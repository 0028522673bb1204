"""flan-jax doctor: checks the installation or the files of a run; tests that killed runs resume (--chaos)."""

import argparse
import importlib.metadata
import platform
import sys
from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from flan_jax.command.inspect_run import checks_of_run
from flan_jax.command.quiet import import_tensorflow
from flan_jax.progress import CONSOLE

OLDEST_PYTHON = (3, 11)

REINSTALL = 'pip install --force-reinstall --no-deps seqio=={seqio} tensorflow-datasets=={tfds}'


PACKING_DIFFERS = (
    'do not train on this device: its attention mixes packed examples; please report this with the versions above'
)


def main(arguments: list[str]) -> int:
    """Checks the installation, a run, or killed runs; prints a table, and returns 1 if a check failed."""
    options = _parse(arguments)
    if options.chaos is not None:
        from flan_jax.command.chaos import chaos

        return int(not chaos(options.chaos, options.seed))
    table = Table('check', 'found', '', box=None)
    failed = False
    for name, found, advice in checks_of_run(options.model_dir) if options.model_dir else checks():
        failed |= bool(advice)
        table.add_row(name, found, f'[red]✗ {escape(advice)}' if advice else '[green]✓')
    CONSOLE.print(table)
    return int(failed)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False, prog='flan-jax doctor', description=__doc__)
    parser.add_argument(
        'model_dir',
        nargs='?',
        metavar='MODEL_DIR',
        help='check the checkpoints, stream and records of this run, instead of the installation',
    )
    parser.add_argument(
        '--chaos',
        type=int,
        metavar='N',
        help='kill and resume tiny runs, N kills in all, and compare their results with uninterrupted runs',
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='with --chaos: seed of the moments at which runs are killed (default: 0)'
    )
    return parser.parse_args(arguments)


def checks() -> Iterator[tuple[str, str, str]]:
    """For each check its name, its finding, and what to do if it failed (else empty)."""
    too_old = sys.version_info[:2] < OLDEST_PYTHON
    yield 'Python', platform.python_version(), 'use Python 3.11 or newer' if too_old else ''
    import_tensorflow()
    yield from _stable_packages()
    yield from _devices()
    yield from _catalogue()


def _stable_packages() -> Iterator[tuple[str, str, str]]:
    """Checks that seqio and tfds are stable versions: t5 also depends on nightly builds that share their folders."""
    import seqio.version
    import tensorflow_datasets as tfds

    stable = {'seqio': importlib.metadata.version('seqio'), 'tfds': importlib.metadata.version('tensorflow-datasets')}
    found = {'seqio': seqio.version.__version__, 'tfds': tfds.__version__}
    for name, version in found.items():
        wrong = version != stable[name]
        yield f'stable {name}', version, f'a nightly build is installed: {REINSTALL.format(**stable)}' if wrong else ''


def _devices() -> Iterator[tuple[str, str, str]]:
    import jax

    from flan_jax.training import packing_check

    yield 'JAX', f'{jax.__version__}, {jax.device_count()} × {jax.devices()[0].device_kind}', ''
    for name, responses in (('packed texts', 1), ('packed trees', 3)):
        measured = packing_check.packing_difference(responses)
        found = (
            f'loss and gradient equal the unpacked ones up to {measured.packed:.0e}; without a mask they '
            f'differ by {measured.unmasked:.0e} apart'
        )
        yield name, found, '' if measured.proven else PACKING_DIFFERS


def _catalogue() -> Iterator[tuple[str, str, str]]:
    from flan_jax import catalogue
    from flan_jax.command.configuration import known_files
    from flan_jax.data import prepare
    from flan_jax.tokenizers.vocabulary import Vocabulary

    catalogue.load()
    yield 'datasets', str(len(catalogue.DATASETS)), ''
    without = [name for name, dataset in catalogue.DATASETS.items() if not prepare.sample_files(dataset)]
    yield 'bundled samples', f'of {len(catalogue.DATASETS) - len(without)} datasets', ', '.join(without)
    yield 'bundled vocabulary', f'{len(Vocabulary())} pieces', ''
    files = known_files()
    yield 'gin files', str(len(files)), '' if files else 'the package is incomplete; install it again'
