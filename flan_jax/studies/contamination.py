"""Contamination (FLAN, appendix C): scores on the examples that do not occur in training data, and on all examples.

Every cluster of the paper's table is held out in turn. The training data that is searched is a corpus, such as that of
pretraining, or the stream that each model was tuned on.
"""

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from etils import epath

from flan_jax import manifest
from flan_jax.data.overlap.chunks import Rows
from flan_jax.evaluation import contamination
from flan_jax.files import write_whole
from flan_jax.reports.clean_scores import clean_lines
from flan_jax.reports.csv_text import csv_text
from flan_jax.reports.page import page_of, write_files
from flan_jax.reports.report import from_samples
from flan_jax.run import Run
from flan_jax.studies.leave_one_out import ClusterTable
from flan_jax.studies.run_evaluation import eval_set_of, models_of

TABLE = ClusterTable(
    'flan.contamination',
    'Contamination: clean examples compared with all examples',
    'appendix C',
    (
        'natural_language_inference',
        'reading_comprehension',
        'closed_book_qa',
        'commonsense',
        'reading_comprehension_with_commonsense',
        'coreference',
        'translation',
    ),
)

FOLDER = 'contamination'
"""Name of the page's folder within that of the runs, which other studies may share."""

_TEMPLATE = pathlib.Path(__file__).parent / 'contamination.html'


@dataclasses.dataclass(frozen=True)
class PaperLine:
    """A row of the paper's table, with scores in per cent.

    Attributes:
      metric: name of the metric.
      total: number of examples.
      score: score on all examples.
      clean: number of examples that do not overlap the pretraining corpus.
      clean_score: score on those.
    """

    metric: str
    total: int
    score: float
    clean: int
    clean_score: float


PAPER = {
    'drop': PaperLine('F1', 9536, 22.4, 61, 33.0),
    'squad_v2': PaperLine('F1', 11873, 41.3, 106, 38.7),
    'anli_r1': PaperLine('accuracy', 1000, 48.1, 14, 57.1),
    'anli_r2': PaperLine('accuracy', 1000, 42.9, 21, 38.1),
    'record': PaperLine('accuracy', 10000, 4.6, 3203, 4.5),
    'multirc': PaperLine('accuracy', 4848, 75.4, 1972, 75.7),
    'piqa': PaperLine('accuracy', 1838, 23.7, 896, 23.3),
    'anli_r3': PaperLine('accuracy', 1200, 44.2, 718, 45.3),
    'hellaswag': PaperLine('accuracy', 10042, 28.5, 6578, 28.7),
    'rte': PaperLine('accuracy', 277, 84.1, 183, 84.2),
    'wmt14_enfr en-fr': PaperLine('BLEU', 3003, 31.3, 2243, 31.5),
    'wmt14_enfr fr-en': PaperLine('BLEU', 3003, 34.0, 2243, 34.1),
    'bool_q': PaperLine('accuracy', 3270, 76.5, 2515, 76.3),
    'trivia_qa': PaperLine('F1', 11313, 62.2, 8731, 62.0),
    'arc_easy': PaperLine('accuracy', 2365, 79.5, 1888, 79.0),
    'arc_challenge': PaperLine('accuracy', 1165, 63.1, 983, 64.2),
    'openbookqa': PaperLine('accuracy', 500, 74.6, 425, 74.8),
    'wmt16_translate_deen en-de': PaperLine('BLEU', 2999, 22.7, 2569, 23.0),
    'wmt16_translate_deen de-en': PaperLine('BLEU', 2999, 38.6, 2569, 38.7),
    'wmt16_translate_roen en-ro': PaperLine('BLEU', 1999, 15.5, 1752, 15.4),
    'wmt16_translate_roen ro-en': PaperLine('BLEU', 1999, 36.7, 1752, 36.8),
    'copa': PaperLine('accuracy', 100, 88.0, 91, 87.9),
    'cb': PaperLine('accuracy', 56, 41.1, 53, 41.5),
    'natural_questions': PaperLine('F1', 3610, 24.5, 3495, 24.3),
    'story_cloze': PaperLine('accuracy', 1871, 92.1, 1864, 92.1),
    'winogrande': PaperLine('accuracy', 1267, 39.4, 1265, 39.4),
}
"""The paper's table of contamination by its pretraining corpus, by dataset and variant, in its order."""


