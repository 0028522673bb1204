"""What stock chat templates make of messages, written down by hand: templates of the same text, and that text.

Only what concerns system, user and assistant is written down; tools are left out.
"""

import dataclasses
import pathlib

from flan_jax.data.formats.dialogue import Dialogue


@dataclasses.dataclass(frozen=True)
class Stock:
    """A stock template.

    Attributes:
      special_tokens: of its tokenizer, as templates name them.
      tokens: further special tokens that it writes.
      dialogue: two questions and answers.
      segments: its text, what is read and what is learned in turn.
    """

    special_tokens: dict[str, str]
    tokens: tuple[str, ...]
    dialogue: Dialogue
    segments: tuple[str, str, str, str]


def text_of(name: str) -> str:
    """The Jinja text of a template."""
    return (pathlib.Path(__file__).parent / f'{name}.jinja').read_text()


BRIEF = Dialogue('And?', 'Bob.', ('Who?', 'Ann.'), system='Be brief.')
BARE = Dialogue('And?', 'Bob.', ('Who?', 'Ann.'))

_HEADER = '<|start_header_id|>{}<|end_header_id|>\n\n'.format

STOCK = {
    'llama3.1': Stock(
        {'bos_token': '<|begin_of_text|>', 'eos_token': '<|eot_id|>'},
        ('<|start_header_id|>', '<|end_header_id|>'),
        BRIEF,
        (
            f'<|begin_of_text|>{_HEADER("system")}Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n'
            f'Be brief.<|eot_id|>{_HEADER("user")}Who?<|eot_id|>{_HEADER("assistant")}',
            'Ann.<|eot_id|>',
            f'{_HEADER("user")}And?<|eot_id|>{_HEADER("assistant")}',
            'Bob.<|eot_id|>',
        ),
    ),
    'qwen2.5': Stock(
        {'eos_token': '<|im_end|>'},
        ('<|im_start|>',),
        BARE,
        (
            '<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n'
            '<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n',
            'Ann.<|im_end|>',
            '\n<|im_start|>user\nAnd?<|im_end|>\n<|im_start|>assistant\n',
            'Bob.<|im_end|>',
        ),
    ),
    'qwen3': Stock(
        {'eos_token': '<|endoftext|>'},
        ('<|im_start|>', '<|im_end|>'),
        BRIEF,
        (
            '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n',
            'Ann.<|im_end|>',
            '\n<|im_start|>user\nAnd?<|im_end|>\n<|im_start|>assistant\n',
            '<think>\n\n</think>\n\nBob.<|im_end|>',
        ),
    ),
    'gemma2': Stock(
        {'bos_token': '<bos>', 'eos_token': '<eos>'},
        ('<start_of_turn>', '<end_of_turn>'),
        BARE,
        (
            '<bos><start_of_turn>user\nWho?<end_of_turn>\n<start_of_turn>model\n',
            'Ann.<end_of_turn>',
            '\n<start_of_turn>user\nAnd?<end_of_turn>\n<start_of_turn>model\n',
            'Bob.<end_of_turn>',
        ),
    ),
    'mistral': Stock(
        {'bos_token': '<s>', 'eos_token': '</s>'},
        ('[INST]', '[/INST]'),
        BARE,
        ('<s>[INST] Who?[/INST]', ' Ann.</s>', '[INST] And?[/INST]', ' Bob.</s>'),
    ),
    'olmo2': Stock(
        {'bos_token': '<|endoftext|>', 'eos_token': '<|endoftext|>'},
        (),
        BRIEF,
        (
            '<|endoftext|><|system|>\nBe brief.\n<|user|>\nWho?\n<|assistant|>\n',
            'Ann.<|endoftext|>',
            '\n<|user|>\nAnd?\n<|assistant|>\n',
            'Bob.<|endoftext|>',
        ),
    ),
}
