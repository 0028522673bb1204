"""Rewards of answers for reinforcement learning: by a scorer of texts, or by a reward model."""

from collections.abc import Sequence

from etils import epath

from flan_jax.data.formats.format import PromptFormat
from flan_jax.distributed.mesh import Parallelism
from flan_jax.errors import UnknownName, UserError
from flan_jax.evaluation.samples import Answered
from flan_jax.evaluation.scorers import SCORERS
from flan_jax.inference.rewards import RewardModel
from flan_jax.loaded_model import load
from flan_jax.packing.example import Example
from flan_jax.rollouts.rollout import Reward
from flan_jax.tokenizers.vocabulary import Vocabulary


def reward_called(
    name: str, vocabulary: Vocabulary, prompt_format: PromptFormat, parallelism: Parallelism, batch_tokens: int
) -> Reward:
    """The reward function by a scorer's name or a reward model's folder; the latter reads the sampled tokens.

    Raises:
      UnknownName: for a name that is neither.
      UserError: for a reward model of another vocabulary or prompt format, or a language model.
    """
    if name in SCORERS:
        scorer = SCORERS[name]
        return lambda answered, examples: [scorer(found) for found in answered]
    if not epath.Path(name).is_dir():
        raise UnknownName('reward', name, [*SCORERS, 'the folder of a reward model'])
    model = load(name, parallelism=parallelism, vocabulary=str(vocabulary.path))
    if model.vocabulary.fingerprint != vocabulary.fingerprint:
        raise UserError(
            f'Ppo.reward={name!r} has another vocabulary than the run; use a reward model with the '
            'VOCABULARY of the run'
        )
    if model.prompt_format.recipe != prompt_format.recipe:
        raise UserError(
            f'Ppo.reward={name!r} was tuned with the prompt format {model.prompt_format.recipe}, but would rate '
            f'answers in the format {prompt_format.recipe}; set Run.prompt_format to that of the reward model, or '
            'tune a reward model with this format'
        )
    judge = RewardModel(model, batch_tokens)

    def rewards(answered: Sequence[Answered], examples: Sequence[Example]) -> list[list[float]]:
        return [list(map(float, found)) for found in judge.rewards(examples)]

    return rewards
