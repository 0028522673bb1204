"""Dialogues as clients write them: messages with a role and a content."""

from collections.abc import Mapping, Sequence

from flan_jax.data.formats.dialogue import ANSWER_PLACEHOLDER, Dialogue
from flan_jax.errors import UserError
from flan_jax.inference.checks import check_texts

Message = Mapping[str, str]
"""{'role': 'system', 'user' or 'assistant', 'content': text}."""

_KEYS = ('role', 'content')


def dialogue_of(messages: Sequence[Message]) -> Dialogue:
    """Messages as a dialogue whose last answer is to be generated; raises UserError for roles in another order."""
    for place, message in enumerate(messages):
        if not isinstance(message, Mapping) or not all(isinstance(message.get(key), str) for key in _KEYS):
            raise UserError(f'message {place} is {message!r}: expected {{"role": "user", "content": "..."}}')
        check_texts(f'message {place}', [message['content']])
    turns = [(message['role'], message['content']) for message in messages]
    system = turns.pop(0)[1] if turns and turns[0][0] == 'system' else ''
    roles = [role for role, _ in turns]
    if roles != [('user', 'assistant')[place % 2] for place in range(len(roles))] or len(roles) % 2 == 0:
        raise UserError(
            f'the roles are {", ".join(roles) or "none"}: user and assistant must take turns after at most one system '
            'message, the user last'
        )
    *history, question = (text for _, text in turns)
    return Dialogue(question, ANSWER_PLACEHOLDER, tuple(history), system)
