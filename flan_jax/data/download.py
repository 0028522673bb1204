"""Downloads datasets with TFDS's builders, and continues after failures."""

import dataclasses
from collections.abc import Iterator, Sequence

import tensorflow_datasets as tfds

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.prepare import no_folders_left
from flan_jax.data.source import clear_caches
from flan_jax.data.status import State, how_to_get, status


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of one download; `failure` is empty if the dataset is prepared."""

    dataset: Dataset
    failure: str


def download(datasets: Sequence[Dataset], data_dir: str) -> Iterator[Outcome]:
    """Downloads and prepares each dataset's source, once per source.

    An error is reported as the dataset's outcome, since the other downloads may still succeed.
    """
    failures: dict[str, str] = {}
    for dataset in datasets:
        if dataset.source not in failures:
            failures[dataset.source] = _download_one(dataset, data_dir)
        yield Outcome(dataset, failures[dataset.source])


@no_folders_left()
def _download_one(dataset: Dataset, data_dir: str) -> str:
    """Prepares one source; returns the reason of a failure, or ''."""
    if status(dataset, data_dir).state is State.SAMPLES:
        return f'the folder of {dataset.source} has the bundled samples; remove it, or use another --data_dir'
    try:
        tfds.builder(dataset.source, data_dir=data_dir).download_and_prepare()
    except Exception as error:  # builders and servers raise anything; every failure is reported
        reason = f'{type(error).__name__}: {error}'.splitlines()[0]
        return f'{reason} ({how_to_get(dataset)})' if dataset.manual_step else reason
    clear_caches()
    return ''
