"""Stand-in until the inference room's LoadedModel lands."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from flan_jax.data.formats.format import PromptFormat
from flan_jax.distributed.placement import Placement
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params
from flan_jax.tokenizers.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """What answering takes."""

    config: DecoderConfig
    params: Params
    vocabulary: Vocabulary
    prompt_format: PromptFormat
    execution: Execution
    placement: Placement
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)
