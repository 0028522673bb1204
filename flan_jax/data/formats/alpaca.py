"""Stanford Alpaca's format (Taori et al. 2023): a frame around an instruction, with or without an input."""

import dataclasses
import re

from flan_jax.data.formats.format import PromptFormat

_WITHOUT_INPUT = (
    'Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n'
    '### Instruction:\n{input}\n\n### Response:'
)

_WITH_INPUT = (
    'Below is an instruction that describes a task, paired with an input that provides further context. '
    'Write a response that appropriately completes the request.\n\n'
    '### Instruction:\n{instruction}\n\n### Input:\n{context}\n\n### Response:'
)


@dataclasses.dataclass(frozen=True)
class Alpaca(PromptFormat):
    """Sections with headings; the answer directly follows the last heading and ends with EOS."""

    prompt = _WITHOUT_INPUT
    response = '{target}{eos}'
    exemplar = prompt + response + '\n\n'

    def prompt_text(self, question: str, context: str) -> str:
        instruction = question.removesuffix(context).rstrip()
        if not context or not instruction:
            return super().prompt_text(question, '')
        return _WITH_INPUT.format(instruction=instruction, context=context)


_PROMPTS = [
    re.compile(re.sub(r'\\\{\w+\\\}', '(.*?)', re.escape(template)), re.DOTALL)
    for template in (_WITH_INPUT, _WITHOUT_INPUT)
]


def unwrapped(text: str) -> tuple[str, str] | None:
    """Instruction and input ('' for none) of a prompt in Alpaca's format; None for any other text."""
    found = next((match for pattern in _PROMPTS if (match := pattern.fullmatch(text.strip()))), None)
    return (found.group(1), found.group(2) if found.re.groups > 1 else '') if found else None
