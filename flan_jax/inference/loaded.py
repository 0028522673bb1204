"""A model ready for use: what scoring and generation take."""

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.format import PromptFormat
from flan_jax.distributed.placement import DEFAULT_DEVICE, Placement
from flan_jax.errors import UnknownName, UserError
from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import PROMPT, PROMPT_IDS, Execution, Params
from flan_jax.model.value_head import VALUE_HEAD, trained_by_ppo
from flan_jax.progress import say_once
from flan_jax.tokenizers.vocabulary import Vocabulary


class TokenIds(Vocabulary):
    """A vocabulary without texts, for models that take and give token ids only."""

    bos_id = None
    pad_id = None

    def __init__(self, size: int, eos_id: int = -1):
        """Of `size` tokens, of which `eos_id` ends answers; -1 where none does."""
        self._size, self._eos_id = size, eos_id

    def __len__(self) -> int:
        return self._size

    @property
    def eos_id(self) -> int:
        return self._eos_id


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """A model with all that using it takes; `flan_jax.loaded_model.load` makes one from a checkpoint.

    Attributes:
      config: the decoder.
      params: its parameters, those of an adapter or a soft prompt beside the others.
      vocabulary: text to token ids and back.
      prompt_format: what stands before, between and after the texts of a prompt.
      execution: how to compute.
      placement: where batches lie.
      metadata: what the checkpoint says of itself.
      prompts: names of the soft prompts, where it has one for each of several tasks; see `of_task`.
    """

    config: DecoderConfig
    params: Params
    vocabulary: Vocabulary
    prompt_format: PromptFormat = Flan()
    execution: Execution = Execution()
    placement: Placement = DEFAULT_DEVICE
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    prompts: tuple[str, ...] = ()

    def of_task(self, task: str) -> 'LoadedModel':
        """The model that reads the soft prompt of a task; itself where it has none to choose from.

        Raises:
          UnknownName: for a task without a prompt.
        """
        if not self.prompts:
            return self
        if task not in self.prompts:
            raise UnknownName('soft prompt', task, self.prompts)
        rows = np.flatnonzero(np.asarray(self.params[PROMPT_IDS]) == self.prompts.index(task))
        params = {name: value for name, value in self.params.items() if name != PROMPT_IDS}
        return dataclasses.replace(self, params=params | {PROMPT: self.params[PROMPT][rows]}, prompts=())

    @property
    def max_length(self) -> float:
        """Tokens of the longest text that it can read."""
        return decoder.max_length(self.config, self.params)

    def note_length(self, tokens: int) -> None:
        """Says, once, where a text of so many tokens is longer than the model was trained on."""
        trained = self.config.trained_length
        if tokens + decoder.prompt_length(self.params) > trained:
            say_once(
                f'texts may become longer than the {trained:.0f} tokens that the model was trained on '
                '(Rotary.trained_length, max_position_embeddings in config.json): what it makes of them may be worse'
            )

    def require_language_model(self) -> None:
        """Raises UserError unless it can be asked as it is.

        The weights of a reward model have learned to rate responses, not to give them; where there is a soft prompt for
        each task, one must be chosen before.
        """
        self._require_no_value_function()
        if self.prompts:
            raise UserError(
                f'this model has a soft prompt for each task ({", ".join(self.prompts)}), of which a text reads one; '
                'where none can be chosen by --task or `of_task`, name another model, such as its base'
            )
        if VALUE_HEAD in self.params:
            raise UserError(
                'this is a reward model: it rates responses, and neither answers nor scores options; name a language '
                'model, such as the one that it was tuned from'
            )

    def require_value_head(self) -> None:
        """Raises UserError for a model without a scalar head, or whose head gives no rewards, as PPO's."""
        self._require_no_value_function()
        if VALUE_HEAD not in self.params:
            raise UserError(
                'this is a language model, which has no scalar head to rate responses with; name a run with '
                'Run.objective = @Reward(), or tune one'
            )

    def _require_no_value_function(self) -> None:
        if VALUE_HEAD in self.params and trained_by_ppo(self.metadata):
            raise UserError(
                'this is a checkpoint of PPO, whose scalar head foretells rewards and gives none; name MODEL_DIR/'
                'policy for the language model, or the reward model that it learned from'
            )

    def mesh_context(self) -> contextlib.AbstractContextManager:
        """Within it, what is compiled is laid out over the model's devices."""
        mesh = self.placement.mesh
        return contextlib.nullcontext() if mesh is None else jax.set_mesh(mesh)
