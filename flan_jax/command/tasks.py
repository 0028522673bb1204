"""flan-jax tasks: look at datasets and their templates."""

import argparse
import pathlib

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flan_jax.command import verify_table
from flan_jax.command.quiet import import_tensorflow
from flan_jax.command.tables import print_table
from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE

OUT = Console(highlight=False, soft_wrap=True)


def run(arguments: list[str]) -> int:
    """Carries out `list`, `show`, `search`, `export`, `verify` or `licences`."""
    options = _parse(arguments)
    import_tensorflow()
    from flan_jax import catalogue
    from flan_jax.data import source

    catalogue.load(options.module)
    options.data_dir = options.data_dir or source.default_data_dir()
    actions = {
        'list': _list,
        'show': _show,
        'search': _search,
        'export': _export,
        'verify': verify_table.run,
        'licences': _licences,
    }
    return actions[options.action](options) or 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='flan-jax tasks', description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument('--data_dir', help='folder of prepared datasets; else $TFDS_DATA_DIR, else the default of TFDS')
    common.add_argument('--module', action='append', default=[], help='module of yours that adds datasets')
    actions = parser.add_subparsers(dest='action', required=True, metavar='{list,show,search,export,verify,licences}')
    listing = actions.add_parser('list', parents=[common], help='all datasets by cluster')
    listing.add_argument('--cluster', help='only this one')
    show = actions.add_parser('show', parents=[common], help='examples of a dataset as a model sees them')
    show.add_argument('name', help='dataset')
    show.add_argument('--template', type=int, help='only this template')
    show.add_argument('--shots', type=int, default=0, help='exemplars before the input, as far as they fit')
    show.add_argument('--n', type=int, default=3, help='how many examples')
    show.add_argument('--split', default='train', choices=('train', 'validation', 'test'))
    show.add_argument('--input_length', type=int, default=1024, help='tokens after which inputs are cut')
    show.add_argument('--target_length', type=int, default=256, help='tokens after which targets are cut')
    search = actions.add_parser('search', parents=[common], help='templates that contain a text')
    search.add_argument('text')
    export = actions.add_parser('export', parents=[common], help='a mixture, rendered, as a file')
    export.add_argument('mixture', help='flan, a cluster or a dataset')
    export.add_argument('--format', choices=('jsonl', 'parquet'), default='jsonl')
    export.add_argument('--output', required=True, type=pathlib.Path, help='file to write')
    export.add_argument('--split', default='train', choices=('train', 'validation', 'test'))
    export.add_argument('--held_out', help='cluster to leave out')
    export.add_argument('--limit', type=int, default=-1, help='examples per dataset')
    export.add_argument('--allow_missing', action='store_true', help='leave out datasets that are not prepared')
    verify = actions.add_parser('verify', parents=[common], help='render every example in every template and check it')
    verify.add_argument('name', nargs='*', help='dataset; none means all')
    verify.add_argument('--limit', type=int, default=-1, help='examples per split')
    actions.add_parser('licences', parents=[common], help='licence and citation of every dataset')
    return parser.parse_args(arguments)


def _list(options: argparse.Namespace) -> None:
    from flan_jax import catalogue
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
                f'{len(dataset.forward_templates)} + {len(dataset.templates) - len(dataset.forward_templates)} turned',
                ' / '.join(str(examples.get(split, 0)) for split in ('train', 'validation', 'test')) if examples else '–',
                dataset.licence,
            )
        OUT.print(f'\n[bold]{cluster.title}[/] ({cluster.name}), {len(members)} datasets')
        print_table(table)


def _answer(dataset) -> str:
    if not dataset.has_options:
        return 'free text'
    options = dataset.answer.options
    return ' / '.join(options) if isinstance(options, tuple) else "the example's options"


