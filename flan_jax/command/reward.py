"""flan-jax reward MODEL ANSWERS...: rates answers with a reward model, and measures its accuracy and calibration.

Each file holds a model's answers to the same prompts, as for `flan-jax judge`; the first is the baseline. The rewards
(rewards.jsonl) and a plot of their distribution (rewards.svg) are written to --output. With --preferences, or with
--verdicts of `flan-jax judge`, the rewards are compared with known preferences: how often the model agrees (accuracy),
and how well its confidence matches that (calibration.svg).
"""

import argparse
import json
import pathlib
from collections.abc import Sequence

from rich.table import Table

from flan_jax.command.tables import OUT, print_table
from flan_jax.errors import UserError
from flan_jax.files import require_writable, write_whole
from flan_jax.progress import CONSOLE, bar


def main(arguments: list[str]) -> int:
    """Rates answers, and writes rewards and plots."""
    options = _parse(arguments)
    from flan_jax.command.compilation_cache import keep_compiled_programs
    from flan_jax.evaluation.judges.answers import read_answers
    from flan_jax.loaded_model import load

    require_writable(options.output, '--output')
    sets = {path: read_answers(path) for path in options.answers}
    known = _known(options)
    keep_compiled_programs()
    model = load(options.model, vocabulary=options.vocabulary)
    if sets:
        _rate(options, model, sets)
    if known:
        _calibrate(options, model, known)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog='flan-jax reward',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('model', metavar='MODEL', help='reward model: a run, a checkpoint or a Hugging Face folder')
    parser.add_argument('answers', metavar='ANSWERS', nargs='*', help='files of answers; the first is the baseline')
    parser.add_argument('--output', type=pathlib.Path, required=True, metavar='FOLDER', help='output folder')
    parser.add_argument(
        '--preferences', type=pathlib.Path, metavar='FILE', help='file of preference pairs or ranked answers'
    )
    parser.add_argument(
        '--format',
        choices=('preference', 'ranked'),
        default='preference',
        help='format of --preferences (default: preference)',
    )
    parser.add_argument('--verdicts', metavar='FILE', help='verdicts of another judge, written by `flan-jax judge`')
    parser.add_argument('--vocabulary', help='path of the vocabulary; default: that of the model')
    parser.add_argument('--batch_tokens', type=int, default=8192, help='tokens in a batch (default: 8192)')
    options = parser.parse_intermixed_args(arguments)
    if not (options.answers or options.preferences or options.verdicts):
        raise UserError('give files of answers, --preferences or --verdicts')
    if options.preferences and options.verdicts:
        raise UserError('--preferences and --verdicts are both given; use one of them')
    if len(set(options.answers)) < len(options.answers):
        raise UserError('a file of answers is given twice; remove one')
    if options.batch_tokens < 1:
        raise UserError(f'--batch_tokens={options.batch_tokens}: must be at least 1')
    return options


def _known(options: argparse.Namespace) -> Sequence:
    """Pairs of answers with a known preference, from --preferences or --verdicts."""
    from flan_jax.evaluation.answer_sets import preferred_pairs
    from flan_jax.evaluation.judges.pairwise import decided
    from flan_jax.evaluation.judges.verdict_file import read_verdicts

    if options.verdicts:
        return decided(read_verdicts(options.verdicts))
    if not options.preferences:
        return ()
    found, others = preferred_pairs(options.preferences, options.format)
    if others:
        CONSOLE.print(f'{options.preferences}: {others} dialogues with several turns were skipped', markup=False)
    return found


def _rate(options: argparse.Namespace, model, sets) -> None:
    from flan_jax.evaluation.answer_sets import rated, win_rate
    from flan_jax.reports.reward_charts import reward_distributions

    with bar('rating', len(next(iter(sets.values())))) as advance:
        found = rated(model, sets, options.batch_tokens, advance)
    lines = (json.dumps(record, ensure_ascii=False) + '\n' for one in found for record in one.records())
    write_whole(options.output / 'rewards.jsonl', ''.join(lines))
    write_whole(options.output / 'rewards.svg', reward_distributions({one.name: one.rewards.tolist() for one in found}))
    table = Table('answers', 'mean reward', '95 % interval', 'std', 'win rate, %', '95 % interval', box=None)
    for one in found:
        (low, high), wins = one.interval, ('', '')
        if one is not found[0]:
            rate, (least, most) = win_rate(one, found[0])
            wins = (f'{rate:.1f}', f'{least:.1f} to {most:.1f}')
        cells = (f'{one.rewards.mean():.4f}', f'{low:.4f} to {high:.4f}', f'{one.rewards.std():.4f}')
        table.add_row(one.name, *cells, *wins)
    print_table(table)
    OUT.print(f'{options.output}/rewards.jsonl\n{options.output}/rewards.svg', markup=False)


def _calibrate(options: argparse.Namespace, model, known: Sequence) -> None:
    from flan_jax.evaluation.judges.reward import RewardJudge
    from flan_jax.metrics.calibration import calibration
    from flan_jax.reports.reward_charts import calibration_curve

    with bar('rating pairs', len(known)) as advance:
        judge = RewardJudge(model, options.batch_tokens, options.model, advance)
        ours = judge.verdicts([verdict.pair for verdict in known])
    found = calibration([one.evidence['margin'] for one in ours], [verdict.b_wins for verdict in known])
    table = Table('confidence, %', 'accuracy, %', 'pairs', box=None)
    for one in found.bins:
        table.add_row(f'{100 * one.confidence:.1f}', f'{100 * one.right:.1f}', str(one.pairs))
    print_table(table)
    OUT.print(
        f'accuracy {100 * found.accuracy:.1f} % of {len(known)} pairs, expected calibration error '
        f'{100 * found.error:.1f} points'
    )
    write_whole(options.output / 'calibration.svg', calibration_curve(found))
    OUT.print(f'{options.output}/calibration.svg', markup=False)
