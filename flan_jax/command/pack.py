"""flan-jax pack: write the stream of packed sequences that a run learns from."""

import contextlib
from collections.abc import Mapping

from flan_jax.command.reference import write_reference
from flan_jax.command.start import start
from flan_jax.command.tables import counted
from flan_jax.progress import CONSOLE, Advance, bar
from flan_jax.run import Run


def main(arguments: list[str]) -> None:
    """Packs the stream of the run that the arguments describe.

    --reference also writes the log-probabilities of the run's reference model, --reference=CHECKPOINT those of another
    model.
    """
    named = [argument for argument in arguments if argument.partition('=')[0] == '--reference']
    run, _ = start('pack', [argument for argument in arguments if argument not in named])
    stream = pack(run)
    if named:
        write_reference(run, stream, named[-1].partition('=')[2] or None)


def pack(run: Run):
    """Writes a run's stream unless it exists; returns the opened stream."""
    import jax

    from flan_jax.distributed import processes
    from flan_jax.distributed.preemption import interruptible
    from flan_jax.packing.pack import write_stream
    from flan_jax.packing.stream import PackedStream

    advance: Advance | None = None  # no progress bar if the stream exists
    with interruptible() as check, contextlib.ExitStack() as shown:

        def packed(sequences: int) -> None:
            nonlocal advance
            check('stopped packing; sequences on disk are kept (in a bucket, none are kept)')
            if not sequences:
                return
            advance = advance or shown.enter_context(bar('packing sequences', run.num_sequences))
            advance(sequences)

        folder = processes.first_does(
            'pack',
            lambda: write_stream(
                run.data, run.stream, run.num_sequences, packed, run.prompt_format, run.objective.ranked
            ),
        )
    stream = PackedStream(folder)
    reused = advance is None and jax.process_index() == 0  # only the first process packs
    made = 'existing stream' if reused else 'stream'
    CONSOLE.print(f'{made}: {folder}, {counted(len(stream), "sequence")}, density {stream.manifest.density:.3f}')
    if stream.manifest.cuts:
        CONSOLE.print(cut_summary(stream.manifest.cuts, stream.manifest.num_epochs))
    return stream


def cut_summary(cuts: Mapping[str, Mapping[str, int]], epochs: int | None = None) -> str:
    """A sentence about how many examples were cut, and one about the tasks of which some were dropped.

    Args:
      cuts: counts by task.
      epochs: how often every example was read, if the stream has whole epochs; each time is counted.
    """
    total = {name: sum(of_task[name] for of_task in cuts.values()) for name in next(iter(cuts.values()))}
    dropped = ', '.join(f'{of_task["dropped"]} of {task}' for task, of_task in cuts.items() if of_task['dropped'])
    each = f' ({total["examples"] // epochs:,} in each of {epochs} epochs)' if epochs else ''
    return (
        f'{total["examples"]:,} examples{each}: {total["shortened"]:,} with a shortened long field, '
        f'{total["targets_cut"]:,} with a truncated target ({total["target_tokens_cut"]:,} of '
        f'{total["target_tokens"]:,} target tokens), {total["dropped"]:,} skipped because they do not fit '
        f'Stream.input_length{": " * bool(dropped)}{dropped}'
    )
