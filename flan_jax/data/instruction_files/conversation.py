"""What every format of instruction files is read into, and how it lies on disk."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from flan_jax.data.example_files import ExampleError

USER, ASSISTANT, SYSTEM = 'user', 'assistant', 'system'

ROLES = {USER: USER, 'human': USER, ASSISTANT: ASSISTANT, 'gpt': ASSISTANT, 'model': ASSISTANT, SYSTEM: SYSTEM}
"""A role as files name it to the role that is meant."""


@dataclasses.dataclass(frozen=True)
class Conversation:
    """An instruction and its response, with what stands before them.

    Attributes:
      instruction: what is asked last.
      response: the answer to learn.
      input: what the instruction is about, where a file keeps it apart (Alpaca's `input`).
      system: the system message; empty for none.
      history: earlier questions and answers, in turn.
      rejected: worse answers than the response.
    """

    instruction: str
    response: str
    input: str = ''
    system: str = ''
    history: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()

    def as_example(self) -> dict[str, Any]:
        """The conversation in the features of its prepared dataset."""
        return dataclasses.asdict(self) | {'history': list(self.history), 'rejected': list(self.rejected)}


def text_of(where: str, row: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """A text of a row; `default` where the key is absent or null.

    Raises:
      ExampleError: if it is absent without a default, or no text.
    """
    value = row.get(key)
    if value is None and default is not None:
        return default
    if value is None:
        raise ExampleError(f'{where}: {key!r} is missing; the keys are {", ".join(map(str, row)) or "none"}')
    if not isinstance(value, str):
        raise ExampleError(f'{where}: {key}={value!r} is not a text')
    return value


def conversation_of(where: str, messages: Sequence[Any], rejected: tuple[str, ...] = ()) -> Conversation:
    """The conversation of messages: a system message or none, then user and assistant in turn, the assistant last.

    Raises:
      ExampleError: for messages that are none, or in another order.
    """
    turns = [_turn(f'{where}, message {number}', message) for number, message in enumerate(messages, start=1)]
    system = turns.pop(0)[1] if turns and turns[0][0] == SYSTEM else ''
    roles = [role for role, _ in turns]
    if not turns or roles != [USER, ASSISTANT] * (len(turns) // 2):
        raise ExampleError(
            f'{where}: the roles are {", ".join(roles) or "none"}; user and assistant must take turns after at most '
            'one system message, the assistant last'
        )
    *history, instruction, response = (text for _, text in turns)
    return Conversation(instruction, response, system=system, history=tuple(history), rejected=rejected)


def _turn(where: str, message: Any) -> tuple[str, str]:
    """Role and text of a message, {'role', 'content'} or {'from', 'value'}."""
    if not isinstance(message, Mapping):
        raise ExampleError(f'{where}: expected an object with "role" and "content", found {message!r}')
    role_key, text_key = ('from', 'value') if 'from' in message else ('role', 'content')
    role = text_of(where, message, role_key)
    if role not in ROLES:
        raise ExampleError(f'{where}: {role_key}={role!r}; the roles are {", ".join(ROLES)}')
    return ROLES[role], text_of(where, message, text_key)
