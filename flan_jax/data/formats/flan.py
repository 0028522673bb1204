"""FLAN's format: inputs and targets, also those of exemplars, end with EOS (FLAN, sections 2.4 and 4.4)."""

import dataclasses

from flan_jax.data.formats.format import PromptFormat


@dataclasses.dataclass(frozen=True)
class Flan(PromptFormat):
    """x EOS y EOS; exemplars are complete examples before it."""

    prompt = '{input}{eos}'
    response = '{target}{eos}'
    exemplar = '{input}{eos}{target}{eos}'
