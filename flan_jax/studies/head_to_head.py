"""The page of head-to-head comparisons: win rates against the instruction-tuned model, with the paper's values.

Answers are read from the runs' records. Verdicts are files in the study's folder, `verdicts/seed_N/CONTESTANT.jsonl`;
verdicts of another judge, for instance of AlpacaEval's annotators, may be put there and are used instead of our own.
"""

import dataclasses
import pathlib
import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from etils import epath
from matplotlib.figure import Figure

from flan_jax import manifest
from flan_jax.evaluation import records
from flan_jax.evaluation.judges.answers import paired
from flan_jax.evaluation.judges.pairwise import (
    PairwiseJudge,
    Verdict,
    comparisons,
    order_agreement,
    win_rate_interval,
)
from flan_jax.evaluation.records import BASE
from flan_jax.files import write_whole
from flan_jax.metrics.length_controlled import fit_difficulty, interval, length_controlled
from flan_jax.progress import CONSOLE
from flan_jax.reports.comparison_charts import Rate, rates
from flan_jax.reports.csv_text import csv_text
from flan_jax.reports.page import page_folder, page_of, write_files
from flan_jax.reports.report import from_samples
from flan_jax.reports.study_charts import write_figure
from flan_jax.run import Run
from flan_jax.studies import run_evaluation
from flan_jax.studies.head_to_head_tables import TUNED, HeadToHeadTable
from flan_jax.studies.kept_verdicts import kept_verdicts
from flan_jax.studies.study import PlannedRun
from flan_jax.training import checkpoints

Runs = Sequence[tuple[PlannedRun, Run]]

JudgeOf = Callable[[Run], PairwiseJudge]
"""A function that opens the judge; it is called only if verdicts are missing."""

_TEMPLATE = pathlib.Path(__file__).parent / 'head_to_head.html'


@dataclasses.dataclass(frozen=True)
class Judged:
    """Verdicts on a contestant's answers against those of the instruction-tuned model, the baseline.

    Attributes:
      name: name of the contestant.
      seed: seed of both models' runs.
      verdicts: one verdict for each instruction.
      judge: the judge's name in the file of verdicts.
    """

    name: str
    seed: int
    verdicts: Sequence[Verdict]
    judge: str


def write_head_to_head(root: epath.PathLike, table: HeadToHeadTable, runs: Runs, judge_of: JudgeOf) -> epath.Path:
    """Completes the verdicts; writes report.html, report.json, table.csv and a chart; returns the path of the first."""
    by_arm = {(planned.arm, planned.seed): run for planned, run in runs}
    seeds = sorted({planned.seed for planned, _ in runs})
    judged = [_judged(epath.Path(root), table, by_arm, seed, judge_of) for seed in seeds]
    some, lines = runs[0][1], [line for of_seed in judged for line in _lines(of_seed)]
    content = {
        'id': table.id,
        'title': table.title,
        'source': table.source,
        'note': table.note,
        'asked': table.asked,
        'limit': some.evaluation.limit,
        'judges': sorted({one.judge for of_seed in judged for one in of_seed}),
        'lines': lines,
        'over_seeds': over_seeds(lines),
        'silent': sorted({line['seed'] for line in lines if 2 * line['empty'][1] > line['instructions']}),
        'paper': table.paper,
        'missing': [one.name for one in table.contestants if all(one.arm != planned.arm for planned, _ in runs)],
        'unfinished': [planned.name for planned, run in runs if checkpoints.latest_folder(run.model_dir) is None],
        'from_samples': from_samples([table.asked], some.data.tfds_data_dir),
        'commands': sorted(
            {manifest.read(run.model_dir)['command'] for _, run in runs if manifest.exists(run.model_dir)}
        ),
    }
    folder = page_folder(root, table.id)
    write_whole(folder / 'table.csv', csv_of(content))
    chart = write_figure(folder, 'win_rates', _chart(content)) if content['lines'] else ''
    return write_files(folder, content, page_of(_TEMPLATE, content, chart=chart))


def _chart(content: Mapping[str, Any]) -> Figure:
    """A chart of every contestant's win rates, raw and length-controlled, with the paper's length-controlled ones."""
    found, paper = [], {}
    for line in content['lines']:
        row = f'{line["name"]}, seed {line["seed"]}'
        found += [Rate(row, 'raw', *line['raw']), Rate(row, 'length-controlled', *line['controlled'])]
        paper[row] = [of[line['name']][0] for of in content['paper'].values() if line['name'] in of]
    return rates(found, paper, 'win rate against the instruction-tuned model, %', 'equal quality')


