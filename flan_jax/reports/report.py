"""The report: what was run, what came of it, and how to run it again, as one page and as JSON."""

import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from flan_jax import catalogue, manifest
from flan_jax.data import source
from flan_jax.data.holdout import overlapping_clusters
from flan_jax.data.source import SAMPLES
from flan_jax.evaluation import contamination, records
from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.instruction_following.settings import IFS, RULE_MET
from flan_jax.objectives.objective import LOSS
from flan_jax.reports import answers, charts, preference_charts
from flan_jax.reports.beside import write_beside
from flan_jax.reports.clean_scores import clean_lines
from flan_jax.reports.exposure import exposure, title
from flan_jax.reports.few_shot import few_shot_lines
from flan_jax.reports.page import page_of, write_files
from flan_jax.reports.preferences import preference_results
from flan_jax.reports.prompts import prompt_lines
from flan_jax.reports.result_lines import (
    Models,
    ResultsByModel,
    lines_by_step,
    not_evaluated,
    result_lines,
    results_by_model,
)
from flan_jax.reports.trained_on import mixture_lines, reads_text, sampling
from flan_jax.training import metrics_log, rated
from flan_jax.training.validation import VALIDATION_LOSS

HELD_OUT_ACCURACY = f'test/{charts.PREFERRED}'

_TEMPLATE = pathlib.Path(__file__).parent / 'report.html'


def write_report(
    model_dir: epath.PathLike,
    asked: Mapping[str, Any],
    eval_set: EvalSet | None,
    models: Models,
    found: ResultsByModel | None = None,
    folder: epath.PathLike | None = None,
) -> epath.Path:
    """Writes report.json, report.html and what goes beside it; returns the page.

    Args:
      model_dir: the run's folder.
      asked: `run`, `command` and `gin` of a manifest, as they are now; of several evaluations of one model the manifest
        has those of the newest.
      eval_set: what it evaluates; None for nothing.
      models: where the records of its models are.
      found: what came of the records, where that is known already.
      folder: where to write; None for the run's folder.

    Raises:
      ManifestError: if nothing has been run there.
    """
    of_run = manifest.asked_otherwise(manifest.read(model_dir), asked)
    content = gather(model_dir, of_run, eval_set, models, found)
    lines = answers.answered(answers.folders_of(eval_set, models), eval_set.evaluation.score) if eval_set else []
    content['answers'] = list(map(answers.summary, lines))
    folder = folder or model_dir
    pictures = write_beside(folder, content['results'], _figures(content))
    return write_files(folder, content, render(content, pictures, answers.shown_records(lines)))


def gather(
    model_dir: epath.PathLike,
    of_run: Mapping[str, Any],
    eval_set: EvalSet | None,
    models: Models,
    results: ResultsByModel | None = None,
) -> dict[str, Any]:
    """Everything the report says, from what is on disk, and the run's manifest."""
    evaluated = list(eval_set.datasets) if eval_set else []
    tuned_on = of_run['stream']['tasks'] if of_run['stream'] else ()
    tuned, found = models.get('tuned'), rated.read(model_dir)
    log = list(metrics_log.read(model_dir))
    return {
        'title': title(evaluated, of_run),
        'steps': records.step_of(tuned.model) if tuned else 0,
        'total_steps': _total_steps(of_run),
        'epochs': of_run['stream']['recipe'].get('epochs') if of_run['stream'] else None,
        'from_samples': from_samples([*evaluated, *tuned_on], of_run['run']['data']['tfds_data_dir']),
        **(_evaluation(eval_set, models, of_run, results) if eval_set else _NOTHING_EVALUATED),
        **(_contamination(model_dir, eval_set, models, of_run['stream']) if eval_set else {}),
        'loss': [line for line in log if LOSS in line],  # others are of validations
        'validated': [line for line in log if VALIDATION_LOSS in line],
        'answering': [line for line in log if IFS in line],
        'rankings': [line for line in log if HELD_OUT_ACCURACY in line],
        'preferences': preference_results(found) if found else None,
        'mixture': mixture_lines(of_run['stream']) if of_run['stream'] else [],
        'reads_text': reads_text(of_run['run']['data']),
        'sampling': sampling(of_run['run']['data']),
        'manifest': of_run,
    }


_NOTHING_EVALUATED: dict[str, Any] = {
    'score': None, 'limit': None, 'templates': (), 'formats': {}, 'exposure': {}, 'results': [], 'not_evaluated': {},
    'few_shot': [], 'prompts': [], 'while_tuning': [], 'certificate': None, 'clean': [],
}  # fmt: skip


