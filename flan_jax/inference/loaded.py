"""A model ready for scoring and generation."""

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
        """A vocabulary of `size` tokens; `eos_id` ends answers, -1 for none."""
        self._size, self._eos_id = size, eos_id

    def __len__(self) -> int:
        return self._size

    @property
    def eos_id(self) -> int:
        return self._eos_id


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """A model with everything needed to use it; `flan_jax.loaded_model.load` makes one from a checkpoint.

    Attributes:
      config: the decoder.
      params: its parameters, including those of an adapter or a soft prompt.
      vocabulary: text to token ids and back.
      prompt_format: the text before, between and after the parts of a prompt.
      execution: how to compute.
      placement: the devices of batches.
      metadata: metadata of the checkpoint.
      prompts: names of the soft prompts, if there is one for each of several tasks; see `of_task`.
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
        """The model with the soft prompt of one task; the model itself if it has no soft prompts per task.

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
        """Length in tokens of the longest text that the model can read."""
        return decoder.max_length(self.config, self.params)

    def note_length(self, tokens: int) -> None:
        """Prints a warning, once, if a text of this many tokens is longer than the model was trained on."""
        trained = self.config.trained_length
        if tokens + decoder.prompt_length(self.params) > trained:
            say_once(
                f'texts may become longer than the {trained:.0f} tokens that the model was trained on '
                '(Rotary.trained_length, max_position_embeddings in config.json): what it makes of them may be worse'
            )

    def require_language_model(self) -> None:
        """Raises UserError unless the model can score options and generate.

        A reward model has learned to rate responses, not to generate them. A model with a soft prompt per task needs a
        choice of one first.
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
        """Raises UserError for a model without a value head, or whose head is PPO's value function."""
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
        """A context in which programs are compiled for the model's devices."""
        mesh = self.placement.mesh
        return contextlib.nullcontext() if mesh is None else jax.set_mesh(mesh)
