"""An instruction followed by the end of Alpaca's format: variant B of the Instruction Following Score's prompts.

AlShikh et al. (2023, table 6) prompt base models in three ways: with Alpaca's whole frame (A, the format Alpaca), with
its last heading only (B, this one), and with the bare instruction (C, the format Plain).
"""

import dataclasses

from flan_jax.data.formats.format import PromptFormat


@dataclasses.dataclass(frozen=True)
class ResponseSuffix(PromptFormat):
    """The instruction, a blank line, and a heading, directly followed by the answer."""

    prompt = '{input}\n\n### Response:'
    response = '{target}{eos}'
    exemplar = prompt + response + '\n\n'
