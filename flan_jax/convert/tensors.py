"""The mapping from our parameters to a family's tensors: names, transposes, parts of fused tensors.

Our parameters are stacked over layers and have kernels [in, out]; a Hugging Face file has a tensor per layer, mostly
with kernels [out, in], and sometimes one tensor for queries, keys and values.
"""

import dataclasses
import types
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from flan_jax.convert.families import Family, Part
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import STACKED, parameter_shapes
from flan_jax.model.value_head import VALUE_HEAD

Index = tuple[slice, ...]
Shaped = jax.Array | jax.ShapeDtypeStruct

HEAD = 'score'
"""Name of the head of sequence classifiers in all families."""

_LEAVES = {'kernel': 'weight', 'scale': 'weight', 'bias': 'bias'}


@dataclasses.dataclass(frozen=True)
class Share:
    """One of our tensors within the last axis of a fused tensor: part `index` of `parts` in each of `groups`."""

    index: int
    parts: int
    groups: int


@dataclasses.dataclass(frozen=True)
class Place:
    """The tensor of transformers that holds one of our parameters, or one layer of it.

    Attributes:
      pattern: name of the tensor, with '{layer}' if our parameter is stacked over layers.
      shape: shape of our parameter, without the axis of layers.
      transposed: whether the tensor has the axes in reverse order.
      share: the part of the tensor that holds our parameter; None for the whole tensor.
    """

    pattern: str
    shape: tuple[int, ...]
    transposed: bool = False
    share: Share | None = None

    @property
    def their_shape(self) -> tuple[int, ...]:
        """Shape of the tensor in transformers."""
        parts = self.share.parts if self.share else 1
        shape = (*self.shape[:-1], self.shape[-1] * parts)
        return shape[::-1] if self.transposed else shape

    def read(self, tensor: Any, index: Index) -> np.ndarray:
        """Reads our parameter's elements `index` from an array, or from a slice of a file without reading the rest."""
        *others, last = (slice(*part.indices(size)) for part, size in zip(index, self.shape))
        wanted = (*others, self._covering(last))
        values = tensor[wanted[::-1]].T if self.transposed else tensor[wanted]
        return values if self.share is None else self._cut(values, last, self.share)

    def write(self, ours: np.ndarray, tensor: np.ndarray) -> None:
        """Writes our parameter into the tensor of transformers."""
        target = tensor.T if self.transposed else tensor
        if self.share is None:
            target[...] = ours
            return
        groups = target.reshape(*target.shape[:-1], self.share.groups, self.share.parts, -1, copy=False)
        groups[..., self.share.index, :] = ours.reshape(*ours.shape[:-1], self.share.groups, -1)

    def _covering(self, ours: slice) -> slice:
        """The smallest slice of whole groups of the fused axis that covers a slice of our axis."""
        if self.share is None:
            return ours
        first, last = self._groups(ours, self.share)
        width = self.shape[-1] // self.share.groups * self.share.parts
        return slice(first * width, last * width)

    def _cut(self, values: np.ndarray, ours: slice, share: Share) -> np.ndarray:
        first, last = self._groups(ours, share)
        parts = values.reshape(*values.shape[:-1], last - first, share.parts, -1)[..., share.index, :]
        start = first * self.shape[-1] // share.groups
        return parts.reshape(*values.shape[:-1], -1)[..., ours.start - start : ours.stop - start]

    def _groups(self, ours: slice, share: Share) -> tuple[int, int]:
        width = self.shape[-1] // share.groups
        return ours.start // width, -(-ours.stop // width)


def places(
    family: Family,
    config: DecoderConfig,
    head: Mapping[str, Shaped] = types.MappingProxyType({}),
) -> dict[str, Place]:
    """Our name to the place of every parameter of a decoder, including its scalar head if it has one."""
    shapes = {name: value.shape for name, value in (*parameter_shapes(config).items(), *head.items())}
    return {name: _place(family, config, name, shape) for name, shape in shapes.items()}


def their_shapes(found: Mapping[str, Place], config: DecoderConfig) -> dict[str, tuple[int, ...]]:
    """Name to shape of all tensors in a family's files for a decoder."""
    return {
        place.pattern.format(layer=layer): place.their_shape
        for place in found.values()
        for layer in (range(config.num_layers) if '{layer}' in place.pattern else (0,))
    }


def _place(family: Family, config: DecoderConfig, name: str, shape: tuple[int, ...]) -> Place:
    module, _, leaf = name.rpartition('/')
    if leaf not in _LEAVES:  # embedding tables are parameters of the decoder itself
        module, leaf = name, 'scale'
    theirs = HEAD if name == VALUE_HEAD else family.modules[module]
    fused = theirs if isinstance(theirs, Part) else None
    groups = config.num_heads if fused and fused.grouped_by_head else 1
    return Place(
        pattern=f'{fused.tensor if fused else theirs}.{_LEAVES[leaf]}',
        shape=tuple(shape[1:] if name.startswith(STACKED) else shape),
        transposed=leaf == 'kernel' and (family.transposed or not name.startswith(STACKED)),
        share=Share(fused.index, fused.parts, groups) if fused else None,
    )
