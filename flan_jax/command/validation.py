"""The validation loss of a run: checks that there are validation examples, and makes their batches."""

from flan_jax.progress import CONSOLE
from flan_jax.run import Run


def check_validation(run: Run) -> None:
    """Raises MissingDataError if no dataset has validation examples; prints which datasets have none."""
    if run.validation_loss is None:
        return
    from flan_jax.data.mixtures import tuning_mixture
    from flan_jax.data.source import MissingDataError
    from flan_jax.packing.validation import validated_tasks

    validated, others = validated_tasks(tuning_mixture(run.data, run.prompt_format))
    if not validated:
        raise MissingDataError(
            f'{", ".join(others)}: no validation examples, which Run.validation_loss=@ValidationLoss() needs; '
            'prepare them (`flan-jax data prepare NAME --from train=FILE validation=FILE`), or set '
            'Run.validation_loss = None'
        )
    if others:
        CONSOLE.print(
            f'{", ".join(others)}: no validation examples; the validation loss is computed on the other datasets'
        )


def loss_of(run: Run, training, program, stream):
    """Measures the validation loss of a run during training; None if the run measures none.

    Args:
      run: its settings.
      training: its training settings, with the number of steps.
      program: the training program.
      stream: the training stream.
    """
    if run.validation_loss is None:
        return None
    from flan_jax.command.reference import batch_size_of
    from flan_jax.data.mixtures import tuning_mixture
    from flan_jax.packing.validation import validation_batches
    from flan_jax.training.validation_loss import HeldOutLoss

    mixture, asked = tuning_mixture(run.data, run.prompt_format), run.validation_loss
    batches = validation_batches(mixture, run.stream, stream.manifest, asked.examples, batch_size_of(run))
    return HeldOutLoss(program, batches, stream.manifest, asked.every, training.num_steps)
