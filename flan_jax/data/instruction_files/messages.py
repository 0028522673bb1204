"""Dialogues as lists of messages: {"role", "content"} as in OpenAI's and Hugging Face's, or ShareGPT's keys."""

from collections.abc import Mapping
from typing import Any

from flan_jax.data.example_files import ExampleError
from flan_jax.data.instruction_files.conversation import Conversation, conversation_of

KEYS = 'messages, a list of {role, content}; or conversations, a list of {from, value}'


def read(where: str, row: Mapping[str, Any]) -> Conversation:
    """The conversation of a row; raises ExampleError."""
    key = 'messages' if 'messages' in row else 'conversations'
    messages = row.get(key)
    if not isinstance(messages, list):
        raise ExampleError(f'{where}: expected {KEYS}; the keys are {", ".join(map(str, row)) or "none"}')
    return conversation_of(where, messages)
