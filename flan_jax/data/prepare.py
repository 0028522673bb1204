"""Writes prepared TFDS datasets from a user's files or from the bundled samples, with the real builders.

Such a dataset is read like a downloaded one: the builder's features encode every example, its writer writes the files,
and the directory appears only when it is complete.
"""

import contextlib
import hashlib
import importlib.resources
import io
import json
import pathlib
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from flan_jax.catalogue.declaration import Dataset, Tail
from flan_jax.data.example_files import ExampleError, read_file
from flan_jax.data.features import complete, features_read, misfit
from flan_jax.data.own_instructions import UNFINISHED
from flan_jax.data.renderable import check_rendering
from flan_jax.data.source import CONTENTS_KEY, ORIGIN_KEY, clear_caches
from flan_jax.errors import UnknownName, UserError
from flan_jax.files import make_folder

SAMPLES = 'bundled samples'

_LITTER_SECONDS = 3600


@contextlib.contextmanager
def no_folders_left() -> Iterator[None]:
    """Removes the empty temporary folder that every TFDS builder creates and leaves behind."""
    with tempfile.TemporaryDirectory() as folder:
        before, tempfile.tempdir = tempfile.tempdir, folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def sample_files(dataset: Dataset) -> dict[str, pathlib.Path]:
    """The bundled file of sample examples for each TFDS split; empty if the dataset has none."""
    folder = importlib.resources.files('flan_jax.tasks') / 'samples' / dataset.source_name
    return {file.stem: file for file in sorted(pathlib.Path(str(folder)).glob('*.jsonl'))}


def write_dataset(
    source: str,
    files: Mapping[str, pathlib.Path],
    data_dir: str,
    origin: str,
    features: Mapping[str, Any] | None = None,
    declarations: Sequence[Dataset] = (),
) -> pathlib.Path:
    """Writes a prepared dataset.

    Args:
      source: TFDS name with configuration and version.
      files: for each TFDS split, a file of examples with the builder's features; class labels by name or number.
      data_dir: directory of prepared datasets.
      origin: where the examples come from, stored in the dataset's metadata.
      features: TFDS features by name, if TFDS does not know the dataset.
      declarations: datasets that will read the source. Features that none of them reads may be absent and are written
        as empty values; splits that none of them reads are refused. Without declarations, all features are required.

    Returns:
      The directory.

    Raises:
      ExampleError: for the first example that does not fit, with file and line; nothing is written.
      UnknownName: for a split that no declaration reads.
      UserError: if the dataset is prepared there already, or its features are unknown.
    """
    builder = unprepared_builder(source, features, data_dir)
    if declarations:
        _check_splits(files, declarations)
    expected = builder.info.features
    read = {path for dataset in declarations for path in features_read(dataset, expected)} if declarations else None
    examples = {split: checked_examples(expected, path, read, declarations) for split, path in files.items()}
    return write_examples(builder, examples, {ORIGIN_KEY: origin})


@no_folders_left()
def write_examples(
    builder: tfds.core.DatasetBuilder, examples: Mapping[str, Sequence[Mapping[str, Any]]], metadata: Mapping[str, Any]
) -> pathlib.Path:
    """Writes the examples of every split, which must fit the builder's features; returns the directory."""
    metadata = {**metadata, CONTENTS_KEY: _digest(examples)}
    builder.info._metadata = tfds.core.MetadataDict(metadata)  # there is no public way to set it
    builder._split_generators = lambda *args, **kwargs: {split: enumerate(found) for split, found in examples.items()}
    make_folder(builder.data_dir_root)
    _remove_litter(pathlib.Path(builder.data_path).parent)
    with contextlib.redirect_stdout(io.StringIO()):  # TFDS prints two lines and bars per dataset
        tfds.disable_progress_bar()
        builder.download_and_prepare(file_format='tfrecord')
    clear_caches()
    return pathlib.Path(builder.data_path)