def _judged(root: epath.Path, table: HeadToHeadTable, by_arm, seed: int, judge_of: JudgeOf) -> list[Judged]:
    """The contestants of a seed that have answered; none if the baseline has not answered."""
    baseline = by_arm[table.arms[0].name, seed]
    theirs = _answers(baseline, TUNED)
    found = []
    for one in table.contestants:
        answers = _answers(by_arm[one.arm, seed], one.model) if (one.arm, seed) in by_arm else {}
        if theirs and answers:
            path = root / 'verdicts' / f'seed_{seed}' / f'{re.sub(r"[^0-9A-Za-z]+", "_", one.name)}.jsonl'
            CONSOLE.print(f'{one.name}, seed {seed}:', soft_wrap=True)
            verdicts, judge = kept_verdicts(path, paired(theirs, answers), lambda: judge_of(baseline))
            found.append(Judged(one.name, seed, verdicts, judge))
    return found


def _answers(run: Run, model: str) -> dict[str, str]:
    """Instruction to answer of a run's model; empty if it was not evaluated."""
    eval_set = run_evaluation.eval_set_of(run)
    of_model = run_evaluation.base_records(run) if model == BASE else run_evaluation.tuned_records(run)
    (key,) = eval_set.keys
    if of_model is None or not (of_model.folder(eval_set.settings(key)) / key.file).exists():
        return {}
    found = records.read(of_model.folder(eval_set.settings(key)), key)
    around = run.prompt_format.prompt.split('{input}')
    return {_instruction(record['prompt'], around): record['prediction'] for record in found}


def _instruction(prompt: str, around: Sequence[str]) -> str:
    """The instruction in a prompt, without the texts of the prompt format around it, as key of the verdicts."""
    return prompt.removeprefix(around[0]).removesuffix(around[-1])


def _lines(of_seed: Sequence[Judged]) -> Iterator[dict[str, Any]]:
    """The page's content for each contestant of a seed; difficulties are fitted jointly if there are several."""
    compared = [comparisons(one.verdicts) for one in of_seed]
    difficulty = fit_difficulty(compared) if len(compared) > 1 else None
    for one, found in zip(of_seed, compared):
        controlled = length_controlled(found, difficulty)
        CONSOLE.print(f'{one.name}, seed {one.seed}: wins {found.win_rate:.1f} %, {controlled.rate:.1f} % by length')
        yield {
            'name': one.name,
            'seed': one.seed,
            'instructions': len(one.verdicts),
            'raw': [found.win_rate, *win_rate_interval(one.verdicts)],
            'controlled': [controlled.rate, *interval(found, difficulty)],
            'variant': controlled.variant,
            'warning': controlled.warning,
            'same_in_both_orders': order_agreement(one.verdicts),
            'empty': [sum(not text.strip() for text in of) for of in _answers_of(one)],
            'characters': [float(found.model_characters.mean()), float(found.baseline_characters.mean())],
        }


def _answers_of(one: Judged) -> tuple[list[str], list[str]]:
    """The contestant's answers, and the baseline's."""
    pairs = [verdict.pair for verdict in one.verdicts]
    return [pair.answer_b for pair in pairs], [pair.answer_a for pair in pairs]


def over_seeds(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean and standard deviation over seeds, as in the paper, for every contestant with several seeds."""
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        by_name.setdefault(line['name'], []).append(line)
    return [
        {'name': name, 'seeds': len(of)} | {rate: _mean_and_deviation(of, rate) for rate in ('raw', 'controlled')}
        for name, of in by_name.items()
        if len(of) > 1
    ]


def _mean_and_deviation(lines: Sequence[Mapping[str, Any]], rate: str) -> list[float]:
    values = [line[rate][0] for line in lines]
    return [statistics.mean(values), statistics.stdev(values)]


def csv_of(content: Mapping[str, Any]) -> str:
    """The table as CSV, with a row for each contestant and seed."""
    names = list(content['paper'])
    rates = [f'{rate}{bound}' for rate in ('raw', 'controlled') for bound in ('', '_low', '_high')]
    return csv_text(('model', 'seed', *rates, 'variant', *names), _rows(content, names))


def _rows(content: Mapping[str, Any], names: Sequence[str]) -> Iterator[tuple]:
    for line in content['lines']:
        paper = [content['paper'][name].get(line['name'], ('',))[0] for name in names]
        yield line['name'], line['seed'], *line['raw'], *line['controlled'], line['variant'], *paper
