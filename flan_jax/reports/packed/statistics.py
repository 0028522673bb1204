"""Statistics of a stream: the fill of its sequences, the lengths of its examples, and each cluster's share."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from flan_jax.packing.example import PackedSequence
from flan_jax.packing.stream import PackedStream

_READ_AT_ONCE = 256


@dataclasses.dataclass(frozen=True)
class Share:
    """One cluster's shares of a stream, from 0 to 1.

    Attributes:
      cluster: name of the cluster.
      examples: share of the examples.
      planned: the mixing rate, the expected share of the examples; None if every example is read equally often.
      tokens: share of the tokens.
      learned: share of the weights of the loss.
      loss: share of the loss in nats, by the last losses of a run; None if they are unknown.
    """

    cluster: str
    examples: float
    planned: float | None
    tokens: float
    learned: float
    loss: float | None = None


@dataclasses.dataclass(frozen=True)
class Bin:
    """A bar of a histogram: the number of texts with `low` to `high` tokens."""

    low: int
    high: int
    count: int

    @property
    def label(self) -> str:
        return str(self.low) if self.low == self.high else f'{self.low} to {self.high}'


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Statistics of a stream.

    Attributes:
      sequences: number of sequences.
      length: tokens of each sequence, padding included.
      tokens: number of tokens without padding.
      examples: number of examples.
      learned: sum of the weights of the loss.
      fullest, emptiest: tokens of the fullest and the emptiest sequence.
      prompts: histogram of the lengths of prompts, with bins at powers of two.
      responses: the same of responses.
      shares: the shares of every cluster, in order.
    """

    sequences: int
    length: int
    tokens: int
    examples: int
    learned: float
    fullest: int
    emptiest: int
    prompts: tuple[Bin, ...]
    responses: tuple[Bin, ...]
    shares: tuple[Share, ...]

    @property
    def efficiency(self) -> float:
        """Packing efficiency: the share of positions that are not padding."""
        return self.tokens / (self.sequences * self.length)


def statistics(stream: PackedStream, losses: Mapping[str, float] | None = None) -> Statistics:
    """The statistics of a stream, all of which is read.

    Args:
      stream: the stream.
      losses: cluster to mean loss per target token, if a run has been trained on the stream.
    """
    of_clusters = np.zeros((len(stream.manifest.clusters), 3))  # examples, tokens, weights
    cluster_of = np.asarray(stream.manifest.cluster_of_task)
    used, prompts, responses = [], [], []
    for sequence in _sequences(stream):
        np.add.at(of_clusters, cluster_of[sequence.tasks], _amounts(sequence))
        used.append(len(sequence.tokens))
        prompts.append(sequence.prompt_lengths)
        responses.append(sequence.response_lengths)
    examples, _, learned = of_clusters.sum(0)
    return Statistics(
        sequences=len(stream),
        length=stream.manifest.sequence_length,
        tokens=sum(used),
        examples=int(examples),
        learned=float(learned),
        fullest=max(used),
        emptiest=min(used),
        prompts=histogram(np.concatenate(prompts)),
        responses=histogram(np.concatenate(responses)),
        shares=_shares(stream, of_clusters, losses or {}),
    )


def histogram(lengths: np.ndarray) -> tuple[Bin, ...]:
    """A histogram with bins at powers of two, from the shortest to the longest length."""
    powers = np.ceil(np.log2(np.maximum(lengths, 1))).astype(int)
    counts = np.bincount(powers)
    return tuple(
        Bin(2 ** (power - 1) + 1 if power else 1, 2**power, int(counts[power]))
        for power in range(powers.min(), len(counts))
    )


def _sequences(stream: PackedStream) -> Iterator[PackedSequence]:
    for start in range(0, len(stream), _READ_AT_ONCE):
        yield from stream.sequences(range(start, min(start + _READ_AT_ONCE, len(stream))))


def _amounts(sequence: PackedSequence) -> np.ndarray:
    """For each example 1, its number of tokens, and the sum of its targets' weights; float [examples, 3]."""
    first_response = np.concatenate([[0], np.cumsum(sequence.response_counts)[:-1]])
    targets = np.add.reduceat(sequence.response_lengths, first_response)
    weights = targets
    if sequence.weights is not None:
        weights = np.add.reduceat(sequence.weights, np.concatenate([[0], np.cumsum(targets)[:-1]]))
    return np.stack([np.ones(len(targets)), sequence.prompt_lengths + targets, weights], axis=1)


def _shares(stream: PackedStream, of_clusters: np.ndarray, losses: Mapping[str, float]) -> tuple[Share, ...]:
    names, shares = stream.manifest.clusters, of_clusters / of_clusters.sum(0)
    planned = _planned(stream)
    nats = None
    if all(name in losses for name in names):
        by_cluster = of_clusters[:, 2] * [losses[name] for name in names]
        nats = by_cluster / by_cluster.sum()
    return tuple(
        Share(
            cluster=name,
            examples=examples,
            planned=planned[place] if planned else None,
            tokens=tokens,
            learned=learned,
            loss=None if nats is None else float(nats[place]),
        )
        for place, (name, (examples, tokens, learned)) in enumerate(zip(names, shares.tolist()))
    )


def _planned(stream: PackedStream) -> Sequence[float] | None:
    """The sum of the mixing rates of each cluster's tasks."""
    rates = stream.manifest.recipe.get('rates')
    if rates is None:
        return None
    planned = np.zeros(len(stream.manifest.clusters))
    np.add.at(planned, stream.manifest.cluster_of_task, [rates[task] for task in stream.manifest.tasks])
    return (planned / planned.sum()).tolist()
