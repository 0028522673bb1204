"""Preference pairs: the chosen answer is the response, the rejected one is kept with it.

The first comparisons of GPT-4-LLM (user_input, completion_a, completion_b) can be read directly: a is the better one.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from flan_jax.data.example_files import ExampleError
from flan_jax.data.instruction_files.conversation import (
    USER_INPUT,
    Conversation,
    conversation_with,
    prompt_and_input,
    prompt_messages,
    text_of,
)

KEYS = 'prompt, chosen, rejected; a prompt may be a list of messages (also called conversations), an answer a message'


def read(where: str, row: Mapping[str, Any]) -> Conversation:
    """The conversation of a row, whose answers have scores 1 and 0, or both 0.5 if they are equally good.

    They are equally good if their texts are equal, or the row's `score_chosen` and `score_rejected` are.

    Raises:
      ExampleError: for a row of another form.
    """
    context = ''
    if USER_INPUT in row and 'completion_a' in row:
        asked, context = prompt_and_input(row[USER_INPUT])
        row = {'prompt': asked, 'chosen': row['completion_a'], 'rejected': row.get('completion_b')}
    prompt = prompt_messages(row.get('prompt', row.get('conversations', _shared_messages(row))))
    if not isinstance(prompt, list):
        raise ExampleError(f'{where}: expected {KEYS}; the keys are {", ".join(map(str, row)) or "none"}')
    chosen, rejected = (_answer(where, row, key, len(prompt)) for key in ('chosen', 'rejected'))
    scores = [row.get(key) for key in ('score_chosen', 'score_rejected')]
    tied = chosen == rejected or (None not in scores and scores[0] == scores[1])
    found = conversation_with(where, prompt, [chosen, rejected], [0.5, 0.5] if tied else [1.0, 0.0])
    return dataclasses.replace(found, input=context)


def _shared_messages(row: Mapping[str, Any]) -> list[Any] | None:
    """The messages of two whole dialogues before their last ones; None if these differ, or there are none."""
    chosen, rejected = row.get('chosen'), row.get('rejected')
    if isinstance(chosen, list) and isinstance(rejected, list) and len(chosen) > 1 and chosen[:-1] == rejected[:-1]:
        return chosen[:-1]
    return None


def _answer(where: str, row: Mapping[str, Any], key: str, after: int) -> str:
    """The text of an answer: a text, a message, or the whole dialogue with the answer as its last message."""
    answer = row.get(key)
    if isinstance(answer, list) and len(answer) in (1, after + 1):
        answer = answer[-1]
    if isinstance(answer, Mapping):
        return text_of(f'{where}, {key}', answer, 'value' if 'value' in answer else 'content')
    return text_of(where, row, key)