def write_contamination(
    root: epath.PathLike, runs: Sequence[Run], corpus: str | None = None, chunks: Iterable[Rows] = ()
) -> epath.Path:
    """Writes report.html, report.json and table.csv of the runs that have begun; returns the path of the first.

    Args:
      root: folder of the study.
      runs: one run for each held-out cluster.
      corpus: name of the corpus to search; None for each run's own stream, by its certificate.
      chunks: the documents of the corpus.
    """
    folder, content = epath.Path(root) / FOLDER, gather(runs, corpus, chunks)
    write_whole(folder / 'table.csv', table(content))
    return write_files(folder, content, page_of(_TEMPLATE, content))


def gather(runs: Sequence[Run], corpus: str | None = None, chunks: Iterable[Rows] = ()) -> dict[str, Any]:
    """The content of the page, from the records and certificates of existing runs."""
    begun = [(run, eval_set_of(run)) for run in runs if manifest.exists(run.model_dir)]
    certificates: dict[str, Any] = {}
    if corpus:
        datasets = {name: dataset for _, eval_set in begun for name, dataset in eval_set.datasets.items()}
        certificate = contamination.of_corpus(corpus, chunks, datasets, runs[0].data.tfds_data_dir)
        certificates = dict.fromkeys((run.data.held_out or '' for run, _ in begun), certificate)
    else:
        found = ((run.data.held_out or '', _certificate(run, eval_set)) for run, eval_set in begun)
        certificates = {held_out: certificate for held_out, certificate in found if certificate}
    lines = [
        line | {'model': label, 'held_out': run.data.held_out}
        for run, eval_set in begun
        if run.data.held_out in certificates
        for label, model in models_of(run).items()
        for line in clean_lines(eval_set, model, certificates[run.data.held_out])
    ]
    evaluated = sorted({name for _, eval_set in begun for name in eval_set.datasets})
    return {
        'corpus': corpus,
        'lines': lines,
        'paper': {name: dataclasses.asdict(line) | _shares(line) for name, line in PAPER.items()},
        'overlaps': _overlaps(certificates),
        'read': {held_out: certificate['read'] for held_out, certificate in certificates.items()},
        'without': [run.data.held_out for run in runs if run.data.held_out not in certificates],
        'from_samples': from_samples(evaluated, runs[0].data.tfds_data_dir),
        'limit': runs[0].evaluation.limit,
        'commands': sorted({manifest.read(run.model_dir)['command'] for run, _ in begun}),
    }


def table(content: Mapping[str, Any]) -> str:
    """The table as CSV, with a row for each model, dataset and variant."""
    ours = ('n', 'score', 'clean_n', 'clean_score', 'dirty_n', 'dirty_score', 'clean_share', 'difference')
    columns = ('model', 'dataset', 'shots', 'metric', *ours, 'paper_clean_share', 'paper_difference')
    return csv_text(columns, _rows(content))


def _rows(content: Mapping[str, Any]) -> Iterator[tuple]:
    for line in content['lines']:
        parts = [of[part] for part in ('total', 'clean', 'dirty') for of in (line['examples'], line['scores'])]
        paper = content['paper'].get(line['name'], {})
        printed = (paper.get('clean_share'), paper.get('difference'))
        own = (*parts, line['clean_share'], line['difference'])
        yield line['model'], line['name'], line['shots'], line['metric'], *own, *printed


def _certificate(run: Run, eval_set) -> dict[str, Any] | None:
    stream = manifest.read(run.model_dir)['stream']
    if not stream:
        return None
    wanted = contamination.made_of(stream['fingerprint'], eval_set.datasets, run.data.tfds_data_dir)
    return contamination.read(run.model_dir, wanted)


def _overlaps(certificates: Mapping[str, Any]) -> dict[str, Any]:
    """The overlap of each evaluated dataset, from the certificate of the run that evaluates it."""
    datasets = (item for certificate in certificates.values() for item in certificate['datasets'].items())
    return {name: found['overlap'] for name, found in datasets if found['overlap']}


def _shares(line: PaperLine) -> dict[str, float]:
    return {
        'clean_share': 100 * line.clean / line.total,
        'difference': 100 * (line.clean_score - line.score) / line.score,
    }
