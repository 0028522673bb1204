"""Packing compared with SeqIO's: density and tokens per second on the same mixture, in one run.

    TF_CPP_MIN_LOG_LEVEL=3 TFDS_DATA_DIR=DIR python benchmarks/packing.py [--rows=1024] [--repeats=3]

Both restart in every repetition and read the same prepared datasets with the same templates, vocabulary and rates;
datasets that are not prepared are skipped. SeqIO packs into sequences of inputs + targets = 1,280 tokens; ours is
measured at that length and at its default of 2,048. Tokens per second are given without and with the start-up time.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import seqio

from flan_jax import catalogue
from flan_jax.command.quiet import import_tensorflow
from flan_jax.data.mixtures import tuning_mixture
from flan_jax.data.settings import Data
from flan_jax.packing.pack import packed_sequences
from flan_jax.packing.settings import Stream

LENGTHS = {'inputs': 1024, 'targets': 256}


def our_rows(mixture, sequence_length: int, num_sequences: int) -> Iterator[int]:
    """Tokens in each row of our packing."""
    settings = Stream(sequence_length=sequence_length)
    return (len(row.tokens) for row in packed_sequences(mixture, settings, num_sequences))


def seqio_rows(mixture, num_sequences: int) -> Iterator[int]:
    """Tokens in each row of SeqIO's packing for a decoder."""
    converter = seqio.PrefixLMFeatureConverter(pack=True)
    examples = mixture.seqio.get_dataset(LENGTHS, split='train', shuffle=True, seed=0, num_epochs=None)
    rows = converter(examples, task_feature_lengths=LENGTHS).take(num_sequences)
    return (int(np.count_nonzero(row['decoder_segment_ids'])) for row in rows.as_numpy_iterator())


def measure(make_rows: Callable[[], Iterator[int]], sequence_length: int) -> dict[str, float]:
    """Seconds to the first row, pipelines included; density and tokens per second of the others, and of all in all."""
    start = time.perf_counter()
    rows = make_rows()
    tokens = [next(rows)]
    first = time.perf_counter()
    tokens.extend(rows)
    end = time.perf_counter()
    return {
        'start_s': first - start,
        'density': sum(tokens[1:]) / (len(tokens[1:]) * sequence_length),
        'tokens_per_s': sum(tokens[1:]) / (end - first),
        'tokens_per_s_with_start': sum(tokens) / (end - start),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rows', type=int, default=1024)
    parser.add_argument('--repeats', type=int, default=3)
    options = parser.parse_args()
    import_tensorflow()
    catalogue.load()
    mixture = tuning_mixture(Data(tfds_data_dir=os.environ['TFDS_DATA_DIR'], allow_missing=True))
    peers = {
        'SeqIO, 1,280': (lambda: seqio_rows(mixture, options.rows), 1280),
        'flan_jax, 1,280': (lambda: our_rows(mixture, 1280, options.rows), 1280),
        'flan_jax, 2,048': (lambda: our_rows(mixture, 2048, options.rows), 2048),
    }
    runs = {name: [] for name in peers}
    for _ in range(options.repeats):
        for name, (rows, sequence_length) in peers.items():
            runs[name].append(measure(rows, sequence_length))
            print(name, runs[name][-1], flush=True)
    print(f'\n{len(mixture.seqio.tasks)} tasks, {options.rows} rows, medians of {options.repeats}')
    for name, found in runs.items():
        medians = {figure: statistics.median(run[figure] for run in found) for figure in found[0]}
        print(
            f'{name:<17} density {medians["density"]:.4f}  {medians["tokens_per_s"]:>9,.0f} tokens/s  '
            f'start {medians["start_s"]:.1f} s  {medians["tokens_per_s_with_start"]:>9,.0f} tokens/s with it'
        )


if __name__ == '__main__':
    main()
