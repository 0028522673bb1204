"""Writes the site: an index of clusters, a page for each dataset, and all citations as BibTeX."""

import pathlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from etils import epath

import flan_jax
from flan_jax.catalogue.declaration import Dataset
from flan_jax.data import source
from flan_jax.data.prepare import prepare_samples
from flan_jax.files import write_whole
from flan_jax.reports.catalogue_site import citations
from flan_jax.reports.catalogue_site.dataset_page import dataset_content
from flan_jax.reports.catalogue_site.rows import rows_of
from flan_jax.reports.page import PALETTE, page_of
from flan_jax.tokenizers.vocabulary import Vocabulary

INDEX, BIBTEX = 'index.html', 'catalogue.bib'

_HERE = pathlib.Path(__file__).parent

_WRITTEN_FREELY = ('rouge', 'bleu')
"""Headline metrics of the clusters that Figure 3 classifies as generation."""


def write_site(
    folder: epath.PathLike, datasets: Sequence[Dataset], data_dir: str, advance: Callable[[int, str], None]
) -> epath.Path:
    """Writes all pages; returns the path of the index.

    Args:
      folder: the folder to write to.
      datasets: the datasets with a page, in the order of their clusters.
      data_dir: folder of prepared datasets; bundled samples are shown for all others.
      advance: called with the dataset's name after each page.
    """
    folder, vocabulary = epath.Path(folder), Vocabulary()
    clusters = _clusters(datasets)
    common = {'version': flan_jax.__version__, 'clusters': clusters}
    with tempfile.TemporaryDirectory() as samples_dir:
        prepare_samples([d for d in datasets if not _is_prepared(d, data_dir)], samples_dir)
        for place, dataset in enumerate(datasets):
            neighbours = {'before': datasets[place - 1] if place else None, 'after': _next(datasets, place)}
            content = dataset_content(dataset, rows_of(dataset, data_dir, samples_dir), vocabulary)
            write_whole(folder / page_name(dataset), page_of(_HERE / 'dataset.html', content | common | neighbours))
            advance(1, dataset.name)
    entries = dict.fromkeys(entry for dataset in datasets for entry in citations.entries(dataset.citation))
    write_whole(folder / BIBTEX, '\n\n'.join(entries) + '\n')
    write_whole(folder / 'site.css', PALETTE.read_text('utf-8') + (_HERE / 'site.css').read_text('utf-8'))
    for name in ('index.js', 'dataset.js'):
        write_whole(folder / name, (_HERE / name).read_text('utf-8'))
    licences = sorted({dataset.licence for dataset in datasets})
    index = common | {'texts': _texts(datasets), 'licences': licences, 'count': len(datasets)}
    write_whole(folder / INDEX, page_of(_HERE / 'index.html', index))
    return folder / INDEX


def page_name(dataset: Dataset) -> str:
    """The file of a dataset's page."""
    return f'{dataset.name}.html'


def _clusters(datasets: Sequence[Dataset]) -> list[dict[str, Any]]:
    """Clusters with their datasets, coloured as in FLAN's Figure 3: understanding, generation, or neither."""
    found = []
    for cluster in dict.fromkeys(dataset.cluster for dataset in datasets):
        members = [dataset for dataset in datasets if dataset.cluster == cluster]
        found.append({'cluster': cluster, 'members': members, 'kind': _kind(members)})
    return found


def _kind(members: Sequence[Dataset]) -> str:
    if not any(dataset.paper_name for dataset in members):
        return 'extra'
    written = [dataset.metrics[0] in _WRITTEN_FREELY for dataset in members]
    return 'generation' if sum(written) > len(written) / 2 else 'understanding'


def _texts(datasets: Sequence[Dataset]) -> Mapping[str, str]:
    """Dataset to the text that a search looks through."""
    return {
        dataset.name: ' '.join(
            [dataset.name, dataset.paper_name, dataset.source, dataset.cluster.title, *dataset.metrics]
            + [f'{template.inputs} {template.targets}' for template in dataset.templates]
        ).lower()
        for dataset in datasets
    }


def _next(datasets: Sequence[Dataset], place: int) -> Dataset | None:
    return datasets[place + 1] if place + 1 < len(datasets) else None


def _is_prepared(dataset: Dataset, data_dir: str) -> bool:
    try:
        source.prepared_builder(dataset.source, data_dir)
    except source.MissingDataError:
        return False
    return True
