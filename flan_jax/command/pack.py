"""flan-jax pack: write the stream of packed sequences that a run learns from."""

from flan_jax.progress import CONSOLE, bar
from flan_jax.run import Run


def pack(experiment: Run):
    """Writes the stream unless it is there; returns it, opened."""
    from flan_jax.distributed import processes
    from flan_jax.packing.pack import write_stream
    from flan_jax.packing.stream import PackedStream

    with bar('packing rows', experiment.num_sequences) as advance:
        folder = processes.first_does(
            'pack', lambda: write_stream(experiment.data, experiment.stream, experiment.num_sequences, advance)
        )
    stream = PackedStream(folder)
    CONSOLE.print(f'stream: {folder}, {len(stream)} rows, density {stream.manifest.density:.3f}')
    return stream
