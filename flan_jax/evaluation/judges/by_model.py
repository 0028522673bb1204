"""The judge that a model of ours is: a reward model rates answers, a language model names the better of two."""

from etils import epath

from flan_jax.evaluation.judges.likelihood import LikelihoodJudge
from flan_jax.evaluation.judges.reward import RewardJudge
from flan_jax.inference.loaded import LoadedModel
from flan_jax.loaded_model import vocabulary_and_format
from flan_jax.model.value_head import VALUE_HEAD

ModelJudge = LikelihoodJudge | RewardJudge


def judge_of(model: LoadedModel, batch_tokens: int, name: str) -> ModelJudge:
    """A `RewardJudge` where the model has a scalar head, a `LikelihoodJudge` otherwise.

    Args:
      model: the judge.
      batch_tokens: tokens scored at a time.
      name: what the records call it.

    Raises:
      UserError: for a checkpoint of PPO, whose scalar head gives no rewards.
    """
    if VALUE_HEAD not in model.params:
        return LikelihoodJudge(model, batch_tokens, name)
    model.require_value_head()
    return RewardJudge(model, batch_tokens, name)


def require_judge(folder: epath.PathLike) -> None:
    """Raises UserError where a folder holds no model with its vocabulary: before hours go into what it will judge."""
    vocabulary_and_format(folder)
