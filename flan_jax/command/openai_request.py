"""What a request of OpenAI's interface asks for: checked field by field, before anything is computed."""

import contextlib
import dataclasses
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flan_jax.errors import UserError
from flan_jax.inference.arguments import LAST_SEED, decoding_of
from flan_jax.inference.checks import check_integer, check_number
from flan_jax.inference.prefill import PromptError
from flan_jax.inference.streaming import MOST_ALTERNATIVES

CHAT, COMPLETIONS = '/v1/chat/completions', '/v1/completions'

_ASKED = {CHAT: 'messages', COMPLETIONS: 'prompt'}

_ALLOWED = frozenset((
    'model', 'user', 'seed', 'stream', 'stream_options', 'temperature', 'top_p', 'max_tokens', 'max_completion_tokens',
    'n', 'stop', 'logprobs',
))  # fmt: skip

_NOTHING: Mapping[str, tuple] = {
    'best_of': (1,), 'frequency_penalty': (0,), 'presence_penalty': (0,), 'logit_bias': ({},), 'echo': (False,),
    'tools': ([],), 'suffix': ('',), 'response_format': ({'type': 'text'},), 'store': (False,), 'metadata': ({},),
}  # fmt: skip
"""Fields that are allowed with values that ask for nothing; None asks for nothing in all of them."""

_MOST_CHOICES, _MOST_STOPS = 128, 4
"""As OpenAI has them."""

_DEFAULT_TOKENS = {CHAT: 128, COMPLETIONS: 16}
"""Tokens of an answer at most, where a request does not say: OpenAI's 16 of a completion."""


class RequestError(UserError):
    """A request that is refused, as OpenAI's clients expect to be told."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None, status: int = 400):
        """Says what is wrong with field `param`; `code` is OpenAI's name of it, where there is one."""
        super().__init__(message)
        self.param, self.code, self.status = param, code, status


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
      path: `CHAT` or `COMPLETIONS`.
      asked: prompts, or one dialogue.
      choices: answers to each.
      stop: texts before which answers end.
      alternatives: likeliest tokens beside each token; None where no log-probabilities are wanted.
      stream: whether answers are wanted while they are decoded.
      usage: whether a stream ends with the tokens that it took.
      max_tokens: tokens of an answer at most; None for what the interface and the model have.
      seed: of sampling, new for every request that names none.
      decoding: how tokens are chosen.
    """

    path: str
    asked: Sequence[Any]
    choices: int
    stop: tuple[str, ...]
    alternatives: int | None
    stream: bool
    usage: bool
    max_tokens: int | None
    seed: int
    decoding: Mapping[str, float]

    @property
    def asked_name(self) -> str:
        """The field that holds what is asked."""
        return _ASKED[self.path]

    def tokens(self, longest_prompt: int, longest: float) -> int:
        """Tokens of an answer at most, to prompts of such a length by a model that reads so many tokens."""
        if self.max_tokens is not None:
            return self.max_tokens
        return int(max(1, min(_DEFAULT_TOKENS[self.path], longest - longest_prompt)))


def read_request(path: str, fields: Mapping[str, Any], longest_answer: int) -> Request:
    """A request as it was sent to a path, for a model of which an answer has so many tokens at most.

    Raises:
      RequestError: for fields that are wrong, or that ask for what is not done.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    _refuse_unknown(given, path)
    stream = _boolean(given, 'stream')
    return Request(
        path=path,
        asked=_asked(path, given.get(_ASKED[path])),
        choices=_integer(given, 'n', 1, _MOST_CHOICES, 1),
        stop=_stop(given.get('stop', [])),
        alternatives=_alternatives(path, given),
        stream=stream,
        usage=_usage(given.get('stream_options'), stream),
        max_tokens=_max_tokens(given, longest_answer),
        seed=_integer(given, 'seed', 0, LAST_SEED, secrets.randbelow(LAST_SEED)),
        decoding=_decoding(given),
    )


