"""The page of response ranking (Hewitt et al. 2024, Table 2): each model's share, with the paper's values."""

import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath
from matplotlib.figure import Figure

from flan_jax import manifest
from flan_jax.data.formats.format import PromptFormat
from flan_jax.evaluation import records
from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.records import ModelRecords, RecordKey
from flan_jax.evaluation.response_ranking import (
    EXAMPLES,
    MAX_LENGTH,
    OTHERS,
    SEED,
    Record,
    Score,
    difference,
    rank,
    share,
)
from flan_jax.files import write_whole
from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.scoring import Scorer
from flan_jax.progress import CONSOLE, bar
from flan_jax.reports.comparison_charts import Rate, rates
from flan_jax.reports.csv_text import csv_text
from flan_jax.reports.page import page_folder, page_of, write_files
from flan_jax.reports.report import from_samples
from flan_jax.reports.study_charts import write_figure
from flan_jax.run import Run
from flan_jax.studies import run_evaluation
from flan_jax.studies.hewitt import RANKED, TUNED_ON, RankingTable
from flan_jax.studies.study import BASE, PlannedRun
from flan_jax.training import checkpoints

SCORES: dict[Score, str] = {'mean': 'log-likelihood per token', 'sum': 'log-likelihood'}
"""The scores by which responses are ranked; Table 2 uses the first."""

Open = Callable[[Run, PromptFormat, epath.PathLike], LoadedModel]
"""A function that opens a checkpoint on a run's devices."""

_TEMPLATE = pathlib.Path(__file__).parent / 'response_ranking.html'


@dataclasses.dataclass(frozen=True)
class Ranked:
    """A model's ranking of the sampled responses.

    Attributes:
      name: 'base', or the name of the arm.
      seed: seed of the arm's run; None for the base model.
      records: one record for each instruction.
    """

    name: str
    seed: int | None
    records: Sequence[Record]


def write_ranking(
    root: epath.PathLike, table: RankingTable, runs: Sequence[tuple[PlannedRun, Run]], open_model: Open
) -> epath.Path:
    """Ranks responses by all models without records; writes report.html, report.json, table.csv and the chart."""
    ranked = [_ranked(*model, open_model) for model in _models(runs)]
    begun = [run for _, run in runs if manifest.exists(run.model_dir)]
    content = {
        'id': table.id,
        'title': table.title,
        'source': table.source,
        'scores': SCORES,
        'procedure': _procedure(runs[0][1]),
        'models': list(itertools.chain.from_iterable(_lines(model, ranked[0]) for model in ranked)),
        'paper': table.paper,
        'from_samples': from_samples([TUNED_ON, RANKED], runs[0][1].data.tfds_data_dir),
        'unfinished': [planned.name for planned, run in runs if checkpoints.latest_folder(run.model_dir) is None],
        'commands': sorted({manifest.read(run.model_dir)['command'] for run in begun}),
    }
    folder = page_folder(root, table.id)
    write_whole(folder / 'table.csv', csv_of(content))
    chart = write_figure(folder, 'shares', _chart(content))
    return write_files(folder, content, page_of(_TEMPLATE, content, chart=chart))


def _chart(content: Mapping[str, Any]) -> Figure:
    found = [
        Rate(_row(line['model'], line['seed']), SCORES[line['score']], line['per_cent'], *line['interval'])
        for line in content['models']
    ]
    paper = {
        _row(line['model'], line['seed']): [
            of[line['model']] for of in content['paper'].values() if line['model'] in of
        ]
        for line in content['models']
    }
    return rates(found, paper, 'own response more likely than another, %', 'chance')


def _row(name: str, seed: int | None) -> str:
    return name if seed is None else f'{name}, seed {seed}'


def _models(runs) -> Iterator[tuple[str, int | None, ModelRecords, epath.PathLike, Run]]:
    """Name, seed, records, checkpoint and run of the base model, and of each run with a checkpoint."""
    _, first = runs[0]
    yield BASE, None, run_evaluation.base_records(_in_one_format(first)), first.initial_checkpoint, first
    for planned, run in runs:
        latest, tuned = checkpoints.latest_folder(run.model_dir), run_evaluation.tuned_records(run)
        if latest and tuned:
            yield planned.arm, planned.seed, tuned, latest, run