def _evaluation(
    eval_set: EvalSet, models: Models, of_run: Mapping[str, Any], known: ResultsByModel | None
) -> dict[str, Any]:
    found = known if known is not None else results_by_model(eval_set, models)
    lines = result_lines(eval_set, models, found)
    return {
        'score': eval_set.evaluation.score,
        'limit': eval_set.evaluation.limit,
        'templates': eval_set.evaluation.templates,
        'formats': {label: model.settings['prompt_format']['name'] for label, model in models.items()},
        'exposure': {name: exposure(name, of_run) for name in eval_set.datasets},
        'results': lines,
        'not_evaluated': not_evaluated(eval_set, found),
        'few_shot': few_shot_lines(lines),
        'prompts': prompt_lines(eval_set, models['tuned']) if 'tuned' in models else [],
        'while_tuning': lines_by_step(eval_set, models, found),
    }


def _contamination(
    model_dir: epath.PathLike, eval_set: EvalSet, models: Models, stream: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The certificate of the stream, where there is one of this very run, and the tuned model's scores by it."""
    wanted = stream and contamination.made_of(stream['fingerprint'], eval_set.datasets, eval_set.data_dir)
    certificate = contamination.read(model_dir, wanted) if wanted else None
    lines = clean_lines(eval_set, models['tuned'], certificate) if certificate and 'tuned' in models else []
    return {'certificate': certificate, 'clean': lines}


def render(content: Mapping[str, Any], pictures: Mapping[str, str], shown: Sequence[Mapping[str, Any]]) -> str:
    """The page.

    Args:
      content: what `gather` has found.
      pictures: svg elements by the names of `_figures`.
      shown: the answers on the page, see `answers.shown_records`.
    """
    proof = content['manifest'].get('hold_out')
    charts_shown = {f'{name}_chart': pictures.get(name) for name in _FIGURES}
    return page_of(
        _TEMPLATE,
        content,
        overlapping_clusters=overlapping_clusters(proof['overlaps'] if proof and 'method' in proof['compared'] else ()),
        ended_at=ended_at(content['answering']),
        ranked=_ranked(content),
        shown=shown,
        **charts_shown,
    )


_FIGURES = 'scores', 'tuning', 'loss', 'preference', 'distribution', 'reliability', 'answering'


def _figures(content: Mapping[str, Any]) -> dict[str, Any]:
    """The figures for which there is anything to draw, by name."""
    figures, ranked = {}, _ranked(content)
    if content['results']:
        figures['scores'] = charts.template_scores([_chart_line(line) for line in content['results']])
    if content['while_tuning']:
        figures['tuning'] = charts.scores_by_step(content['while_tuning'])
    if content['loss']:
        figures['loss'] = charts.loss_curve(content['loss'], _validated(content))
    if ranked:
        figures['preference'] = charts.preference_curves(ranked, content['rankings'])
    preferences = content['preferences'] or {}
    if spread := preferences.get('distribution'):
        figures['distribution'] = preference_charts.rating_distribution(spread)
    if bins := preferences.get('reliability'):
        figures['reliability'] = preference_charts.reliability_diagram(bins)
    if content['answering']:
        figures['answering'] = charts.answering_curve(content['answering'])
    return figures


def _validated(content: Mapping[str, Any]) -> list[tuple[float, float]]:
    return [(line['step'], line[VALIDATION_LOSS]) for line in content['validated']]


def _ranked(content: Mapping[str, Any]) -> list[Mapping[str, float]]:
    return [line for line in content['loss'] if charts.PREFERRED in line]  # others had no pair of responses


def ended_at(answering: Sequence[Mapping[str, float]]) -> int | None:
    """The step at which a rule found that the model answers well enough; None for none."""
    return next((int(line['step']) for line in answering if line[RULE_MET]), None)


def from_samples(dataset_names: Sequence[str], data_dir: str) -> bool:
    """Whether any dataset holds bundled samples."""
    known = [catalogue.DATASETS[name] for name in dataset_names if name in catalogue.DATASETS]
    return any(source.origin(dataset.source, data_dir) == SAMPLES for dataset in known)


def _chart_line(line: Mapping[str, Any]) -> dict[str, Any]:
    scores = {
        label: {t['template']: t['test'][found['headline']] for t in found['templates']}
        for label, found in line['models'].items()
    }
    paper = line['paper'] and line['paper']['mean']
    shown = {'name': line['name'], 'shots': line['shots'], 'chance': line['chance'], 'paper': paper}
    return {'base': {}, 'tuned': {}} | scores | shown


def _total_steps(of_run: Mapping[str, Any]) -> int | None:
    """The steps that were asked for, or that the epochs of the stream take; None where nothing is tuned."""
    training, stream = of_run['run']['training'], of_run['stream']
    return training['steps'] or (math.ceil(stream['sequences'] / training['batch_size']) if stream else None)