def _show(options: argparse.Namespace) -> None:
    from flan_jax import catalogue
    from flan_jax.data.preview import rendered_examples
    from flan_jax.data.settings import MAX_SHOTS
    from flan_jax.tokenizers.vocabulary import Vocabulary

    dataset, vocabulary = catalogue.dataset(options.name), Vocabulary()
    if options.template is not None and not 0 <= options.template < len(dataset.templates):
        raise UserError(f'{dataset.name} has templates 0 to {len(dataset.templates) - 1}, not {options.template}')
    chosen = range(len(dataset.templates)) if options.template is None else [options.template]
    if not 0 <= options.shots <= MAX_SHOTS:
        raise UserError(f'--shots={options.shots}: from 0 to {MAX_SHOTS} exemplars can stand in a prompt')
    if options.shots:
        _show_few_shot(dataset, chosen, options)
        return
    for number, ex in enumerate(rendered_examples(dataset, options.split, options.data_dir, options.n)):
        OUT.rule(f'{dataset.name}, {options.split} example {number}')
        for index in chosen:
            inputs, targets = ex.prompts[index]
            OUT.print(f'[dim]{_label(dataset, index)}')
            OUT.print(_cut(vocabulary, inputs, options.input_length, 'white'))
            OUT.print(_cut(vocabulary, targets, options.target_length, 'green') + '\n')


def _label(dataset, index: int) -> str:
    template = dataset.templates[index]
    return ', '.join(filter(None, [f'template {index}', template.variant, 'inverted' * template.inverted]))


def _show_few_shot(dataset, templates, options: argparse.Namespace) -> None:
    """Prompts with exemplars, in the colours of `_show`; the exemplars are dim."""
    from flan_jax.data.few_shot import Exemplars
    from flan_jax.data.preview import few_shot_prompts

    exemplars = Exemplars(dataset, options.shots, data_dir=options.data_dir)
    lengths = {'inputs': options.input_length, 'targets': options.target_length}
    for index in templates:
        for number, prompt in enumerate(few_shot_prompts(index, options.split, lengths, exemplars, options.n)):
            OUT.rule(f'{dataset.name}, {options.split} example {number}')
            OUT.print(f'[dim]{_label(dataset, index)}, {len(prompt.exemplars)} of {options.shots} exemplars fit')
            for inputs, targets in prompt.exemplars:
                OUT.print(f'[dim]{escape(inputs)}[/]\n[dim green]{escape(targets)}[/]')
            OUT.print(f'{escape(prompt.query)} [dim]({prompt.tokens} tokens in all)[/]')
            OUT.print(f'[green]{escape(prompt.targets)}[/]\n')


def _cut(vocabulary, text: str, length: int, colour: str) -> str:
    """The text in colour, what lies beyond `length` tokens struck through, and the number of tokens."""
    ids = vocabulary.encode(text)
    kept = vocabulary.decode(ids[: length - 1])
    struck = f'[strike red]{escape(text[len(kept) :])}[/]' if len(kept) < len(text) else ''
    return f'[{colour}]{escape(kept)}[/]{struck} [dim]({min(len(ids) + 1, length)} of {len(ids) + 1} tokens)[/]'


def _search(options: argparse.Namespace) -> None:
    from flan_jax import catalogue

    found = 0
    for dataset in catalogue.DATASETS.values():
        for index, template in enumerate(dataset.templates):
            if options.text.lower() in f'{template.inputs}\n{template.targets}'.lower():
                found += 1
                OUT.print(f'[bold]{dataset.name}[/], template {index}')
                OUT.print(f'{escape(template.inputs)}\n[green]{escape(template.targets)}[/]\n')
    CONSOLE.print(f'{found} templates')


def _export(options: argparse.Namespace) -> None:
    from flan_jax.data.export import exported_examples, write_examples
    from flan_jax.data.mixtures import prepared_members
    from flan_jax.data.settings import Data

    data = Data(
        tfds_data_dir=options.data_dir,
        mixture=options.mixture,
        held_out=options.held_out,
        allow_missing=options.allow_missing,
    )
    examples = exported_examples(prepared_members(data), options.split, options.data_dir, options.limit)
    count = write_examples(examples, options.output, options.format)
    CONSOLE.print(f'{count} rendered examples are in {options.output}')


def _licences(options: argparse.Namespace) -> None:
    from flan_jax import catalogue

    table = Table('dataset', 'languages', 'licence', 'citation', box=None)
    for dataset in catalogue.DATASETS.values():
        table.add_row(dataset.name, ' '.join(dataset.languages), dataset.licence, dataset.citation)
    print_table(table)