def _in_one_format(run: Run) -> Run:
    """The run with the tuned model's prompt format for the base model, too, as in the paper."""
    return dataclasses.replace(run, evaluation=dataclasses.replace(run.evaluation, base_format=run.prompt_format))


def _ranked(name, seed, model_records: ModelRecords, checkpoint, run: Run, open_model: Open) -> Ranked:
    """A model's ranking, read from its records if they exist, else computed by the model."""
    eval_set = _eval_set(run)
    (key,) = eval_set.keys
    settings = eval_set.settings(key) | {'ranking': _procedure(run)}
    folder = model_records.folder(settings)
    for damage in records.damaged(folder):
        CONSOLE.print(f'{damage}', soft_wrap=True)
    if key not in records.recorded([key], lambda _: folder):
        found = _rank(name, open_model(run, run.prompt_format, checkpoint), eval_set, key)
        of_key = {field.name: getattr(key, field.name) for field in dataclasses.fields(RecordKey)}
        records.write(model_records.open(settings), key, [of_key | record for record in found])
    return Ranked(name, seed, records.read(folder, key))


def _rank(name: str, model: LoadedModel, eval_set: EvalSet, key: RecordKey) -> list[dict[str, Any]]:
    examples = eval_set.examples(key, model.vocabulary, model.prompt_format)
    encode = model.prompt_format.encode_response
    responses = [np.array(encode(model.vocabulary, example.references[0]), np.int32) for example in examples]
    scorer = Scorer(model, eval_set.evaluation.batch_tokens)
    with bar(f'ranking responses with {name}', len(examples)) as advance:
        found = rank(scorer, [example.prompt_tokens for example in examples], responses, progress=advance)
    return [record | {'prompt': example.prompt} for record, example in zip(found, examples)]


def _eval_set(run: Run) -> EvalSet:
    evaluation = dataclasses.replace(
        run.evaluation,
        targets=(RANKED,),
        splits=('test',),
        templates=(0,),
        shots=(0,),
        instructions='templates',
        limit=run.evaluation.limit or EXAMPLES,
    )
    return run_evaluation.eval_set_of(dataclasses.replace(run, evaluation=evaluation))


def _procedure(run: Run) -> dict[str, int]:
    examples = run.evaluation.limit or EXAMPLES
    return {'examples': examples, 'others': OTHERS, 'seed': SEED, 'max_length': MAX_LENGTH}


def _lines(model: Ranked, base: Ranked) -> Iterator[dict[str, Any]]:
    """The page's content for a model, one line for each score."""
    for score in SCORES:
        found = share(model.records, score)
        line = {'model': model.name, 'seed': model.seed, 'score': score} | dataclasses.asdict(found)
        line['difference'] = None if model is base else difference(base.records, model.records, score)
        CONSOLE.print(
            f'{model.name}{"" if model.seed is None else f", seed {model.seed}"}, {SCORES[score]}: '
            f'{found.per_cent:.1f} % ({found.interval[0]:.1f} to {found.interval[1]:.1f})'
        )
        yield line


def csv_of(content: Mapping[str, Any]) -> str:
    """The table as CSV, with a row for each model and score."""
    names = list(content['paper'])
    columns = ('model', 'seed', 'score', 'per_cent', 'low', 'high', 'comparisons', 'ties', *names)
    return csv_text(columns, _rows(content, names))


def _rows(content: Mapping[str, Any], names: Sequence[str]) -> Iterator[tuple]:
    for line in content['models']:
        paper = [content['paper'][name].get(line['model'], '') if line['score'] == 'mean' else '' for name in names]
        seed = '' if line['seed'] is None else line['seed']
        ours = (line['per_cent'], *line['interval'], line['comparisons'], line['ties'])
        yield line['model'], seed, line['score'], *ours, *paper
