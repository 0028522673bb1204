"""What every format of instruction files is read into, and how it lies on disk."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from flan_jax.data.example_files import ExampleError
from flan_jax.data.formats.alpaca import unwrapped

USER, ASSISTANT, SYSTEM = 'user', 'assistant', 'system'

ROLES = {USER: USER, 'human': USER, ASSISTANT: ASSISTANT, 'gpt': ASSISTANT, 'model': ASSISTANT, SYSTEM: SYSTEM}
"""A role as files name it to the role that is meant."""


INSTRUCTION = 'instruction'
"""The key of prompts that may have an `input` beside them, as Alpaca's rows have."""

USER_INPUT = 'user_input'
"""The key of prompts in GPT-4-LLM's comparisons, where they stand in Alpaca's format."""


@dataclasses.dataclass(frozen=True)
class Conversation:
    """An instruction and its response, with what stands before them.

    Attributes:
      instruction: what is asked last.
      response: the answer to learn.
      input: what the instruction is about, where a file keeps it apart (Alpaca's `input`).
      system: the system message; empty for none.
      history: earlier questions and answers, in turn.
      rejected: other answers, none better than the response.
      scores: how good the response and each of the others is, higher for better; empty where nobody says.
    """

    instruction: str
    response: str
    input: str = ''
    system: str = ''
    history: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()

    @property
    def question(self) -> str:
        """What is asked last as a prepared dataset asks it: the instruction, and its input after a blank line."""
        return with_input(self.instruction, self.input)

    @property
    def is_tie(self) -> bool:
        """Whether all answers are equally good."""
        return bool(self.scores) and len(set(self.scores)) == 1

    def as_example(self) -> dict[str, Any]:
        """The conversation in the features of its prepared dataset."""
        example = dataclasses.asdict(self) | {'history': list(self.history), 'rejected': list(self.rejected)}
        del example['scores']
        return example | ({'scores': list(self.scores)} if self.scores else {})


def with_input(instruction: str, context: str) -> str:
    """An instruction and its input after a blank line, without blanks around them; either may be empty."""
    return f'{instruction}\n\n{context}'.strip()


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


def question_of(where: str, row: Mapping[str, Any], key: str) -> tuple[str, str]:
    """The question that a row has under a key, and its context: an `instruction` has that of the row's `input`, if any.

    The context is the end of the question, which follows the instruction after a blank line; empty for none.

    Raises:
      ExampleError: if either is no text.
    """
    question = text_of(where, row, key)
    context = text_of(where, row, 'input', default='').strip() if key == INSTRUCTION else ''
    return (with_input(question, context), context) if context else (question, '')


def first_key(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """The first of the names that a row has a value for."""
    return next((name for name in names if row.get(name) is not None), None)


def prompt_messages(prompt: Any) -> Any:
    """The messages of a prompt that is a text; anything else as it is."""
    return [{'role': USER, 'content': prompt}] if isinstance(prompt, str) else prompt


def prompt_and_input(prompt: Any) -> tuple[Any, str]:
    """The instruction and input of a text in Alpaca's format; another prompt as it is, without input."""
    return (unwrapped(prompt) if isinstance(prompt, str) else None) or (prompt, '')


def conversation_with(
    where: str, prompt: Sequence[Any], answers: Sequence[str], scores: Sequence[float]
) -> Conversation:
    """The conversation of a prompt's messages and its answers, the best first; raises ExampleError."""
    messages = [*prompt, {'role': ASSISTANT, 'content': answers[0]}]
    return dataclasses.replace(conversation_of(where, messages), rejected=tuple(answers[1:]), scores=tuple(scores))


def conversation_of(where: str, messages: Sequence[Any]) -> Conversation:
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
    return Conversation(instruction, response, system=system, history=tuple(history))


def _turn(where: str, message: Any) -> tuple[str, str]:
    """Role and text of a message, {'role', 'content'} or {'from', 'value'}."""
    if not isinstance(message, Mapping):
        raise ExampleError(f'{where}: expected an object with "role" and "content", found {message!r}')
    role_key, text_key = ('from', 'value') if 'from' in message else ('role', 'content')
    role = text_of(where, message, role_key)
    if role not in ROLES:
        raise ExampleError(f'{where}: {role_key}={role!r}; the roles are {", ".join(ROLES)}')
    return ROLES[role], text_of(where, message, text_key)
