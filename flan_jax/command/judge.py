"""flan-jax judge: which of two models answers better, prompt by prompt.

A and B are files of answers to the same prompts: JSON lines with "prompt" and "answer", as `flan-jax generate --output`
writes them, or AlpacaEval's lists with "instruction" and "output". The judge is a decoder of ours (--model), which
names the better of two answers in both orders, or verdicts that lie in a file (--verdicts). Verdicts go to --output,
one a line; a file of them is a judge again. With --reviews nothing is compared: the scores of reviews of Vicuna's kind
are summed up.
"""

import argparse
import json
import pathlib
from collections.abc import Sequence

from rich.table import Table

from flan_jax.command.tables import OUT, print_table
from flan_jax.errors import UserError
from flan_jax.files import require_writable_file, write_whole
from flan_jax.progress import CONSOLE, bar


def main(arguments: list[str]) -> int:
    """Prints win rates, and writes the verdicts."""
    options = _parse(arguments)
    if options.reviews:
        _print_reviews(options.reviews)
        return 0
    from flan_jax.evaluation.judges.answers import paired, read_answers
    from flan_jax.evaluation.judges.pairwise import judge_agreement

    if options.output:
        require_writable_file(options.output, '--output')
    pairs = paired(read_answers(options.a), read_answers(options.b))
    if options.verdicts:
        verdicts, recipe = _from_file(options.verdicts, pairs)
    else:
        verdicts, recipe = _by_model(options, pairs)
    if options.output:
        lines = (json.dumps(verdict.as_record(recipe), ensure_ascii=False) + '\n' for verdict in verdicts)
        write_whole(options.output, ''.join(lines))
    OUT.print(f'A: {options.a}\nB: {options.b}\n{len(verdicts)} prompts', markup=False)
    print_table(_table(verdicts))
    if options.agree:
        others, _ = _from_file(options.agree, pairs)
        OUT.print(f'agreement with {options.agree}: {judge_agreement(verdicts, others):.1f} %', markup=False)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog='flan-jax judge',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('a', metavar='A', nargs='?', help='answers of a model, the baseline')
    parser.add_argument('b', metavar='B', nargs='?', help='answers of another to the same prompts')
    parser.add_argument('--verdicts', metavar='FILE', help='read verdicts from here')
    parser.add_argument('--model', metavar='CHECKPOINT', help='judge with this run, checkpoint or conversion')
    parser.add_argument('--vocabulary', help='path of the vocabulary; default: that of the judge')
    parser.add_argument('--batch_tokens', type=int, default=8192, help='tokens scored at a time (default: 8192)')
    parser.add_argument('--output', type=pathlib.Path, metavar='FILE', help='write the verdicts here, as JSON lines')
    parser.add_argument('--agree', metavar='FILE', help='verdicts of another judge: how often do the two agree?')
    parser.add_argument('--reviews', nargs='+', metavar='FILE', help='sum up the scores of reviews')
    options = parser.parse_args(arguments)
    if options.reviews and (options.a or options.verdicts or options.model):
        raise UserError('--reviews are summed up by themselves; leave out answers and judges')
    if not options.reviews and not options.b:
        raise UserError('name two files of answers, or --reviews')
    if not options.reviews and bool(options.verdicts) == bool(options.model):
        raise UserError('name one judge: --verdicts=FILE or --model=CHECKPOINT')
    if options.batch_tokens < 1:
        raise UserError(f'--batch_tokens={options.batch_tokens}: must be at least 1')
    return options


def _from_file(path: str, pairs: Sequence):
    from flan_jax.evaluation.judges.verdict_file import VerdictFile

    judge = VerdictFile(path)
    return judge.verdicts(pairs), judge.recipe


def _by_model(options: argparse.Namespace, pairs: Sequence):
    from flan_jax.command.compilation_cache import keep_compiled_programs
    from flan_jax.evaluation.judges.likelihood import LikelihoodJudge
    from flan_jax.loaded_model import load

    keep_compiled_programs()
    model = load(options.model, vocabulary=options.vocabulary)
    with bar('judging, in both orders', 2 * len(pairs)) as advance:
        judge = LikelihoodJudge(model, options.batch_tokens, options.model, advance)
        return judge.verdicts(pairs), judge.recipe


def _table(verdicts: Sequence) -> Table:
    from flan_jax.evaluation.judges.pairwise import comparisons, order_agreement, win_rate_interval
    from flan_jax.metrics.length_controlled import interval, length_controlled

    found = comparisons(verdicts)
    controlled = length_controlled(found)
    table = Table('win rate of B', '%', '95 % interval', box=None)
    for name, rate, (low, high) in (
        ('raw', found.win_rate, win_rate_interval(verdicts)),
        (controlled.variant, controlled.rate, interval(found)),
    ):
        table.add_row(name, f'{rate:.1f}', f'{low:.1f} to {high:.1f}')
    wins = [sum(sign(verdict.b_wins) for verdict in verdicts) for sign in (_won, _tied)]
    table.add_row('B wins, ties, A wins', f'{wins[0]}, {wins[1]}, {len(verdicts) - sum(wins)}', '')
    if (agreement := order_agreement(verdicts)) is not None:
        table.add_row('same in both orders', f'{agreement:.1f}', '')
    if controlled.warning:
        CONSOLE.print(controlled.warning)
    CONSOLE.print(
        'Length-controlled minimal knows no difficulty of instructions and has no prior: it is no stand-in for '
        "AlpacaEval's rate unless the two models are near parity."
    )
    return table


def _won(b_wins: float) -> bool:
    return b_wins > 0.5


def _tied(b_wins: float) -> bool:
    return b_wins == 0.5


def _print_reviews(paths: Sequence[str]) -> None:
    from flan_jax.evaluation.judges.reviews import read_reviews, relative_score

    table = Table('reviews', 'first', 'second', 'relative score, %', 'questions', 'entered by hand', 'unread', box=None)
    for path in paths:
        found = relative_score(read_reviews(path))
        sums = (f'{found.first:g}', f'{found.second:g}', f'{found.per_cent:.1f}')
        table.add_row(pathlib.Path(path).stem, *sums, str(found.questions), str(found.entered), str(found.unread))
    print_table(table)
