"""FLAN's format: EOS ends inputs and targets, those of exemplars too (FLAN, sections 2.4 and 4.4)."""

import dataclasses

from flan_jax.data.formats.format import PromptFormat


@dataclasses.dataclass(frozen=True)
class Flan(PromptFormat):
    """x EOS y EOS; exemplars are whole examples that stand before."""

    prompt = '{input}{eos}'
    response = '{target}{eos}'
    exemplar = '{input}{eos}{target}{eos}'
