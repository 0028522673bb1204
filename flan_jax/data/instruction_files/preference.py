"""Pairs of answers of which one is preferred; the chosen one is the response, the rejected one is kept beside it."""

from collections.abc import Mapping
from typing import Any

from flan_jax.data.example_files import ExampleError
from flan_jax.data.instruction_files.conversation import ASSISTANT, Conversation, conversation_of, text_of

KEYS = 'prompt, chosen, rejected; a prompt may be a list of messages (also called conversations), an answer a message'


def read(where: str, row: Mapping[str, Any]) -> Conversation:
    """The conversation of a row; raises ExampleError."""
    prompt = row.get('prompt', row.get('conversations'))
    if isinstance(prompt, str):
        prompt = [{'role': 'user', 'content': prompt}]
    if not isinstance(prompt, list):
        raise ExampleError(f'{where}: expected {KEYS}; the keys are {", ".join(map(str, row)) or "none"}')
    chosen, rejected = (_answer(where, row, key, len(prompt)) for key in ('chosen', 'rejected'))
    if chosen == rejected:
        raise ExampleError(f'{where}: chosen and rejected are the same')
    return conversation_of(where, [*prompt, {'role': ASSISTANT, 'content': chosen}], rejected=(rejected,))


def _answer(where: str, row: Mapping[str, Any], key: str, after: int) -> str:
    """The text of an answer: a text, a message, or the whole dialogue with the answer as its last message."""
    answer = row.get(key)
    if isinstance(answer, list) and len(answer) in (1, after + 1):
        answer = answer[-1]
    if isinstance(answer, Mapping):
        return text_of(f'{where}, {key}', answer, 'value' if 'value' in answer else 'content')
    return text_of(where, row, key)
