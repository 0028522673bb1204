"""The report: what was run, what came of it, and how to run it again, as one page and as JSON."""

import itertools
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from etils import epath

from flan_jax import catalogue, manifest
from flan_jax.data import source
from flan_jax.data.prepare import SAMPLES
from flan_jax.evaluation import records
from flan_jax.evaluation.evaluate import named_datasets, records_folder
from flan_jax.evaluation.results import Result, dataset_baselines, results
from flan_jax.files import write_whole
from flan_jax.metrics.metrics import METRICS
from flan_jax.reports import charts
from flan_jax.reports.few_shot_table import few_shot_lines
from flan_jax.reports.paper import PAPER
from flan_jax.run import Run
from flan_jax.training import metrics_log

HTML_FILE, JSON_FILE = 'report.html', 'report.json'

PREDICTIONS_SHOWN = 12

_TEMPLATE = pathlib.Path(__file__).parent / 'report_template.html'


def write_report(experiment: Run) -> epath.Path:
    """Writes report.json and report.html into MODEL_DIR; returns the latter.

    Raises:
      ManifestError: if nothing has been run there.
    """
    content = gather(experiment)
    return write_files(experiment.model_dir, content, render(content))


def write_files(folder: epath.PathLike, content: Mapping[str, Any], page: str) -> epath.Path:
    """Writes a report's content as JSON and its page as HTML; returns the path of the page."""
    folder = epath.Path(folder)
    write_whole(folder / JSON_FILE, json.dumps(content, indent=2, ensure_ascii=False))
    write_whole(folder / HTML_FILE, page)
    return folder / HTML_FILE


def gather(experiment: Run) -> dict[str, Any]:
    """Everything the report says, from what is on disk."""
    run = manifest.read(experiment.model_dir)
    tuned_on = run['stream']['tasks'] if run['stream'] else ()
    folders = _records_folders(experiment)
    rows = result_rows(experiment)
    asked = sorted({row['dataset'] for row in rows})
    return {
        'title': _title(experiment),
        'held_out': experiment.data.held_out,
        'score': experiment.evaluation.score,
        'limit': experiment.evaluation.limit,
        'from_samples': from_samples([*asked, *tuned_on], experiment.data.tfds_data_dir),
        'results': rows,
        'few_shot': few_shot_lines(rows),
        'while_tuning': _while_tuning(experiment),
        'loss': metrics_log.read(experiment.model_dir),
        'predictions': _predictions(folders, asked, experiment.evaluation.score),
        'mixture': _mixture(run['stream']) if run['stream'] else [],
        'run': run,
    }


def result_rows(experiment: Run) -> list[dict[str, Any]]:
    """One line per result, with both models' scores and the paper's, from records alone."""
    folders = _records_folders(experiment)
    by_name: dict[str, dict[int, dict[str, Result]]] = {}
    for model, folder in folders.items():
        for result in _results(experiment, folder):
            by_name.setdefault(result.name, {}).setdefault(result.shots, {})[model] = result
    return [_row(name, by_shots, folders) for name, by_shots in by_name.items()]


def _while_tuning(experiment: Run) -> list[dict[str, Any]]:
    """Scores that grow as a model gets better, by step; nothing if the model was asked at the end only."""
    between = records.steps_tuned_at(experiment.model_dir)
    names = {0: records.BASE} | {step: records.tuned_at(step) for step in between}
    names[experiment.training.steps] = records.TUNED
    lines = []
    for step, name in names.items() if between else ():
        found = _results(experiment, records_folder(experiment, name))
        lines += [
            {'step': step, 'name': result.name, 'mean': result.mean}
            for result in found
            if result.shots == found[0].shots
            and not METRICS[catalogue.dataset(result.dataset).metrics[0]].smaller_is_better
        ]
    return lines


def _results(experiment: Run, folder: epath.Path) -> list[Result]:
    settings = experiment.evaluation
    only = {dataset.name for dataset in named_datasets(experiment)} if settings.base_dir else None
    return results(folder, settings.score, only, settings.instructions)


def render(content: Mapping[str, Any]) -> str:
    """The page."""
    chart_rows = [_chart_row(row) for row in content['results']]
    return page_of(
        _TEMPLATE,
        content,
        scores_chart=charts.template_scores(chart_rows) if chart_rows else None,
        tuning_chart=charts.scores_by_step(content['while_tuning']) if content['while_tuning'] else None,
        loss_chart=charts.loss_curve(content['loss']) if content['loss'] else None,
    )


