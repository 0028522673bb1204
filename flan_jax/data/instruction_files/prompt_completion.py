"""A prompt and its completion as texts; with `--keys` also GSM8K (question, answer) and MBPP (text, code)."""

from collections.abc import Mapping
from typing import Any

from flan_jax.data.instruction_files.conversation import Conversation, text_of

KEYS = 'prompt, completion'


def read(where: str, row: Mapping[str, Any]) -> Conversation:
    """The conversation of a row; raises ExampleError."""
    return Conversation(text_of(where, row, 'prompt'), text_of(where, row, 'completion'))
