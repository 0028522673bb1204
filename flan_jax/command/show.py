"""flan-jax show STREAM: shows what a model is trained on: one packed sequence, or statistics of all of them.

STREAM is the folder of a stream, or the folder of a run, whose stream is then shown.
"""

import argparse
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from flan_jax.command.show_mask import LEARNED, READ
from flan_jax.command.streams import open_stream
from flan_jax.command.tables import OUT, print_table
from flan_jax.errors import UserError
from flan_jax.files import require_writable_file, write_whole
from flan_jax.packing.stream import PackedStream
from flan_jax.progress import CONSOLE
from flan_jax.tokenizers.vocabulary import Vocabulary

_BAR = 40
"""Length of the longest bar in characters."""


def main(arguments: list[str]) -> int:
    """Prints a sequence or statistics, and writes a page with --html."""
    options = _parse(arguments)
    if options.html:
        require_writable_file(options.html, '--html')
    stream, made = open_stream(options.stream)
    show = _show_statistics if options.row is None else _show_sequence
    show(stream, made, options)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog='flan-jax show',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('stream', metavar='STREAM', help='folder of a stream, or of a run')
    parser.add_argument(
        '--row', type=int, metavar='N', help='show sequence N, counted from 0; default: statistics of all sequences'
    )
    parser.add_argument('--html', type=pathlib.Path, metavar='FILE', help='also write an HTML page')
    parser.add_argument(
        '--vocabulary', help='path of the vocabulary of the stream; default: that of the run, else the bundled one'
    )
    return parser.parse_args(arguments)


def _show_sequence(stream: PackedStream, made: Mapping[str, Any] | None, options: argparse.Namespace) -> None:
    from flan_jax.reports.packed.page import sequence_page
    from flan_jax.reports.packed.view import sequence_view

    if not 0 <= options.row < len(stream):
        raise UserError(f'--row={options.row}: {stream.folder} has sequences 0 to {len(stream) - 1}')
    vocabulary = _vocabulary(stream, made, options.vocabulary)
    (sequence,) = stream.sequences([options.row])
    view = sequence_view(sequence.examples(), vocabulary, stream.manifest.tasks, stream.manifest.sequence_length)
    title = f'{stream.folder.name}, sequence {options.row} of {len(stream)}'
    _write(options, sequence_page(title, view))
    OUT.print(f'{title}: {view.summary}', markup=False)
    OUT.print(Text.assemble(('learned', LEARNED), ' ', ('read', READ), '; ↵: a line break that has a loss'))
    for line in _lines(view):
        OUT.print(line)


def _write(options: argparse.Namespace, page: str) -> None:
    """Writes the page; called before printing, since a pager may close the pipe."""
    if options.html:
        write_whole(options.html, page)
        CONSOLE.print(f'written to {options.html}', soft_wrap=True)


def _lines(view) -> Iterator[Rule | Text]:
    for number, tree in enumerate(view.trees, start=1):
        yield Rule(f'example {number}: {tree.label}')
        for piece in tree.pieces:
            name = f'response {piece.response}' if piece.response else 'prompt'
            notes = ''.join(f', {name} {value:.4g}' for name, value in piece.annotations.items())
            yield Text(f'{name}: {piece.range}, segment {piece.tokens[0].segment}{notes}', 'dim italic')
            text = Text()
            for token in piece.tokens:
                learned = token.weight != 0
                text.append(token.text.replace('\n', '↵\n') if learned else token.text, LEARNED if learned else READ)
            yield text
    if view.used < view.length:
        yield Rule(f'padding: tokens {view.used} to {view.length - 1}')


def _vocabulary(stream: PackedStream, made: Mapping[str, Any] | None, named: str | None) -> Vocabulary:
    """The vocabulary that a stream was packed with; raises UserError if `named` is another one."""
    vocabulary = Vocabulary(named or (made['run']['data']['vocabulary'] if made else None))
    if vocabulary.fingerprint != stream.manifest.recipe['vocabulary']:
        raise UserError(
            f'{stream.folder} was packed with another vocabulary than {vocabulary.path}; set --vocabulary to it'
        )
    return vocabulary


def _show_statistics(stream: PackedStream, made: Mapping[str, Any] | None, options: argparse.Namespace) -> None:
    from flan_jax.reports.packed.page import statistics_page
    from flan_jax.reports.packed.statistics import statistics
    from flan_jax.training import metrics_log

    logged = metrics_log.read(made['run']['model_dir']) if made else []
    of_clusters = [(name, value) for line in logged for name, value in line.items() if name.startswith('loss/')]
    losses = {name.removeprefix('loss/'): value for name, value in of_clusters}  # the last of each
    found = statistics(stream, losses)
    _write(options, statistics_page(stream.folder.name, found))
    title = f'{stream.folder.name}: {found.sequences:,} sequences of {found.length:,} tokens'
    OUT.print(
        f'{title} with {found.examples:,} examples; packing density {100 * found.efficiency:.2f} % (tokens of the '
        f'fullest sequence: {found.fullest}, of the emptiest: {found.emptiest}); '
        f'{100 * found.learned / found.tokens:.1f} % of the tokens have a weight in the loss (learned)',
        markup=False,
    )
    print_table(_share_table(found.shares))
    for name, bins in (('prompts', found.prompts), ('responses', found.responses)):
        print_table(_lengths(name, bins))


def _share_table(shares) -> Table:
    columns = [name for name in ('examples', 'planned', 'tokens', 'learned', 'loss') if _known(shares[0], name)]
    table = Table('cluster', *(f'{name}, %' for name in columns), box=None)
    for share in shares:
        table.add_row(share.cluster, *(f'{100 * getattr(share, name):.2f}' for name in columns))
    for column in table.columns[1:]:
        column.justify = 'right'
    return table


def _known(share, name: str) -> bool:
    return getattr(share, name) is not None


def _lengths(name: str, bins) -> Table:
    table = Table(f'length of {name}, tokens', 'count', '', box=None)
    most = max(b.count for b in bins)
    for b in bins:
        table.add_row(b.label, str(b.count), '█' * round(_BAR * b.count / most))
    return table
