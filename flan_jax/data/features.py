"""The TFDS features of a dataset: which of them a declaration reads, and whether values fit them."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.rendering import read_before, read_ranking, read_values

Path = tuple[str, ...]
"""The names that lead to a nested feature."""


class _Recording(Mapping):
    """An example that records which of its features are read."""

    def __init__(self, values: Mapping[str, Any], path: Path, read: set[Path]):
        self._values, self._path, self._read = values, path, read

    def __getitem__(self, name: str):
        value, path = self._values[name], (*self._path, name)
        if isinstance(value, Mapping):
            return _Recording(value, path, self._read)
        self._read.add(path)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def features_read(dataset: Dataset, features: tfds.features.FeaturesDict) -> set[Path]:
    """The features that a dataset's declaration reads, found by tracing its functions."""
    read: set[Path] = set()

    @tf.function(autograph=False)
    def read_all(ex):
        recording = _Recording(ex, (), read)
        if dataset.expand is not None:
            recording = {name: values[0] for name, values in dataset.expand(recording).items()}
        read_values(dataset, recording)
        read_before(dataset, recording)
        read_ranking(dataset, recording)
        if dataset.keep is not None:
            dataset.keep.test(recording)

    read_all.get_concrete_function(features.get_tensor_spec())
    return read


def complete(feature: Any, value: Any, read: Collection[Path], path: Path = ()) -> Any:
    """A value with empty values for absent features that are not in `read`; other absent features stay absent."""
    if isinstance(feature, tfds.features.FeaturesDict) and isinstance(value, Mapping):
        inside = {name: complete(feature[name], item, read, (*path, name)) if name in feature else item
                  for name, item in value.items()}  # fmt: skip
        return inside | {name: empty(feature[name]) for name in _to_be_filled(feature, value, read, path)}
    if isinstance(feature, tfds.features.Sequence) and isinstance(feature.feature, tfds.features.FeaturesDict):
        if isinstance(value, Mapping):  # a list for each feature
            length = max((len(items) for items in value.values()), default=0)
            absent = _to_be_filled(feature.feature, value, read, path)
            return dict(value) | {name: [empty(feature.feature[name])] * length for name in absent}
        return [complete(feature.feature, item, read, path) for item in value] if isinstance(value, list) else value
    return value


def _to_be_filled(
    features: tfds.features.FeaturesDict, value: Mapping, read: Collection[Path], path: Path
) -> list[str]:
    needed = {found[len(path)] for found in read if found[: len(path)] == path}
    return [name for name in features if name not in value and name not in needed]


def empty(feature: Any) -> Any:
    """An empty value of a feature: no text, no elements, zeros, or no label."""
    if isinstance(feature, tfds.features.FeaturesDict):
        return {name: empty(inner) for name, inner in feature.items()}
    if isinstance(feature, tfds.features.Sequence):
        return [empty(feature.feature)] * (feature._length or 0)
    if isinstance(feature, tfds.features.ClassLabel):
        return -1
    if feature.np_dtype == np.object_ and not feature.shape:
        return ''
    return np.zeros([size or 0 for size in feature.shape], feature.np_dtype)


def misfit(feature: Any, value: Any) -> str:
    """Why TFDS would silently store another value than this one; empty if it stores it unchanged."""
    if isinstance(feature, tfds.features.FeaturesDict):
        return next(filter(None, (misfit(inner, value[name]) for name, inner in feature.items())), '')
    if isinstance(feature, tfds.features.Sequence):
        return _misfit_of_sequence(feature.feature, value)
    if isinstance(feature, tfds.features.ClassLabel):
        is_label = isinstance(value, str | int | np.integer) and not isinstance(value, bool)
        return '' if is_label else f'{value!r} is neither the name nor the number of a label'
    kind, given = np.dtype(feature.np_dtype).kind, np.asarray(value)
    if isinstance(feature, tfds.features.Text) and not isinstance(value, str | bytes):
        return f'{value!r} is not a text'
    if kind not in 'biuf' or not given.size:
        return ''
    if given.dtype.kind not in 'biuf':
        return f'{value!r} is not a number'
    stored = feature.encode_example(value)
    return '' if kind == 'f' or np.array_equal(given, stored) else f'{value!r} would be stored as {stored}'


def _misfit_of_sequence(feature: Any, value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = [(feature[name], item) for name, items in value.items() for item in items]
    else:
        pairs = [(feature, item) for item in value]
    return next(filter(None, (misfit(inner, item) for inner, item in pairs)), '')
