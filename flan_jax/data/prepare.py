"""Writing prepared TFDS datasets from a user's examples or from the bundled samples, through the real builders.

Nothing downstream can tell such a dataset from a downloaded one: the builder's own features encode every example, its
own writer writes the files, and a directory appears only when it is complete.
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
from flan_jax.data.source import CONTENTS_KEY, ORIGIN_KEY, forget
from flan_jax.errors import UnknownName, UserError
from flan_jax.files import make_folder

SAMPLES = 'bundled samples'

_LITTER_SECONDS = 3600


@contextlib.contextmanager
def no_folders_left() -> Iterator[None]:
    """Every builder of TFDS makes an empty folder among the system's temporary ones, and leaves it there."""
    with tempfile.TemporaryDirectory() as folder:
        before, tempfile.tempdir = tempfile.tempdir, folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def sample_files(dataset: Dataset) -> dict[str, pathlib.Path]:
    """TFDS split to the bundled file of sample examples; empty where the dataset has none."""
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
      files: TFDS split to file of examples in the builder's features; class labels by name or number.
      data_dir: directory of prepared datasets.
      origin: where the examples come from, kept in the dataset's metadata.
      features: feature name to TFDS feature, where TFDS does not know the dataset.
      declarations: what will read the source. Features that none of them reads may be absent and are written empty, and
        splits that none of them reads are refused. Without declarations everything must be there.

    Returns:
      The directory written.

    Raises:
      ExampleError: naming file and line of the first example that does not fit; nothing is written then.
      UnknownName: for a split that no declaration reads.
      UserError: if the dataset is prepared there already, or nobody says what its features are.
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
    """Writes the examples of every split, which fit the builder's features; returns the directory, complete."""
    metadata = {**metadata, CONTENTS_KEY: _digest(examples)}
    builder.info._metadata = tfds.core.MetadataDict(metadata)  # the builder makes its own DatasetInfo, closed to us
    builder._split_generators = lambda *args, **kwargs: {split: enumerate(found) for split, found in examples.items()}
    make_folder(builder.data_dir_root)
    _remove_litter(pathlib.Path(builder.data_path).parent)
    with contextlib.redirect_stdout(io.StringIO()):  # TFDS prints two lines and bars per dataset
        tfds.disable_progress_bar()
        builder.download_and_prepare(file_format='tfrecord')
    forget()
    return pathlib.Path(builder.data_path)


def _digest(examples: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Sixteen hexadecimal digits that stand for the examples of every split, in their order."""
    found = hashlib.sha256()
    for split, of_split in sorted(examples.items()):
        for ex in of_split:
            found.update(json.dumps([split, ex], sort_keys=True, default=_plain).encode())
    return found.hexdigest()[:16]


def _plain(value: Any) -> Any:
    """What JSON has no type for: numbers and arrays of NumPy, and bytes."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f'an example holds {value!r}, which no feature takes')


def _remove_litter(folder: pathlib.Path) -> None:
    """Removes what TFDS left where it was killed; it does not say whose it is, so that it must be an hour old."""
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
    """The builder that TFDS has for a source, or one made from `features`, with nothing in its directory yet.

    Raises:
      UserError: if the dataset is prepared there already, or nobody says what its features are.
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
    """All examples of a file, each proved to fit the features.

    Args:
      features: the builder's.
      path: JSON Lines or Parquet.
      read: the features that are read; others may be absent and become empty. None where all are needed.
      declarations: what will read the examples.

    Raises:
      ExampleError: for the first that does not fit, or cannot be rendered.
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
    """Writes the bundled samples of all datasets whose source is not prepared yet; returns the sources written."""
    written = []
    for dataset in datasets:
        if dataset.source in written or not (files := sample_files(dataset)):
            continue
        if _builder(dataset.source, dataset.features, data_dir).is_prepared():
            continue
        write_dataset(dataset.source, files, data_dir, SAMPLES, dataset.features)
        written.append(dataset.source)
    return written
