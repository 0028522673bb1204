"""A single attempt to get a reply over HTTP.

It is one POST by the standard library. A client library is not needed, because retries are subject to the same rate
limit as first attempts, and wait by a clock that tests can replace.
"""

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from flan_jax.errors import UserError
from flan_jax.evaluation.endpoint.endpoint import Endpoint
from flan_jax.evaluation.endpoint.replies import Reply

_WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429})
"""Statuses after which to retry, in addition to those from 500 on."""


class EndpointError(UserError):
    """A server refuses a request, or its reply is malformed."""


class Transient(Exception):
    """A failure that may not occur at the next attempt.

    Attributes:
      after: seconds that the server asks to wait; None if it does not say.
    """

    def __init__(self, message: str, after: float | None = None):
        """Says what went wrong."""
        super().__init__(message)
        self.after = after


class Transport:
    """Posts requests to one endpoint, with its key."""

    def __init__(self, endpoint: Endpoint):
        """Sends no request yet; raises UserError if the key is missing."""
        self._endpoint = endpoint
        self._key = endpoint.key()
        self._opener = urllib.request.build_opener(_NoRedirect)

    def ask(self, body: Mapping[str, Any]) -> Reply:
        """The reply to a request.

        Raises:
          Transient: if another attempt may succeed.
          EndpointError: if the server refuses.
        """
        try:
            return _reply(self._post(body))
        except Transient as error:
            raise Transient(self._without_key(str(error)), error.after) from None

    def _post(self, body: Mapping[str, Any]) -> bytes:
        headers = {'Content-Type': 'application/json'} | ({'Authorization': f'Bearer {self._key}'} if self._key else {})
        url = f'{self._endpoint.url.rstrip("/")}/chat/completions'
        request = urllib.request.Request(url, json.dumps(body).encode(), headers, method='POST')
        try:
            with self._opener.open(request, timeout=self._endpoint.timeout_seconds) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            raise self._failure(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise Transient(str(error) or type(error).__name__) from None

    def _failure(self, error: urllib.error.HTTPError) -> Exception:
        with error:
            said = ' '.join(error.read(2000).decode('utf-8', 'replace').split())[:300]
        text = f'status {error.code} {error.reason}: {said}'
        if error.code >= 500 or error.code in _WORTH_ANOTHER_TRY:
            return Transient(text, _seconds(error.headers.get('Retry-After')))
        return EndpointError(self._without_key(f'{self._endpoint.url}, model {self._endpoint.model}: {text}'))

    def _without_key(self, text: str) -> str:
        """A text without the key, which some servers repeat."""
        return text.replace(self._key, '***') if self._key else text


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: the key must not be sent to another host."""

    def redirect_request(self, *_):
        return None


def _reply(content: bytes) -> Reply:
    """The answer in a response of the chat interface; raises Transient for anything else."""
    try:
        parsed = json.loads(content)
        choice = parsed['choices'][0]
        text = choice['message']['content']
    except (ValueError, LookupError, TypeError, RecursionError):
        text = None
    if not isinstance(text, str):
        raise Transient(f'a response without an answer: {content[:200].decode("utf-8", "replace")!r}')
    counts = parsed['usage'].items() if isinstance(parsed.get('usage'), dict) else ()
    return Reply(text, {name: count for name, count in counts if type(count) is int}, _first_tokens(choice))


def _first_tokens(choice: Mapping[str, Any]) -> dict[str, float]:
    """The log-probabilities of the most likely first tokens, if they were requested."""
    try:
        return {entry['token']: float(entry['logprob']) for entry in choice['logprobs']['content'][0]['top_logprobs']}
    except (LookupError, TypeError, ValueError):
        return {}


def _seconds(header: str | None) -> float | None:
    """The seconds in Retry-After; None if it is a date or missing."""
    return float(header) if header and re.fullmatch(r'\d{1,6}(\.\d+)?', header) else None
