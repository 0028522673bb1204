"""Checks of the checkpoints that a run starts from, or uses as a reference model, before any work starts."""

from etils import epath

from flan_jax.errors import UserError
from flan_jax.objectives.ppo import Ppo
from flan_jax.run import Run


def check_weights(run: Run) -> None:
    """Raises UserError if the initial checkpoint or the reference model of a run does not fit its objective."""
    from flan_jax.loaded_model import checkpoint_in

    objective, reference = type(run.objective).__name__, run.objective.reference
    if run.initial_checkpoint:
        heads = run.objective.needs_values and not run.tuning.freezes_base and not isinstance(run.objective, Ppo)
        require_whole('INITIAL_CHECKPOINT_PATH', run.initial_checkpoint, run, heads)
    if reference:
        require_whole(f'{objective}.reference', checkpoint_in(reference), run)


def require_whole(setting: str, folder: epath.PathLike, run: Run, head_fits: bool = False) -> None:
    """Raises UserError unless a checkpoint has all weights, and a scalar head only if that fits."""
    from flan_jax.model.value_head import VALUE_HEAD, trained_by_ppo
    from flan_jax.training import checkpoints
    from flan_jax.tuning.lora import Lora
    from flan_jax.tuning.tuning import tuning_from_plain

    metadata = checkpoints.metadata(folder)
    tuning = tuning_from_plain(metadata.get('tuning') or {'type': 'Full'})
    if tuning.freezes_base:
        advice = 'merge it into that by `flan-jax adapter merge`' if isinstance(tuning, Lora) else 'use that model'
        raise UserError(
            f'{setting}={str(folder)!r} has only what {type(tuning).__name__} trained beside the base model '
            f'{metadata.get("base")!r}; {advice}'
        )
    has_head = VALUE_HEAD in checkpoints.parameter_metadata(folder)
    if has_head and trained_by_ppo(metadata):
        raise UserError(
            f'{setting}={str(folder)!r} is a checkpoint of PPO with its value function; name MODEL_DIR/policy for the '
            'language model, or the reward model of that run'
        )
    if has_head and not head_fits:
        raise UserError(
            f'{setting}={str(folder)!r} is a reward model, which Run.objective=@Reward() tunes with '
            f'Run.tuning=@Full(), and @{type(run.objective).__name__}() with @{type(run.tuning).__name__}() cannot; '
            'name a checkpoint of a language model'
        )