def page_of(template: pathlib.Path, content: Mapping[str, Any], **more: Any) -> str:
    """A template filled in; templates share the style sheet, and the filter `score` for figures that may be None."""
    loader = jinja2.FileSystemLoader(template.parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters['score'] = lambda value: '–' if value is None else f'{value:.1f}'
    return environment.get_template(template.name).render(content, **more)


def _title(experiment: Run) -> str:
    if experiment.data.held_out:
        return f'{catalogue.cluster(experiment.data.held_out).title}, never seen in tuning'
    return f'Tuned on {experiment.data.mixture}'


def from_samples(dataset_names: Sequence[str], data_dir: str) -> bool:
    """Whether any dataset holds bundled samples."""
    known = [catalogue.DATASETS[name] for name in dataset_names if name in catalogue.DATASETS]
    return any(source.origin(dataset.source, data_dir) == SAMPLES for dataset in known)


def _records_folders(experiment: Run) -> dict[str, epath.Path]:
    return {model: records_folder(experiment, model) for model in records.MODELS}


def _row(name: str, by_shots: Mapping[int, Mapping[str, Result]], folders: Mapping[str, epath.Path]) -> dict[str, Any]:
    """One line of the table of results: the fewest shots asked, which are none as a rule, and any others beside it."""
    by_model, *others = ({'shots': shots, 'models': found} for shots, found in sorted(by_shots.items()))
    model, result = next(reversed(by_model['models'].items()))
    baselines = dataset_baselines(folders[model], result)
    paper = PAPER.get(name)
    return {
        'name': name,
        'dataset': result.dataset,
        'ranked': bool(result.by_score),
        'metric': result.headline,
        'rows': result.rows,
        'chance': baselines.chance,
        'majority': baselines.majority,
        **manifest.as_plain(by_model),
        'few_shot': manifest.as_plain(others),
        'paper': manifest.as_plain(paper) if paper else None,
    }


def _chart_row(row: Mapping[str, Any]) -> dict[str, Any]:
    scores = {
        model: [t['test'][found['headline']] for t in found['templates']] for model, found in row['models'].items()
    }
    paper = row['paper'] and row['paper']['mean']
    return dict.fromkeys(records.MODELS, ()) | scores | {'name': row['name'], 'chance': row['chance'], 'paper': paper}


def _predictions(folders: Mapping[str, epath.Path], datasets: Sequence[str], score: str) -> list[dict[str, Any]]:
    """A few test rows, taken from all datasets and templates in turn, with what each model said."""
    picked = itertools.islice(_rows_in_turn(folders, datasets), PREDICTIONS_SHOWN)
    return [_prediction(key, index, folders, score) for key, index in picked]


def _rows_in_turn(folders: Mapping[str, epath.Path], datasets: Sequence[str]):
    written = {key: None for folder in folders.values() for key in records.written(folder)}
    keys = [key for key in written if key.split == 'test']
    for turn in itertools.count():
        of_turn = [[key for key in keys if key.dataset == name] for name in datasets]
        if not any(turn < len(found) for found in of_turn):
            return
        yield from ((found[turn], turn) for found in of_turn if turn < len(found))


def _prediction(key: records.RecordKey, index: int, folders: Mapping[str, epath.Path], score: str) -> dict[str, Any]:
    said = {}
    for model, folder in folders.items():
        if key in records.written(folder):
            found = records.read(folder, key)
            record = found[index % len(found)]
            said[model] = records.judgement(record, score).prediction
    right = {model: prediction in record['references'] for model, prediction in said.items()}
    shown = {name: record[name] for name in ('dataset', 'template', 'shots', 'prompt', 'references')}
    return shown | {'options': [option['text'] for option in record.get('options', ())], 'said': said, 'right': right}


def _mixture(stream: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the rows were made of, by cluster."""
    lines = [
        {
            'task': task,
            'cluster': stream['clusters'][cluster],
            'rate': 100 * stream['recipe']['rates'][task],
            'examples': examples,
            'epochs': stream['epochs'].get(task),
        }
        for task, cluster, examples in zip(stream['tasks'], stream['cluster_of_task'], stream['examples'])
    ]
    return sorted(lines, key=lambda line: (line['cluster'], line['task']))
