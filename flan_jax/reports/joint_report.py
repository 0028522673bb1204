"""The report of leaving out every cluster in turn: FLAN's Tables 1 and 2 and Figure 5, ours beside the paper's."""

import dataclasses
import pathlib
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from etils import epath

from flan_jax import catalogue, manifest
from flan_jax.reports import charts
from flan_jax.reports.report import from_samples, page_of, result_rows, write_files
from flan_jax.run import Run
from flan_jax.studies.leave_one_out import BASE, run_folder

TABLE_1 = ('translation', 'struct_to_text')
"""Clusters of the paper's Table 1; Table 2 has the others."""

_TEMPLATE = pathlib.Path(__file__).parent / 'joint_report_template.html'


def runs_in(root: str) -> list[str]:
    """The clusters that a run below `root` leaves out, in the catalogue's order."""
    return [name for name in catalogue.CLUSTERS if (epath.Path(run_folder(root, name)) / manifest.FILE).exists()]


def write_joint_report(experiment: Run) -> epath.Path:
    """Writes report.json and report.html of the runs below MODEL_DIR; returns the latter."""
    content = gather(experiment)
    return write_files(experiment.model_dir, content, render(content))


def gather(experiment: Run) -> dict[str, Any]:
    """Everything the report says, from the manifests and records of the runs that are there."""
    clusters = [_cluster(experiment, name) for name in runs_in(experiment.model_dir)]
    datasets = [row['dataset'] for cluster in clusters for row in cluster['results']]
    return {
        'clusters': clusters,
        'not_begun': [c.title for c in catalogue.CLUSTERS.values() if c.name not in {c['name'] for c in clusters}],
        'score': experiment.evaluation.score,
        'limit': experiment.evaluation.limit,
        'from_samples': from_samples(datasets, experiment.data.tfds_data_dir),
        'model': manifest.as_plain(experiment.model),
        'steps': experiment.training.steps,
        'base_is_fresh': experiment.initial_checkpoint is None,
    }


def render(content: Mapping[str, Any]) -> str:
    """The page."""
    tables = {
        'Table 1: generation': [c for c in content['clusters'] if c['name'] in TABLE_1],
        'Table 2: understanding': [c for c in content['clusters'] if c['name'] not in TABLE_1],
    }
    figures = {c['name']: charts.beside_the_paper(c['results']) for c in content['clusters'] if c['results']}
    return page_of(_TEMPLATE, content, tables=tables, figures=figures)


def _cluster(experiment: Run, name: str) -> dict[str, Any]:
    run = dataclasses.replace(
        experiment,
        model_dir=run_folder(experiment.model_dir, name),
        data=dataclasses.replace(experiment.data, held_out=name),
        evaluation=dataclasses.replace(experiment.evaluation, base_dir=f'{experiment.model_dir}/{BASE}'),
    )
    rows = result_rows(run)
    begun = manifest.read(run.model_dir)
    return {
        'name': name,
        'title': catalogue.cluster(name).title,
        'left_out': list(catalogue.clusters_left_out(name)),
        'results': rows,
        'means': means(rows),
        'finished': bool(rows) and all('tuned' in row['models'] for row in rows),
        'hold_out': begun.get('hold_out'),
        'command': begun['command'],
    }


def means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Means over the rows that both models answered and, so that they compare, the paper's rows only."""
    both = [row for row in rows if row['paper'] and set(row['models']) == {'base', 'tuned'}]

    def mean(value: Callable[[Mapping[str, Any]], float]) -> float | None:
        return statistics.mean(map(value, both)) if both else None

    return {
        'base': mean(lambda row: row['models']['base']['mean']),
        'tuned': mean(lambda row: row['models']['tuned']['mean']),
        'paper_base': mean(lambda row: row['paper']['base']),
        'paper_tuned': mean(lambda row: row['paper']['mean']),
        'rows': len(both),
    }
