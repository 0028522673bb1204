"""Runs with a soft prompt per task: the check that every task has one, and the validator that stops them early."""

from flan_jax.errors import UnknownName, UserError
from flan_jax.progress import CONSOLE
from flan_jax.run import Run
from flan_jax.tuning.task_prompts import TaskPrompts


def check_prompts(run: Run) -> None:
    """Raises UnknownName unless every task that is tuned on or evaluated has a prompt; says which have no examples."""
    from flan_jax.data.mixtures import tuning_mixture
    from flan_jax.evaluation.selection import named_datasets
    from flan_jax.studies.run_evaluation import evaluates

    assert isinstance(run.tuning, TaskPrompts), 'the only tuning with names of prompts'
    tasks = [task.name for task in tuning_mixture(run.data, run.prompt_format).seqio.tasks]
    asked = [dataset.name for dataset in named_datasets(run.evaluation, run.data.held_out)] if evaluates(run) else []
    for name in (*tasks, *asked):
        if name not in run.tuning.prompt_names:
            raise UnknownName('task of TaskPrompts.tasks', name, run.tuning.prompt_names)
    if without := [name for name in dict.fromkeys(run.tuning.tasks) if name not in tasks]:
        CONSOLE.print(f'{", ".join(without)}: no training examples, so that their prompts stay as they begin')


def validator_of(run: Run, program, stream):
    """The validator that stops the soft prompts of a run; raises MissingDataError without validation examples."""
    from flan_jax.data.mixtures import tuning_mixture
    from flan_jax.data.source import MissingDataError
    from flan_jax.packing.validation import validated_tasks, validation_batches
    from flan_jax.training.prompt_validation import PromptValidator

    if run.tuning.stopping is None:
        raise UserError('TaskPrompts.stopping=None: nothing stops the prompts')
    mixture, examples = tuning_mixture(run.data, run.prompt_format), run.tuning.stopping.examples
    if missing := validated_tasks(mixture)[1]:
        raise MissingDataError(
            f'{", ".join(missing)}: no validation examples, by which prompts stop; prepare them, or leave '
            'TaskPrompts.stopping out'
        )
    size = run.training.batch_size // run.training.microbatches  # what fits in memory
    batches = validation_batches(mixture, run.stream, stream.manifest, examples, size)
    return PromptValidator(program, batches, stream.manifest.tasks)
