"""The tables of `flan-jax judge`: win rates, relative scores, ratings."""

import pathlib
from collections.abc import Sequence

import numpy as np
from rich.table import Table

from flan_jax.progress import CONSOLE, bar


def win_rates(verdicts: Sequence, others: Sequence, prior: Sequence, resamples: int) -> Table:
    """B's win rates, raw and length-controlled, with confidence intervals.

    Args:
      verdicts: the verdicts that are decided.
      others: comparisons of other models with A, which tell how difficult each instruction is; if empty, the
        length-controlled rate has no difficulty term.
      prior: comparisons of AlpacaEval's prior.
      resamples: bootstrap resamples for the length-controlled rate's interval, each with a fit.
    """
    from flan_jax.evaluation.judges.pairwise import comparisons, order_agreement, win_rate_interval

    found = comparisons(verdicts)
    controlled, interval = _controlled(found, others, prior, resamples)
    table = Table('win rate of B', '%', '95 % interval', box=None)
    for name, rate, (low, high) in (
        ('raw', found.win_rate, win_rate_interval(verdicts)),
        (controlled.variant, controlled.rate, interval),
    ):
        table.add_row(name, f'{rate:.1f}', f'{low:.1f} to {high:.1f}')
    won, tied = (sum(test(verdict.b_wins) for verdict in verdicts) for test in (_won, _tied))
    table.add_row('B wins, ties, A wins', f'{won}, {tied}, {len(verdicts) - won - tied}', '')
    if (agreement := order_agreement(verdicts)) is not None:
        table.add_row('same verdict in both orders', f'{agreement:.1f}', '')
    if controlled.warning:
        CONSOLE.print(controlled.warning)
    if not others:
        CONSOLE.print(
            '"Length-controlled minimal" uses neither instruction difficulties nor a prior: it approximates '
            "AlpacaEval's length-controlled win rate only if the two models are near parity. To fit "
            'difficulties, give verdicts on other models with --joint.'
        )
    return table


def _controlled(found, others: Sequence, prior: Sequence, resamples: int):
    """The length-controlled rate and its interval."""
    from flan_jax.metrics import joint_difficulty, length_controlled

    if not others:
        return length_controlled.length_controlled(found), length_controlled.interval(found, samples=resamples)
    with bar('bootstrap over instructions', resamples) as advance:
        interval = joint_difficulty.joint_interval(found, others, prior, resamples, advance)
    return joint_difficulty.jointly_controlled(found, others, prior), interval


def _won(b_wins: float) -> bool:
    return b_wins > 0.5


def _tied(b_wins: float) -> bool:
    return b_wins == 0.5


def scores_of_pairs(verdicts: Sequence) -> Table:
    """The sums of A's and B's scores and B's relative score, for each order in which the judge read them."""
    from flan_jax.evaluation.judges.scores import relative_scores

    table = Table('order', 'A', 'B', 'relative score of B, %', '95 % interval', 'unread', box=None)
    for name, found in relative_scores(verdicts).items():
        low, high = found.interval
        sums = (f'{found.a:g}', f'{found.b:g}', f'{found.per_cent:.1f}', f'{low:.1f} to {high:.1f}')
        table.add_row(name, *sums, str(found.unread))
    return table


def ratings(found: Sequence, of: str) -> Table:
    """The mean rating, its interval, and how often each was given."""
    from flan_jax.metrics.bootstrap import mean_interval

    values = np.array([rating.value for rating in found if rating.value is not None])
    table = Table('answers', 'mean', '95 % interval', 'median', 'rated', 'unread', box=None)
    cells = ('-', '-', '-')
    if len(values):
        low, high = mean_interval(values)
        cells = (f'{values.mean():.3f}', f'{low:.3f} to {high:.3f}', f'{np.median(values):g}')
    table.add_row(of, *cells, str(len(values)), str(len(found) - len(values)))
    return table


def reviews(paths: Sequence[str]) -> Table:
    """The relative scores of files of reviews."""
    from flan_jax.evaluation.judges.reviews import read_reviews, relative_score

    table = Table('reviews', 'first', 'second', 'relative score, %', 'questions', 'entered by hand', 'unread', box=None)
    for path in paths:
        found = relative_score(read_reviews(path))
        sums = (f'{found.first:g}', f'{found.second:g}', f'{found.per_cent:.1f}')
        table.add_row(pathlib.Path(path).stem, *sums, str(found.questions), str(found.entered), str(found.unread))
    return table
