"""The report of leave-one-cluster-out: FLAN's Tables 1 and 2 and Figure 5, with our values and the paper's."""

import pathlib
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from etils import epath

from flan_jax import catalogue, manifest
from flan_jax.files import write_whole
from flan_jax.reports import charts
from flan_jax.reports.csv_text import csv_text
from flan_jax.reports.page import page_folder, page_of, write_files
from flan_jax.reports.report import from_samples
from flan_jax.reports.result_lines import not_evaluated, result_lines, results_by_model
from flan_jax.reports.study_charts import write_figure
from flan_jax.run import Run
from flan_jax.settings import as_plain
from flan_jax.studies.leave_one_out import run_folder, run_without
from flan_jax.studies.run_evaluation import eval_set_of, models_of
from flan_jax.training import checkpoints

TABLE_1 = ('translation', 'struct_to_text')
"""Clusters of the paper's Table 1; Table 2 has the others."""

_TEMPLATE = pathlib.Path(__file__).parent / 'leave_one_out_report.html'


def runs_in(root: str) -> list[str]:
    """The clusters that the runs below `root` hold out, in the catalogue's order."""
    return [name for name in catalogue.CLUSTERS if manifest.exists(run_folder(root, name))]


ID = 'leave_one_out'
"""The page is of all runs that hold a cluster out, whichever table asked for them."""


def write_study_report(study: Run, expected: Sequence[str], command: str = '') -> epath.Path:
    """Writes report.html, report.json, table.csv and each cluster's figure, from the runs below MODEL_DIR.

    Args:
      study: the common settings of the runs.
      expected: the clusters of all runs, finished or not.
      command: the command line that carries out all of them.

    Returns:
      The path of report.html.
    """
    root, content = page_folder(study.model_dir, ID), gather(study, expected) | {'command': command, 'id': ID}
    figures = {c['name']: charts.beside_the_paper(c['results']) for c in content['clusters'] if c['results']}
    drawn = {name: write_figure(root, f'figure_{name}', figure) for name, figure in figures.items()}
    write_whole(root / 'table.csv', table(content))
    return write_files(root, content, render(content, drawn))


def gather(study: Run, expected: Sequence[str]) -> dict[str, Any]:
    """The content of the report, from the manifests and records of existing runs."""
    clusters = [_cluster(run_without(study, name)) for name in runs_in(study.model_dir)]
    datasets = [line['dataset'] for cluster in clusters for line in cluster['results']]
    return {
        'clusters': clusters,
        'not_begun': [
            catalogue.cluster(name).title for name in expected if name not in {cluster['name'] for cluster in clusters}
        ],
        'score': study.evaluation.score,
        'limit': study.evaluation.limit,
        'templates': study.evaluation.templates,
        'formats': {'base': study.evaluation.base_format.name, 'tuned': study.prompt_format.name},
        'from_samples': from_samples(datasets, study.data.tfds_data_dir),
        'model': as_plain(study.model),
        'steps': study.training.steps,
        'base_is_fresh': study.initial_checkpoint is None,
    }


def render(content: Mapping[str, Any], figures: Mapping[str, str]) -> str:
    """The page, with the figures of clusters as SVG."""
    tables = {
        'Table 1: generation': [c for c in content['clusters'] if c['name'] in TABLE_1],
        'Table 2: understanding': [c for c in content['clusters'] if c['name'] not in TABLE_1],
    }
    return page_of(_TEMPLATE, content, tables=tables, figures=figures)


def table(content: Mapping[str, Any]) -> str:
    """Tables 1 and 2 as CSV, with a row for each result and model; the paper's values are those of the 137B model."""
    columns = ('cluster', 'dataset', 'metric', 'model', 'mean', 'std', 'low', 'high', 'best_dev', 'paper')
    return csv_text(columns, _rows(content))


def _rows(content: Mapping[str, Any]) -> Iterator[tuple]:
    for cluster in content['clusters']:
        for line in cluster['results']:
            paper = line['paper'] or {}
            for model, found in line['models'].items():
                printed = paper.get('base' if model == 'base' else 'mean')
                scores = (found['mean'], found['std'], *found['interval'], found['best_dev'])
                yield cluster['name'], line['name'], line['metric'], model, *scores, printed


def _cluster(run: Run) -> dict[str, Any]:
    """The report's content for one run."""
    name = run.data.held_out or ''
    eval_set, models = eval_set_of(run), models_of(run)
    found = results_by_model(eval_set, models)
    lines = result_lines(eval_set, models, found)
    begun = manifest.read(run.model_dir)
    is_tuned = checkpoints.latest_step(run.model_dir) >= run.training.num_steps
    return {
        'name': name,
        'title': catalogue.cluster(name).title,
        'left_out': list(catalogue.clusters_left_out(name)),
        'results': lines,
        'means': means(lines),
        'finished': is_tuned and not not_evaluated(eval_set, found),
        'hold_out': begun.get('hold_out'),
        'command': begun['command'],
    }


def means(lines: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Means over the datasets that both models answered and the paper reports, so that they are comparable."""
    both = [line for line in lines if line['paper'] and set(line['models']) == {'base', 'tuned'}]

    def mean(value: Callable[[Mapping[str, Any]], float]) -> float | None:
        return statistics.mean(map(value, both)) if both else None

    return {
        'base': mean(lambda line: line['models']['base']['mean']),
        'tuned': mean(lambda line: line['models']['tuned']['mean']),
        'paper_base': mean(lambda line: line['paper']['base']),
        'paper_tuned': mean(lambda line: line['paper']['mean']),
        'datasets': len(both),
    }
