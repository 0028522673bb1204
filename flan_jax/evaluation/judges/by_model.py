"""Local models as judges: a reward model rates answers, a language model names the better of two."""

from etils import epath

from flan_jax.evaluation.judges.likelihood import LikelihoodJudge
from flan_jax.evaluation.judges.reward import RewardJudge
from flan_jax.inference.loaded import LoadedModel
from flan_jax.loaded_model import vocabulary_and_format
from flan_jax.model.value_head import VALUE_HEAD

ModelJudge = LikelihoodJudge | RewardJudge


def judge_of(model: LoadedModel, batch_tokens: int, name: str) -> ModelJudge:
    """A `RewardJudge` if the model has a value head, otherwise a `LikelihoodJudge`.

    Args:
      model: the judge.
      batch_tokens: tokens in a batch.
      name: name of the judge in records.

    Raises:
      UserError: for a checkpoint of PPO, whose value head does not give rewards.
    """
    if VALUE_HEAD not in model.params:
        return LikelihoodJudge(model, batch_tokens, name)
    model.require_value_head()
    return RewardJudge(model, batch_tokens, name)


def require_judge(folder: epath.PathLike) -> None:
    """Raises UserError, before hours of work, if a folder does not hold a model with its vocabulary."""
    vocabulary_and_format(folder)