@contextlib.contextmanager
def about(param: str) -> Iterator[None]:
    """Whatever is refused within is the fault of a field."""
    try:
        yield
    except RequestError:
        raise
    except PromptError as error:
        raise RequestError(str(error), param, 'context_length_exceeded') from error
    except UserError as error:
        raise RequestError(str(error), param) from error


def _refuse_unknown(given: Mapping[str, Any], path: str) -> None:
    known = _ALLOWED | {_ASKED[path]} | ({'top_logprobs'} if path == CHAT else set())
    for name, value in given.items():
        if name not in known and value not in _NOTHING.get(name, ()):
            raise RequestError(f'{name}={value!r}: not supported here; leave it out', name)


def _asked(path: str, content: Any) -> Sequence[Any]:
    if path == CHAT and _are_messages(content):
        return [content]
    if path == COMPLETIONS and isinstance(content, str):
        return [content]
    if path == COMPLETIONS and isinstance(content, list) and content and all(isinstance(one, str) for one in content):
        return content
    expected = 'a list of {role, content}, both texts' if path == CHAT else 'a text, or several'
    raise RequestError(f'{_ASKED[path]}={content!r}: expected {expected}', _ASKED[path])


def _are_messages(content: Any) -> bool:
    return isinstance(content, list) and all(
        isinstance(message, dict) and all(isinstance(message.get(key), str) for key in ('role', 'content'))
        for message in content
    )


def _stop(value: Any) -> tuple[str, ...]:
    """One text or several; an empty one, which stands everywhere, is none."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts) or len(texts) > _MOST_STOPS:
        raise RequestError(f'stop={value!r}: expected a text, or up to {_MOST_STOPS}', 'stop')
    return tuple(filter(None, texts))


def _alternatives(path: str, given: Mapping[str, Any]) -> int | None:
    """A number in completions; in chats a switch, and a number beside it."""
    if path == COMPLETIONS:
        wanted = given.get('logprobs', False)
        return None if wanted is False else _integer(given, 'logprobs', 0, MOST_ALTERNATIVES, 0)
    wanted = _boolean(given, 'logprobs')
    if 'top_logprobs' in given and not wanted:
        raise RequestError('top_logprobs without logprobs would be left out; set logprobs to true', 'top_logprobs')
    return _integer(given, 'top_logprobs', 0, MOST_ALTERNATIVES, 0) if wanted else None


def _usage(options: Any, stream: bool) -> bool:
    if options is None:
        return False
    if not stream or not isinstance(options, dict) or set(options) - {'include_usage', 'include_obfuscation'}:
        raise RequestError(
            f'stream_options={options!r}: expected {{"include_usage": true}}, beside stream: true', 'stream_options'
        )
    return _boolean(options, 'include_usage')


def _max_tokens(given: Mapping[str, Any], longest_answer: int) -> int | None:
    named = [name for name in ('max_completion_tokens', 'max_tokens') if name in given]
    return _integer(given, named[0], 1, longest_answer, 1) if named else None


def _decoding(given: Mapping[str, Any]) -> Mapping[str, float]:
    """By OpenAI's defaults, sampling at temperature 1; greedily at 0."""
    for name in ('temperature', 'top_p'):
        with about(name):
            check_number(name, given.get(name))  # Python reads NaN and Infinity as JSON
    temperature, top_p = given.get('temperature', 1.0), given.get('top_p', 1.0)
    if temperature < 0:
        raise RequestError(f'temperature={temperature}: must be a number from 0', 'temperature')
    with about('top_p'):
        decoding_of(top_p=top_p)
    if temperature == 0:
        return {}
    return {'temperature': temperature} | ({'top_p': top_p} if top_p < 1 else {})


def _integer(given: Mapping[str, Any], name: str, low: int, high: int, default: int) -> int:
    value = given.get(name, default)
    with about(name):
        check_integer(name, value, low, high)
    return int(value)


def _boolean(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise RequestError(f'{name}={value!r}: must be true or false', name)
    return value
