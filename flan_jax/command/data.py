"""flan-jax data: lists, prepares and downloads datasets, and finds texts that occur in several clusters."""

import argparse
import pathlib

from rich.table import Table

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.command import instruction_data
from flan_jax.command.catalogue_arguments import catalogue_arguments, load_catalogue
from flan_jax.command.tables import counted, print_table
from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE, bar

STATE_COLOURS = {'ready': 'green', 'samples only': 'yellow', 'needs a manual step': 'magenta', 'missing': 'red'}


def main(arguments: list[str]) -> int:
    """Carries out `status`, `prepare`, `download` or `overlaps`."""
    options = _parse(arguments)
    load_catalogue(options)
    return {'status': _status, 'prepare': _prepare, 'download': _download, 'overlaps': _overlaps}[options.action](
        options
    )


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False, prog='flan-jax data', description=__doc__)
    common = catalogue_arguments()
    actions = parser.add_subparsers(dest='action', required=True, metavar='{status,prepare,download,overlaps}')
    actions.add_parser(
        'status',
        allow_abbrev=False,
        parents=[common],
        help='list all datasets: which are ready, and how to get the others',
    )
    prepare = actions.add_parser(
        'prepare',
        allow_abbrev=False,
        parents=[common],
        help='prepare datasets from the bundled samples, or from your files',
    )
    prepare.add_argument('name', nargs='*', help='dataset; with --samples, default: all')
    prepare.add_argument('--samples', action='store_true', help='prepare the bundled samples')
    prepare.add_argument('--miniature', action='store_true', help='generate the datasets of gin/runs/miniature.gin')
    prepare.add_argument(
        '--from',
        dest='files',
        nargs='+',
        metavar='SPLIT=FILE',
        default=[],
        help='your files: JSONL, JSON or Parquet, one file per split',
    )
    instruction_data.add_arguments(prepare)
    download = actions.add_parser(
        'download', allow_abbrev=False, parents=[common], help='download datasets with TFDS; continues after failures'
    )
    download.add_argument('name', nargs='*', help='dataset; default: all')
    overlaps = actions.add_parser(
        'overlaps',
        allow_abbrev=False,
        parents=[common],
        help='find examples of one cluster that occur in the training examples of another',
    )
    overlaps.add_argument('name', nargs='*', help='cluster to evaluate; default: all')
    return parser.parse_args(arguments)


def _status(options: argparse.Namespace) -> int:
    from flan_jax.data.status import status

    table = Table('dataset', 'cluster', 'state', 'train', 'validation', 'test', 'licence', 'what to do', box=None)
    statuses = [status(dataset, options.data_dir) for dataset in catalogue.DATASETS.values()]
    for found in statuses:
        table.add_row(
            found.dataset.name,
            found.dataset.cluster.name,
            f'[{STATE_COLOURS[found.state.value]}]{found.state.value}',
            *(str(found.examples.get(split, '')) for split in ('train', 'validation', 'test')),
            found.dataset.licence,
            found.advice,
        )
    counts = {state: sum(found.state.value == state for found in statuses) for state in STATE_COLOURS}
    print_table(table)
    CONSOLE.print(f'{options.data_dir}: ' + ', '.join(f'{count} {state}' for state, count in counts.items()))
    return 0


def _prepare(options: argparse.Namespace) -> int:
    if (options.samples or options.miniature) and options.format:
        raise UserError('--format only applies with --from; remove it')
    if [options.samples, options.miniature, bool(options.files)].count(True) != 1:
        raise UserError('give one of --samples, --miniature, and one dataset with --from SPLIT=FILE')
    if options.miniature:
        _prepare_miniature(options)
    elif options.samples:
        _prepare_samples(options.name, options.data_dir)
    elif len(options.name) != 1:
        raise UserError('--from needs the name of exactly one dataset')
    elif options.format:
        instruction_data.run(options)
    else:
        instruction_data.require_format(options)
        _prepare_from_files(
            catalogue.dataset(options.name[0]), instruction_data.files_by_split(options.files), options.data_dir
        )
    return 0


def _prepare_samples(names: list[str], data_dir: str) -> None:
    from flan_jax.data.own_samples import FORMATS, prepare_own_samples
    from flan_jax.data.prepare import prepare_samples

    names = names or [*(name for name in catalogue.DATASETS if name not in FORMATS), *FORMATS]
    with bar('writing samples', len(names)) as advance:
        for name in names:
            if name in FORMATS:
                prepare_own_samples(name, data_dir)
            else:
                prepare_samples([catalogue.dataset(name)], data_dir)
            advance(1, name)
    CONSOLE.print(f'prepared samples of {counted(len(names), "dataset")} in {data_dir}')


def _prepare_miniature(options: argparse.Namespace) -> None:
    from flan_jax.tasks import miniature_data

    if options.name:
        raise UserError(f'--miniature prepares all of its datasets; remove {options.name[0]}')
    miniature_data.prepare(options.data_dir)
    CONSOLE.print(
        f'the data of the miniature is in {options.data_dir}, its vocabulary in {miniature_data.VOCABULARY} there'
    )


def _prepare_from_files(dataset: Dataset, files: dict[str, pathlib.Path], data_dir: str) -> None:
    from flan_jax.data.prepare import write_dataset

    readers = [other for other in catalogue.DATASETS.values() if other.source == dataset.source]
    folder = write_dataset(dataset.source, files, data_dir, 'examples of your own', dataset.features, readers)
    CONSOLE.print(f'{dataset.name} is prepared in {folder}')


def _download(options: argparse.Namespace) -> int:
    from flan_jax.data.download import download

    datasets = [catalogue.dataset(name) for name in options.name or catalogue.DATASETS]
    failed = Table('dataset', 'reason of failure', box=None)
    with bar('downloading', len(datasets)) as advance:
        for outcome in download(datasets, options.data_dir):
            advance(1, f'{outcome.dataset.name}: {outcome.failure or "ready"}')
            if outcome.failure:
                failed.add_row(outcome.dataset.name, outcome.failure)
    CONSOLE.print(
        f'{len(datasets) - failed.row_count} of {counted(len(datasets), "dataset")} are ready in {options.data_dir}'
    )
    if failed.row_count:
        print_table(failed)
    return int(bool(failed.row_count))


def _overlaps(options: argparse.Namespace) -> int:
    from flan_jax.data.overlap.table import catalogue_overlaps

    table = Table(
        'evaluated', 'in training examples of', 'clusters', 'excluded', 'examples', 'of', 'equal', 'contained',
        'shared', 'words', box=None,
    )  # fmt: skip
    clusters = [catalogue.cluster(name).name for name in options.name or catalogue.CLUSTERS]
    for overlap, is_excluded in catalogue_overlaps(clusters, options.data_dir):
        counts = (overlap.examples, overlap.of, overlap.equal, overlap.contained, overlap.shared, overlap.size)
        of_clusters = f'{overlap.evaluated_cluster} in {overlap.tuned_cluster}'
        excluded = 'yes' if is_excluded else 'no'
        table.add_row(overlap.evaluated, overlap.tuned, of_clusters, excluded, *map(str, counts))
    print_table(table)
    return 0
