"""Files with the keys of Stanford Alpaca, such as GPT-4-LLM's."""

from collections.abc import Mapping
from typing import Any

from flan_jax.data.example_files import ExampleError
from flan_jax.data.instruction_files.conversation import Conversation, text_of

KEYS = 'instruction, input, output; optional: history, a list of [question, answer], and system'


def read(where: str, row: Mapping[str, Any]) -> Conversation:
    """The conversation of a row; raises ExampleError."""
    history = row.get('history') or []
    if not isinstance(history, list) or not all(_is_pair(pair) for pair in history):
        raise ExampleError(f'{where}: history={history!r} is not a list of [question, answer]')
    return Conversation(
        text_of(where, row, 'instruction'),
        text_of(where, row, 'output'),
        input=text_of(where, row, 'input', default=''),
        system=text_of(where, row, 'system', default=''),
        history=tuple(text for pair in history for text in pair),
    )


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
