"""Downloading datasets by TFDS's own builders, as many as can be had."""

import dataclasses
from collections.abc import Iterator, Sequence

import tensorflow_datasets as tfds

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.prepare import no_folders_left
from flan_jax.data.source import clear_caches
from flan_jax.data.status import State, how_to_get, status


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one download: an empty `failure` where the dataset is prepared now."""

    dataset: Dataset
    failure: str


def download(datasets: Sequence[Dataset], data_dir: str) -> Iterator[Outcome]:
    """Downloads and prepares each dataset's source, once per source, going on past failures.

    Whatever goes wrong in a download is reported as that dataset's outcome, since the others may still succeed.
    """
    failures: dict[str, str] = {}
    for dataset in datasets:
        if dataset.source not in failures:
            failures[dataset.source] = _download_one(dataset, data_dir)
        yield Outcome(dataset, failures[dataset.source])


@no_folders_left()
def _download_one(dataset: Dataset, data_dir: str) -> str:
    """Prepares one source; returns why that failed, or nothing."""
    if status(dataset, data_dir).state is State.SAMPLES:
        return f'the bundled samples are prepared as {dataset.source}; remove that folder, or use another --data_dir'
    try:
        tfds.builder(dataset.source, data_dir=data_dir).download_and_prepare()
    except Exception as error:  # builders and servers fail in every way there is, and each failure is reported
        reason = f'{type(error).__name__}: {error}'.splitlines()[0]
        return f'{reason} ({how_to_get(dataset)})' if dataset.manual_step else reason
    clear_caches()
    return ''
