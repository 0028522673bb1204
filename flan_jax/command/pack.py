"""flan-jax pack: write the stream of packed sequences that a run learns from."""

from flan_jax.command.start import start
from flan_jax.progress import CONSOLE, bar
from flan_jax.run import Run


def main(arguments: list[str]) -> None:
    """Packs the stream of the run that the arguments describe."""
    run, _ = start('pack', arguments)
    pack(run)


def pack(run: Run):
    """Writes a run's stream unless it is there; returns it, opened."""
    from flan_jax.distributed import processes
    from flan_jax.packing.pack import write_stream
    from flan_jax.packing.stream import PackedStream

    with bar('packing sequences', run.num_sequences) as advance:
        folder = processes.first_does(
            'pack', lambda: write_stream(run.data, run.stream, run.num_sequences, advance, run.prompt_format)
        )
    stream = PackedStream(folder)
    CONSOLE.print(f'stream: {folder}, {len(stream)} sequences, density {stream.manifest.density:.3f}')
    return stream
