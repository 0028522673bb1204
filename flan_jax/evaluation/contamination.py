"""Contamination: how much of the evaluation data occurs in a corpus, or in the training stream of a run.

An example is dirty if it overlaps by shingles of words (Wei et al. 2022, appendix C), and otherwise clean. The
certificate of a run reports this for its stream, with fingerprints of the compared data and of the certificate.
"""

import collections
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from etils import epath

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.contents import contents_fingerprint
from flan_jax.data.holdout import METHOD
from flan_jax.data.overlap.chunks import Rows
from flan_jax.data.overlap.compared import EVALUATED_SPLITS, EvaluatedRows, Found
from flan_jax.data.source import split_slices
from flan_jax.files import read_json, write_whole
from flan_jax.packing.example import Example
from flan_jax.packing.stream import PackedStream
from flan_jax.progress import CONSOLE, bar
from flan_jax.settings import fingerprint
from flan_jax.tokenizers.vocabulary import Vocabulary

FILE = 'contamination.json'
"""File of the certificate in MODEL_DIR."""

_SEQUENCES_AT_A_TIME = 512

Datasets = Mapping[str, Dataset]


def of_stream(stream: PackedStream, vocabulary: Vocabulary, datasets: Datasets, data_dir: str) -> dict[str, Any]:
    """The certificate of a stream: which evaluated examples occur in it, and in the examples of which tasks."""
    tasks = stream.manifest.tasks
    with bar('searching the stream for evaluated examples', len(stream)) as advance:
        evaluated = EvaluatedRows(list(datasets.values()), data_dir)
        by_task = {task: Found(evaluated) for task in tasks}
        for start in range(0, len(stream), _SEQUENCES_AT_A_TIME):
            sequences = stream.sequences(range(start, min(start + _SEQUENCES_AT_A_TIME, len(stream))))
            of_task = collections.defaultdict(list)
            for example in (example for sequence in sequences for example in sequence.examples()):
                of_task[tasks[example.task]].append(_texts(example, vocabulary))
            for task, rows in of_task.items():
                by_task[task].look_in(rows)
            advance(len(sequences))
    found = Found(evaluated)
    for of_one in by_task.values():
        found.join(of_one)
    read = {'stream': stream.manifest.fingerprint, 'sequences': len(stream), 'vocabulary': vocabulary.fingerprint}
    return _content(read, found, datasets, data_dir, by_task)


def of_corpus(name: str, chunks: Iterable[Rows], datasets: Datasets, data_dir: str) -> dict[str, Any]:
    """The same for a corpus, whose documents are read in chunks."""
    with bar('reading evaluated examples', len(datasets)) as advance:
        evaluated = EvaluatedRows(list(datasets.values()), data_dir, advance)
    found = Found(evaluated)
    for rows in chunks:
        found.look_in(rows)
        CONSOLE.print(f'{name}: {found.words:,} words were searched')
    return _content({'corpus': name}, found, datasets, data_dir, {})


def made_of(stream: str, datasets: Datasets, data_dir: str) -> dict[str, Any]:
    """Everything that a certificate depends on; `stream` is the stream's fingerprint."""
    return {'method': METHOD, 'stream': stream, 'evaluated': _contents(datasets, data_dir)}


def write(model_dir: epath.PathLike, certificate: Mapping[str, Any]) -> epath.Path:
    """Writes a run's certificate; returns its path."""
    path = epath.Path(model_dir) / FILE
    write_whole(path, json.dumps(certificate, indent=1, ensure_ascii=False))
    return path


def read(model_dir: epath.PathLike, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """A run's certificate; None if there is none, it is of other data than `wanted` (`made_of`), or was changed."""
    path = epath.Path(model_dir) / FILE
    if not path.exists():
        return None
    found = read_json(path, 'remove it and run `flan-jax certify` again')
    return (
        found if found.get('made_of') == wanted and _signed(found)['fingerprint'] == found.get('fingerprint') else None
    )


def _content(
    read: Mapping[str, Any], found: Found, datasets: Datasets, data_dir: str, by_task: Mapping[str, Found]
) -> dict[str, Any]:
    counts = found.counts()
    counts_by_task = {task: of_one.counts() for task, of_one in by_task.items()}
    lines = {}
    for name in datasets:
        of_tasks = {task: vars(of_one[name]) for task, of_one in counts_by_task.items() if name in of_one}
        dirty = {split: found.dirty(name, split) for split in EVALUATED_SPLITS}
        lines[name] = {'overlap': vars(counts[name]) if name in counts else None, 'by_task': of_tasks, 'dirty': dirty}
    wanted = made_of(read.get('stream', read.get('corpus')), datasets, data_dir)
    return _signed(
        {'made_of': wanted, 'read': {**read, 'words': found.words, 'fingerprint': found.fingerprint}, 'datasets': lines}
    )


def _signed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The certificate with a fingerprint of its content."""
    unsigned = json.loads(json.dumps({name: value for name, value in content.items() if name != 'fingerprint'}))
    return {**unsigned, 'fingerprint': fingerprint(unsigned)}


def _contents(datasets: Datasets, data_dir: str) -> dict[str, dict[str, str]]:
    """The fingerprints of the evaluated examples."""
    return {
        name: {'fields': fingerprint({'names': sorted(dataset.fields)})}
        | {
            split: contents_fingerprint(dataset, split, data_dir)
            for split in EVALUATED_SPLITS
            if split in split_slices(dataset, data_dir)
        }
        for name, dataset in datasets.items()
    }


def _texts(example: Example, vocabulary: Vocabulary) -> list[str]:
    """The texts of an example: its prompt, split at every EOS, and its responses."""
    parts = (part for tokens in (example.prompt, *example.responses) for part in _parts(tokens, vocabulary))
    return [vocabulary.decode(part) for part in parts]


def _parts(tokens, vocabulary: Vocabulary) -> Iterator:
    ends = np.flatnonzero(tokens == vocabulary.eos_id)
    return (part[part != vocabulary.eos_id] for part in np.split(tokens, ends))
