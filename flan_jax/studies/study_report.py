"""The page of a study: its figure, its table with our and the paper's values, and the commands of its runs."""

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from etils import epath

from flan_jax import manifest
from flan_jax.files import write_whole
from flan_jax.reports import study_charts
from flan_jax.reports.csv_text import csv_text
from flan_jax.reports.page import page_folder, page_of, write_files
from flan_jax.reports.report import from_samples
from flan_jax.reports.study_charts import AVERAGE
from flan_jax.run import Run
from flan_jax.studies.progress import progress_of
from flan_jax.studies.study import PlannedRun, Scale, Study
from flan_jax.studies.study_results import cells, scores_of

Runs = Sequence[tuple[PlannedRun, Run]]

_TEMPLATE = pathlib.Path(__file__).parent / 'study_report.html'


def write_study(root: epath.PathLike, study: Study, scale: Scale, runs: Runs, command: str = '') -> epath.Path:
    """Writes report.html, report.json, figure.svg, figure.png and table.csv; returns the path of the first.

    Args:
      root: the folder to write to; if it has the page of another study, which shares runs, it is `root`/ID instead.
      study: the study.
      scale: its scale.
      runs: all runs of the study, including those that prepare the base of others.
      command: the command line that carries out all of them.
    """
    root, content = page_folder(root, study.id), gather(study, scale, runs) | {'command': command}
    figure = getattr(study_charts, study.figure)(content)
    svg = study_charts.write_figure(root, 'figure', figure)
    write_whole(root / 'table.csv', table(content))
    return write_files(root, content, page_of(_TEMPLATE, content, chart=svg))


def gather(study: Study, scale: Scale, runs: Runs) -> dict[str, Any]:
    """The content of the page, from the manifests and records of existing runs."""
    shown = [pair for pair in runs if not pair[0].prepares]
    (tuned, answered), (base, _) = (scores_of(study, shown, label) for label in ('tuned', 'base'))
    some = shown[0][1]
    wanted = {name for column in study.columns.values() for name in column}
    progress = {planned.name: progress_of(run, planned.waits_for) for planned, run in runs}
    begun = [run for _, run in runs if manifest.exists(run.model_dir)]
    return {
        'id': study.id,
        'title': study.title,
        'source': study.source,
        'note': study.note,
        'x_label': study.x_label,
        'y_label': study.y_label,
        'scale': scale,
        'arms': [{'name': arm.name, 'x': arm.x} for arm in study.arms(scale)],
        'columns': [*study.columns, AVERAGE],
        'ours': cells(tuned),
        'base': cells(base),
        'paper': study.paper,
        'seeds': max((cell['seeds'] for of_arm in cells(tuned).values() for cell in of_arm.values()), default=1),
        'unfinished': {name: str(found) for name, found in progress.items() if not found.finished},
        'without': sorted(wanted - answered),
        'from_samples': from_samples(sorted(answered), some.data.tfds_data_dir),
        'limit': some.evaluation.limit,
        'templates': some.evaluation.templates,
        'steps': some.training.steps,
        'commands': list(dict.fromkeys(manifest.read(run.model_dir)['command'] for run in begun)),
    }


def table(content: Mapping[str, Any]) -> str:
    """The table as CSV, with a row for each arm and column, then the paper's values that have no counterpart."""
    columns = ('model', 'arm', 'column', 'mean', 'std', 'low', 'high', 'seeds', 'paper')
    return csv_text(columns, _rows(content))


def _rows(content: Mapping[str, Any]) -> Iterator[tuple]:
    for arm in content['arms']:
        name = arm['name']
        for model, scores in (('base', content['base']), ('tuned', content['ours'])):
            printed = _printed(content['paper'], model, name)
            for column in content['columns']:
                cell = scores.get(name, {}).get(column, {})
                yield (
                    model, name, column,
                    *(cell.get(key) for key in ('mean', 'std', 'low', 'high', 'seeds')),
                    printed.get(column),
                )  # fmt: skip
    known = {arm['name'] for arm in content['arms']}
    for name, printed in content['paper'].items():
        if name not in known:
            yield from (('paper', name, column, *[None] * 5, value) for column, value in printed.items())


def _printed(paper: Mapping[str, Any], model: str, arm: str) -> Mapping[str, float]:
    """The paper's values for an arm's tuned or base model by column; all arms may have the same base model."""
    return paper.get(arm, {}) if model == 'tuned' else paper.get(f'base, {arm}', paper.get('base', {}))
