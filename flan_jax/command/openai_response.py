"""Responses of OpenAI's HTTP interface: complete, or as the chunks of a stream."""

import dataclasses
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flan_jax.command.openai_request import CHAT, Request
from flan_jax.inference.answer_text import Piece, Token


class Usage:
    """Counts the tokens of a request and its answers."""

    def __init__(self, prompts: Sequence[Sequence[int]]):
        """Counts the prompts; each counts once, whatever its number of answers."""
        self._prompt = sum(map(len, prompts))
        self._completion = 0

    def count(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """Yields the pieces unchanged, and counts their tokens."""
        for piece in pieces:
            self._completion += len(piece.tokens)
            yield piece

    def body(self) -> dict[str, int]:
        """The `usage` object of a response."""
        total = self._prompt + self._completion
        return {'prompt_tokens': self._prompt, 'completion_tokens': self._completion, 'total_tokens': total}


class Response:
    """The response to a request, as one object or as a stream of chunks."""

    def __init__(self, request: Request, model: str, usage: Usage):
        """The response to `request` by the model named `model`."""
        self._request, self._usage = request, usage
        self._is_chat = request.path == CHAT
        self._fields = {
            'id': f'{"chatcmpl" if self._is_chat else "cmpl"}-{uuid.uuid4().hex}',
            'created': int(time.time()),
            'model': model,
        }

    def whole(self, pieces: Iterable[Piece]) -> dict[str, Any]:
        """One object with all answers, once they are complete."""
        joined: dict[int, Piece] = {}
        for piece in pieces:
            before = joined.get(piece.index, Piece(piece.index, ''))
            text, tokens = before.text + piece.text, before.tokens + piece.tokens
            joined[piece.index] = dataclasses.replace(piece, text=text, tokens=tokens)
        part = 'message' if self._is_chat else None
        choices = [self._choice(joined[index], part, {'role': 'assistant'}) for index in sorted(joined)]
        kind = 'chat.completion' if self._is_chat else 'text_completion'
        return self._fields | {'object': kind, 'choices': choices, 'usage': self._usage.body()}

    def chunks(self, pieces: Iterable[Piece]) -> Iterator[dict[str, Any]]:
        """A chunk for each piece as it arrives, then one with the usage if it is wanted."""
        fields = self._fields | {'object': 'chat.completion.chunk' if self._is_chat else 'text_completion'}
        if self._request.usage:
            fields['usage'] = None
        begun: set[int] = set()
        for piece in pieces:
            if piece.text or piece.finish_reason or (piece.tokens and self._request.alternatives is not None):
                role = {} if piece.index in begun else {'role': 'assistant'}
                begun.add(piece.index)
                yield fields | {'choices': [self._choice(piece, 'delta' if self._is_chat else None, role)]}
        if self._request.usage:
            yield fields | {'choices': [], 'usage': self._usage.body()}

    def _choice(self, piece: Piece, part: str | None, role: Mapping[str, str]) -> dict[str, Any]:
        content = {part: {**role, 'content': piece.text}} if part else {'text': piece.text}
        return content | {
            'index': piece.index,
            'finish_reason': piece.finish_reason,
            'logprobs': self._log_probs(piece.tokens),
        }

    def _log_probs(self, tokens: Sequence[Token]) -> dict[str, Any] | None:
        if self._request.alternatives is None:
            return None
        if self._is_chat:
            return {'content': list(map(_of_chat, tokens)), 'refusal': None}
        return {
            'tokens': [token.text for token in tokens],
            'token_logprobs': [token.log_prob for token in tokens],
            'top_logprobs': [_by_text(token) for token in tokens] if self._request.alternatives else None,
            'text_offset': [token.offset for token in tokens],
        }


def _by_text(token: Token) -> dict[str, float]:
    """Log-probability by text, of the alternatives and the token itself.

    Tokens may have the same text, such as parts of characters; the likeliest counts.
    """
    found: dict[str, float] = {}
    for text, log_prob in (*token.alternatives, (token.text, token.log_prob)):
        found.setdefault(text, log_prob)
    return found


def _of_chat(token: Token) -> dict[str, Any]:
    alternatives = [_entry(text, log_prob) for text, log_prob in token.alternatives]
    return _entry(token.text, token.log_prob) | {'top_logprobs': alternatives}


def _entry(text: str, log_prob: float) -> dict[str, Any]:
    """An entry of a chat's log-probabilities; the bytes of tokens that are a part of a character are unknown."""
    return {'token': text, 'logprob': log_prob, 'bytes': None if '\ufffd' in text else list(text.encode())}
