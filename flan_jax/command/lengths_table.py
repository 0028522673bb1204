"""flan-jax tasks lengths: how many training examples of each dataset are too long, and how much is cut."""

import argparse
from collections.abc import Sequence

from rich.table import Table

from flan_jax import catalogue
from flan_jax.command.catalogue_arguments import add_length_arguments
from flan_jax.command.tables import print_table
from flan_jax.data.formats import format_named
from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE, bar
from flan_jax.tokenizers.vocabulary import Vocabulary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `tasks lengths`."""
    parser.add_argument('name', nargs='*', help='dataset; default: all that are prepared')
    parser.add_argument(
        '--limit',
        type=int,
        default=200,
        help='number of training examples per dataset, in random templates (default: 200)',
    )
    parser.add_argument(
        '--vocabulary', help='path of a SentencePiece model or tokenizer.json; default: the bundled one'
    )
    parser.add_argument(
        '--prompt_format',
        default='flan',
        help='prompt format: flan, plain, ..., or the path of a chat template (default: flan)',
    )
    add_length_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Prints a row for each dataset with an example that is too long, and a row for the whole mixture."""
    for name in ('limit', 'input_length', 'target_length'):
        if getattr(options, name) < 1:
            raise UserError(f'--{name}={getattr(options, name)}: must be above 0')
    from flan_jax.data.cuts import cuts_of
    from flan_jax.data.mixtures import missing_datasets, mixing_rate

    named = [catalogue.dataset(name) for name in options.name or catalogue.DATASETS]
    missing = missing_datasets(named, options.data_dir)
    datasets = [dataset for dataset in named if dataset not in missing]
    if not datasets or (options.name and missing):
        raise UserError(f'not prepared in {options.data_dir}: {", ".join(dataset.name for dataset in missing)}')
    lengths = {'inputs': options.input_length, 'targets': options.target_length}
    vocabulary, prompt_format = Vocabulary(options.vocabulary), format_named(options.prompt_format)
    found = {}
    with bar('measuring', len(datasets)) as advance:
        for dataset in datasets:
            cuts = cuts_of(dataset, vocabulary, lengths, options.data_dir, options.limit, prompt_format)
            found[dataset.name] = (cuts, mixing_rate(dataset, options.data_dir))
            advance(1, dataset.name)
    print_table(_table(found))
    if missing:
        CONSOLE.print(f'not prepared: {", ".join(dataset.name for dataset in missing)}')


def _table(found) -> Table:
    """Shares in per cent; datasets without an example that is too long share a row."""
    table = Table(
        'dataset',
        'examples',
        'field shortened',
        'dropped',
        'target cut',
        'target tokens in truncated targets',
        box=None,
    )
    for column in table.columns[1:]:
        column.justify = 'right'
    whole = [name for name, (cuts, _) in found.items() if not (cuts.shortened or cuts.dropped or cuts.targets_cut)]
    for name in (name for name in found if name not in whole):
        table.add_row(name, *_shares([found[name]]))
    if whole:
        table.add_row(f'{len(whole)} others', *_shares([found[name] for name in whole]))
    table.add_row('all, weighted by mixing rate', *_shares(list(found.values())), style='bold')
    return table


def _shares(found: Sequence) -> tuple[str, ...]:
    """The number of examples, and the shares of examples and target tokens that are cut, weighted by mixing rates."""

    def total(count: str) -> float:
        return sum(rate * getattr(cuts, count) / cuts.examples for cuts, rate in found if cuts.examples)

    of_examples = [total(count) / (total('examples') or 1) for count in ('shortened', 'dropped', 'targets_cut')]
    of_tokens = total('target_tokens_cut') / (total('target_tokens') or 1)
    return f'{sum(cuts.examples for cuts, _ in found):,}', *(
        f'{100 * share:.2f} %' for share in (*of_examples, of_tokens)
    )