def _digest(examples: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """A digest, sixteen hexadecimal digits, of the examples of every split, in their order."""
    found = hashlib.sha256()
    for split, split_examples in sorted(examples.items()):
        for ex in split_examples:
            found.update(json.dumps([split, ex], sort_keys=True, default=_plain).encode())
    return found.hexdigest()[:16]


def _plain(value: Any) -> Any:
    """The JSON form of NumPy numbers and arrays, and of bytes."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f'an example holds {value!r}, which no feature takes')


def _remove_litter(folder: pathlib.Path) -> None:
    """Removes folders of killed TFDS processes; they must be an hour old, since their owner is not known."""
    for path in folder.glob(f'{UNFINISHED}*'):
        if path.is_dir() and time.time() - path.stat().st_mtime > _LITTER_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _check_splits(files: Mapping[str, pathlib.Path], declarations: Sequence[Dataset]) -> None:
    read = [getattr(dataset.splits, name) for dataset in declarations for name in ('train', 'validation', 'test')]
    known = {split for split in read if split is not None and not isinstance(split, Tail)}
    for split in files:
        if split not in known:
            raise UnknownName(f'split of {declarations[0].source}', split, known)


def unprepared_builder(source: str, features: Mapping[str, Any] | None, data_dir: str) -> tfds.core.DatasetBuilder:
    """The TFDS builder of a source that is not prepared yet, or a builder made from `features`.

    Raises:
      UserError: if the dataset is prepared there already, or its features are unknown.
    """
    builder = _builder(source, features, data_dir)
    if builder.is_prepared():
        raise UserError(f'{source} is already prepared in {builder.data_path}; remove that folder to replace it')
    return builder


@no_folders_left()
def _builder(source: str, features: Mapping[str, Any] | None, data_dir: str) -> tfds.core.DatasetBuilder:
    if features is not None:
        path, _, version = source.partition(':')
        name, _, config = path.partition('/')
        return tfds.dataset_builders.AdhocBuilder(
            name=name,
            config=config or None,
            version=version,
            features=tfds.features.FeaturesDict(features),
            split_datasets={},
            data_dir=data_dir,
        )
    try:
        return tfds.builder(source, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        raise UserError(f'TFDS has no dataset {source!r}; give its `features` in the declaration') from error


def checked_examples(
    features: tfds.features.FeaturesDict,
    path: pathlib.Path,
    read: Collection[tuple[str, ...]] | None = None,
    declarations: Sequence[Dataset] = (),
) -> list[Mapping[str, Any]]:
    """All examples of a file, each checked against the features.

    Args:
      features: the builder's features.
      path: JSON Lines or Parquet.
      read: the features that are read; others may be absent and become empty. None if all are required.
      declarations: datasets that will read the examples.

    Raises:
      ExampleError: for the first example that does not fit, or cannot be rendered.
    """
    located = []
    for where, ex in read_file(path):
        completed = ex if read is None else complete(features, ex, read)
        _check_example(features, where, completed)
        located.append((where, completed))
    if not located:
        raise ExampleError(f'{path}: holds no examples')
    for dataset in declarations:
        check_rendering(dataset, features, located)
    return [ex for _, ex in located]


def _check_example(features: tfds.features.FeaturesDict, where: str, ex: Mapping[str, Any]) -> None:
    missing, unknown = sorted(set(features) - set(ex)), sorted(set(ex) - set(features))
    if missing or unknown:
        raise ExampleError(
            f'{where}: features missing: {", ".join(missing) or "none"}; unknown: {", ".join(unknown) or "none"}; '
            f'expected: {", ".join(features)}'
        )
    for name, feature in features.items():
        try:
            feature.encode_example(ex[name])
            problem = misfit(feature, ex[name])
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError) as error:
            raise ExampleError(f'{where}: {name}={ex[name]!r} does not fit {feature}: {error}') from error
        if problem:
            raise ExampleError(f'{where}: {name}={ex[name]!r} does not fit {feature}: {problem}')


def prepare_samples(datasets: Iterable[Dataset], data_dir: str) -> list[str]:
    """Writes the bundled samples of all datasets whose source is not prepared yet; returns these sources."""
    written = []
    for dataset in datasets:
        if dataset.source in written or not (files := sample_files(dataset)):
            continue
        if _builder(dataset.source, dataset.features, data_dir).is_prepared():
            continue
        write_dataset(dataset.source, files, data_dir, SAMPLES, dataset.features)
        written.append(dataset.source)
    return written
