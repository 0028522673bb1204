"""An instruction with the end of Alpaca's format alone: variant B of the Instruction Following Score's prompts.

AlShikh et al. (2023, table 6) ask base models in three ways: in Alpaca's whole wrapper (A, the format Alpaca), with its
last heading only (B, this one), and with nothing (C, the format Plain).
"""

import dataclasses

from flan_jax.data.formats.format import PromptFormat


@dataclasses.dataclass(frozen=True)
class ResponseSuffix(PromptFormat):
    """The instruction, a blank line, and a heading, which the answer follows at once."""

    prompt = '{input}\n\n### Response:'
    response = '{target}{eos}'
    exemplar = prompt + response + '\n\n'
