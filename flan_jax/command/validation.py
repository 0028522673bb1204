"""The validation loss of a run: which examples it is of, refused before work starts where there are none."""

from flan_jax.progress import CONSOLE
from flan_jax.run import Run


def check_validation(run: Run) -> None:
    """Raises MissingDataError where no dataset has validation examples; says which have none."""
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
    """What measures the validation loss of a run while it is trained; None where none is asked for.

    Args:
      run: its settings.
      training: those of training, with its number of steps.
      program: what trains.
      stream: what is trained on.
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
