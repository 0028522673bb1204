"""The reference model of a run, for objectives such as DPO that need its log-probabilities."""

import contextlib

from etils import epath

from flan_jax.command.starting_weights import require_whole
from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE
from flan_jax.run import Run


def reference_stream(run: Run, program, stream):
    """The stream with the reference model's log-probabilities, and the reference model.

    Raises:
      StreamError: if the run resumes from a checkpoint that was trained with another reference.
    """
    from flan_jax.packing.stream import StreamError
    from flan_jax.training.reference import with_reference

    folder = _reference_folder(run)
    model = _model(run, program, folder)
    before = reference_before(run.model_dir)
    if before not in (None, model.fingerprint):
        raise StreamError(
            f'{run.model_dir} was trained with the reference model {before}; {folder} and '
            f'Training.dtype={run.training.dtype!r} give {model.fingerprint} now; restore these settings, or '
            'choose another MODEL_DIR'
        )
    found = with_reference(stream, model, batch_size_of(run))
    CONSOLE.print(f'reference model: {model.fingerprint}, stream {stream.manifest.fingerprint}')
    return found, model


def reference_before(model_dir: epath.PathLike) -> str | None:
    """The reference model's fingerprint in the newest checkpoint that has one; None if none does.

    Damaged checkpoints are skipped without a message: restoring reports them, and uses an earlier one.
    """
    from flan_jax.training import checkpoints

    for folder in reversed(checkpoints.folders(model_dir)):
        with contextlib.suppress(checkpoints.CheckpointError):
            return checkpoints.metadata(folder).get('reference')
    return None


def write_reference(run: Run, stream, checkpoint: epath.PathLike | None) -> None:
    """Writes the log-probabilities of a checkpoint beside a run's stream.

    Args:
      run: the run.
      stream: its stream.
      checkpoint: the reference model; None for the run's own.

    Raises:
      UserError: if the run's objective reads one response to each prompt, or the checkpoint is of another decoder.
    """
    from flan_jax.distributed.mesh import make_mesh
    from flan_jax.loaded_model import checkpoint_in
    from flan_jax.training.program import training_program
    from flan_jax.training.reference import with_reference

    if not run.objective.ranked:
        raise UserError(
            '--reference only applies to objectives that rank responses; '
            f'Run.objective=@{type(run.objective).__name__}() uses one response per prompt'
        )
    folder = checkpoint_in(checkpoint) if checkpoint else _reference_folder(run)
    if folder:
        require_whole('--reference' if checkpoint else 'INITIAL_CHECKPOINT_PATH', folder, run)
    mesh = make_mesh(run.parallelism)
    training = run.training.over(len(stream))
    program = training_program(run.model, run.objective, run.tuning, training, mesh, stream.manifest.clusters)
    model = _model(run, program, folder)
    with_reference(stream, model, batch_size_of(run))
    CONSOLE.print(f'reference: {folder or "fresh weights"}, model {model.fingerprint}, in {stream.folder}')
    if checkpoint:
        name = type(run.objective).__name__ if run.objective.needs_reference else 'Dpo'
        CONSOLE.print(f'to use it, set in the run {name}.reference = {str(checkpoint)!r}')


def _reference_folder(run: Run) -> epath.PathLike | None:
    """The checkpoint of a run's reference model; None for randomly initialised weights."""
    from flan_jax.loaded_model import checkpoint_in

    return checkpoint_in(run.objective.reference) if run.objective.reference else run.initial_checkpoint


def _model(run: Run, program, folder: epath.PathLike | None):
    from flan_jax.training.initial import base_weights
    from flan_jax.training.reference import reference_of

    return reference_of(program, base_weights(run.model, folder, run.training.seed))


def batch_size_of(run: Run) -> int:
    """The number of sequences in a microbatch of training, which is known to fit in memory."""
    return run.training.batch_size // run.training.microbatches


def held_out_of(run: Run, training, program, stream, reference):
    """Measures the accuracy on held-out rankings during training; None if the objective or the data has no rankings.

    Args:
      run: its settings.
      training: its training settings, with the number of steps.
      program: the training program.
      stream: the training stream.
      reference: the reference model; None if the objective needs none.
    """
    from flan_jax.data.mixtures import tuning_mixture
    from flan_jax.packing.held_out import held_out_batches
    from flan_jax.training.held_out_rankings import HeldOut, HeldOutRankings

    if not run.objective.ranked:
        return None
    mixture = tuning_mixture(run.data, run.prompt_format, ranked=True)
    batches = held_out_batches(mixture, run.stream, stream.manifest, batch_size_of(run))
    held_out = HeldOut(batches, stream.manifest, training, run.model_dir)
    return HeldOutRankings(program, held_out, reference) if batches else None
