"""flan-jax tasks: shows, searches, checks and exports datasets and their templates."""

import argparse
import functools
import pathlib
from collections.abc import Callable

from rich.markup import escape
from rich.table import Table

from flan_jax import catalogue
from flan_jax.command import lengths_table, mixture_table, show_examples, verify_table
from flan_jax.command.catalogue_arguments import catalogue_arguments, load_catalogue, read_declarations
from flan_jax.command.tables import OUT, counted, print_table
from flan_jax.data.settings import Data
from flan_jax.errors import UserError
from flan_jax.files import require_writable, require_writable_file, write_whole
from flan_jax.progress import CONSOLE, bar

_WITHOUT_DATA = ('list', 'search', 'licences')
"""Actions that read only declarations and the numbers of prepared examples, but no examples."""


def main(arguments: list[str]) -> int:
    """Carries out one of the actions below."""
    options, others = _parse(arguments)
    load = read_declarations if options.action in _WITHOUT_DATA else load_catalogue
    load(options)
    actions: dict[str, Callable[[argparse.Namespace], int | None]] = {
        'list': _list,
        'show': show_examples.run,
        'search': _search,
        'export': _export,
        'mixture': functools.partial(mixture_table.run, others=others),
        'verify': verify_table.run,
        'lengths': lengths_table.run,
        'licences': _licences,
        'site': _site,
    }
    return actions[options.action](options) or 0


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The arguments, and those that only `mixture` takes."""
    parser = argparse.ArgumentParser(allow_abbrev=False, prog='flan-jax tasks', description=__doc__)
    common = catalogue_arguments()
    actions = parser.add_subparsers(
        dest='action', required=True, metavar='{list,show,search,export,mixture,verify,lengths,licences,site}'
    )
    listing = actions.add_parser('list', allow_abbrev=False, parents=[common], help='list all datasets, by cluster')
    listing.add_argument('--cluster', help='only the datasets of this cluster')
    show = actions.add_parser(
        'show', allow_abbrev=False, parents=[common], help='show examples of a dataset as a model reads them'
    )
    show_examples.add_arguments(show)
    search = actions.add_parser(
        'search', allow_abbrev=False, parents=[common], help='find templates that contain a text'
    )
    search.add_argument('text')
    _add_export(actions, common)
    mixture = actions.add_parser(
        'mixture', allow_abbrev=False, parents=[common], help="show the mixing rate of each part of a run's mixture"
    )
    mixture_table.add_arguments(mixture)
    _add_verify(actions, common)
    lengths = actions.add_parser(
        'lengths',
        allow_abbrev=False,
        parents=[common],
        help='measure how many examples are too long, and how much of them is truncated',
    )
    lengths_table.add_arguments(lengths)
    actions.add_parser(
        'licences', allow_abbrev=False, parents=[common], help='list licence and citation of every dataset'
    )
    site = actions.add_parser(
        'site', allow_abbrev=False, parents=[common], help='write the catalogue as a static web site'
    )
    site.add_argument('--out', required=True, help='folder to write to; open index.html there')
    site.add_argument('--cluster', help='only the datasets of this cluster')
    options, others = parser.parse_known_args(arguments)
    if others and options.action != 'mixture':
        parser.error(f'unrecognized arguments: {" ".join(others)}')
    return options, others


def _add_export(actions, common: argparse.ArgumentParser) -> None:
    export = actions.add_parser(
        'export',
        allow_abbrev=False,
        parents=[common],
        help='write a rendered mixture, or the templates of a dataset, to a file',
    )
    export.add_argument('mixture', help='flan, a cluster or a dataset')
    export.add_argument('--format', choices=('jsonl', 'parquet', 'promptsource'), default='jsonl')
    export.add_argument('--output', required=True, type=pathlib.Path, help='file to write')
    export.add_argument('--split', default='train', choices=('train', 'validation', 'test'))
    export.add_argument('--held_out', help='cluster to hold out')
    export.add_argument('--limit', type=int, default=-1, help='number of examples per dataset (default: all)')
    export.add_argument(
        '--allow_missing', action='store_true', help='skip datasets that are not prepared, instead of failing'
    )


def _add_verify(actions, common: argparse.ArgumentParser) -> None:
    verify = actions.add_parser(
        'verify',
        allow_abbrev=False,
        parents=[common],
        help='render every example with every template, and check the result',
    )
    verify.add_argument('name', nargs='*', help='dataset; default: all')
    verify.add_argument('--limit', type=int, default=-1, help='number of rows per split (default: all)')


def _list(options: argparse.Namespace) -> None:
    from flan_jax.data.status import status

    clusters = [catalogue.cluster(options.cluster)] if options.cluster else catalogue.CLUSTERS.values()
    for cluster in clusters:
        members = catalogue.datasets_in(cluster.name)
        table = Table('dataset', 'TFDS source', 'answer', 'metric', 'templates', 'examples', 'licence', box=None)
        for dataset in members:
            examples = status(dataset, options.data_dir).examples
            table.add_row(
                dataset.name,
                dataset.source,
                _answer(dataset),
                ', '.join(dataset.metrics),
                _templates(dataset),
                ' / '.join(str(examples.get(split, 0)) for split in ('train', 'validation', 'test'))
                if examples
                else '–',
                dataset.licence,
            )
        OUT.print(f'\n[bold]{cluster.title}[/] ({cluster.name}), {counted(len(members), "dataset")}')
        print_table(table)


def _templates(dataset) -> str:
    forward = len(dataset.forward_templates)
    return f'{forward} + {len(dataset.templates) - forward} inverted'


def _answer(dataset) -> str:
    if not dataset.has_options:
        return 'free text'
    options = dataset.answer.options
    return ' / '.join(options) if isinstance(options, tuple) else "the example's options"


def _search(options: argparse.Namespace) -> None:
    found = 0
    for dataset in catalogue.DATASETS.values():
        for index, template in enumerate(dataset.templates):
            if options.text.lower() in f'{template.inputs}\n{template.targets}'.lower():
                found += 1
                OUT.print(f'[bold]{dataset.name}[/], template {index}')
                OUT.print(f'{escape(template.inputs)}\n[green]{escape(template.targets)}[/]\n')
    CONSOLE.print(f'{found} templates')


def _export(options: argparse.Namespace) -> None:
    require_writable_file(options.output, '--output')
    if options.format == 'promptsource':
        from flan_jax.catalogue import promptsource

        write_whole(options.output, promptsource.write(catalogue.dataset(options.mixture)))
        CONSOLE.print(f'templates of {options.mixture} written to {options.output}')
        return
    from flan_jax.data.export import exported_examples, write_examples
    from flan_jax.data.mixtures import prepared_members

    data = Data(
        tfds_data_dir=options.data_dir,
        mixture=options.mixture,
        held_out=options.held_out,
        allow_missing=options.allow_missing,
    )
    members = prepared_members(data)
    if any(member.shots for member in members):
        raise UserError(f'{options.mixture} has exemplars, which cannot be exported; use the mixture without them')
    datasets = [member.dataset for member in members]
    examples = exported_examples(datasets, options.split, options.data_dir, options.limit)
    count = write_examples(examples, options.output, options.format)
    CONSOLE.print(f'{count} rendered examples written to {options.output}')


def _licences(options: argparse.Namespace) -> None:
    table = Table('dataset', 'languages', 'licence', 'citation', box=None)
    for dataset in catalogue.DATASETS.values():
        table.add_row(dataset.name, ' '.join(dataset.languages), dataset.licence, dataset.citation)
    print_table(table)


def _site(options: argparse.Namespace) -> None:
    from flan_jax.reports.catalogue_site.site import write_site

    require_writable(options.out, '--out')
    names = [catalogue.cluster(options.cluster).name] if options.cluster else catalogue.CLUSTERS
    datasets = [dataset for name in names for dataset in catalogue.datasets_in(name)]
    with bar('writing pages', len(datasets)) as advance:
        index = write_site(options.out, datasets, options.data_dir, advance)
    CONSOLE.print(f'open {index}', soft_wrap=True)
