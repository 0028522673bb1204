"""flan-jax serve MODEL: a model behind the HTTP interface that OpenAI's clients speak.

POST /v1/completions, POST /v1/chat/completions and GET /v1/models, for judges and demonstrations: one request at a
time, on the loopback unless --host says otherwise, without keys. Streams send an answer when it is complete, as one
piece. What a request asks for and this does not do is refused, not passed over.
"""

import argparse
import http.server
import json
import pathlib
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE

_ALLOWED = frozenset({'model', 'user', 'seed', 'stream', 'temperature', 'top_p', 'max_tokens', 'max_completion_tokens'})

_MOST_BYTES = 1 << 24
"""Bytes of a request at most."""

_NOTHING: Mapping[str, tuple] = {
    'n': (1,), 'best_of': (1,), 'stop': ((), [], ''), 'frequency_penalty': (0,), 'presence_penalty': (0,),
    'logit_bias': ({},), 'logprobs': (False,), 'echo': (False,), 'tools': ([],),
}  # fmt: skip
"""Fields that are allowed with values that ask for nothing; None asks for nothing in all of them."""


def main(arguments: list[str]) -> int:
    """Serves until it is interrupted."""
    options = _parse(arguments)
    from flan_jax.api import load
    from flan_jax.command.compilation_cache import keep_compiled_programs

    keep_compiled_programs()
    model = load(options.model, vocabulary=options.vocabulary, prompt_format=options.prompt_format)
    with server(model, options.name or pathlib.PurePath(options.model).name, options.host, options.port) as serving:
        CONSOLE.print(f'http://{options.host}:{serving.server_port}/v1 answers; Ctrl-C ends')
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            CONSOLE.print('ended')
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog='flan-jax serve',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('model', metavar='MODEL', help='a Hugging Face folder, an adapter, a run or a conversion')
    parser.add_argument('--name', help='what clients call the model; default: the name of its folder')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on (default: 127.0.0.1)')
    parser.add_argument('--port', type=int, default=8000, help='0 for any that is free (default: 8000)')
    parser.add_argument('--vocabulary', help='path of the vocabulary; default: that of the model')
    parser.add_argument('--prompt_format', help='such as flan or plain; default: that of the model')
    return parser.parse_args(arguments)


def server(model, name: str, host: str = '127.0.0.1', port: int = 0) -> http.server.HTTPServer:
    """A server of a model, a `flan_jax.api.Model`, ready to `serve_forever`.

    Raises:
      UserError: if it cannot listen there.
    """

    class Handler(_Handler):
        answers = staticmethod(lambda path, request: _answer(model, path, request))
        model_name = name

    try:
        return http.server.HTTPServer((host, port), Handler)
    except OSError as error:
        raise UserError(f'--host={host} --port={port}: {error.strerror}; name another port') from error


class _Handler(http.server.BaseHTTPRequestHandler):
    """Reads requests and writes responses; one is answered after the other."""

    answers: Callable[[str, Mapping[str, Any]], list[str]]
    model_name: str

    def do_GET(self) -> None:
        """Lists the one model."""
        if self.path != '/v1/models':
            return self._send(404, _error(f'{self.path}: unknown; /v1/models, /v1/completions, /v1/chat/completions'))
        entry = {'id': self.model_name, 'object': 'model', 'created': 0, 'owned_by': 'flan_jax'}
        return self._send(200, {'object': 'list', 'data': [entry]})

    def do_POST(self) -> None:
        """Answers a prompt, several, or a dialogue."""
        if self.path not in _KINDS:
            return self._send(404, _error(f'{self.path}: unknown; there are {", ".join(_KINDS)}'))
        try:
            request = self._read()
            answers = self.answers(self.path, request)
        except UserError as error:
            return self._send(400, _error(str(error)))
        except Exception as error:  # a fault of ours: the server shows where and lives on
            traceback.print_exc()
            return self._send(500, _error(f'{type(error).__name__}: {error}', 'server_error'))
        if request.get('stream'):
            return self._stream(answers)
        return self._send(200, self._body(answers, _KINDS[self.path], 'message'))

    def _read(self) -> dict[str, Any]:
        """The object that a request holds; raises UserError for anything else."""
        length = self.headers.get('Content-Length', '')
        if not length.isdigit() or int(length) > _MOST_BYTES:
            raise UserError(f'Content-Length={length!r}: must be a number up to {_MOST_BYTES}')
        try:
            request = json.loads(self.rfile.read(int(length)))
            json.dumps(request, ensure_ascii=False).encode()  # fails on half a character, which is no text
        except (ValueError, RecursionError) as error:
            raise UserError(f'the request is not JSON: {error}') from error
        if not isinstance(request, dict):
            raise UserError('the request is not an object')
        return request

    def _body(self, answers: list[str], kind: str, part: str) -> dict[str, Any]:
        is_chat = self.path == '/v1/chat/completions'
        choices = [
            ({part: {'role': 'assistant', 'content': text}} if is_chat else {'text': text})
            | {'index': index, 'finish_reason': 'stop', 'logprobs': None}
            for index, text in enumerate(answers)
        ]
        return {
            'id': f'cmpl-{uuid.uuid4().hex}',
            'object': kind,
            'created': int(time.time()),
            'model': self.model_name,
            'choices': choices,
        }

    def _stream(self, answers: list[str]) -> None:
        self.send_response(200)
        self.send_header('Content-Type', 'text/event-stream')
        self.end_headers()
        kind = _KINDS[self.path] + ('.chunk' if self.path == '/v1/chat/completions' else '')
        body = json.dumps(self._body(answers, kind, 'delta'))
        self.wfile.write(f'data: {body}\n\ndata: [DONE]\n\n'.encode())

    def _send(self, status: int, content: Mapping[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """One line on standard error."""
        CONSOLE.print(f'{self.address_string()} {format % args}', markup=False, soft_wrap=True)


_KINDS = {'/v1/completions': 'text_completion', '/v1/chat/completions': 'chat.completion'}
"""Path to what it answers with."""


def _error(message: str, kind: str = 'invalid_request_error') -> dict[str, Any]:
    return {'error': {'message': message, 'type': kind, 'param': None, 'code': None}}


def _answer(model, path: str, request: Mapping[str, Any]) -> list[str]:
    """The answers to a request; raises UserError for what it does not do."""
    is_chat = path == '/v1/chat/completions'
    wanted = 'messages' if is_chat else 'prompt'
    if unknown := list(_refused(request, wanted)):
        raise UserError(f'{unknown[0]}={request[unknown[0]]!r}: not supported here')
    decoding = _decoding(request, min(128 if is_chat else 16, model.longest_answer), model.longest_answer)
    content = request.get(wanted)
    if is_chat and _are_messages(content):
        return [model.chat(content, **decoding)]
    if not is_chat and isinstance(content, str):
        return [model.generate(content, **decoding)]
    if not is_chat and isinstance(content, list) and content and all(isinstance(text, str) for text in content):
        return model.generate(content, **decoding)
    expected = 'a list of {role, content}' if is_chat else 'a text, or several'
    raise UserError(f'{wanted}={content!r}: expected {expected}')


def _are_messages(content: Any) -> bool:
    return isinstance(content, list) and all(
        isinstance(message, dict) and all(isinstance(message.get(key), str) for key in ('role', 'content'))
        for message in content
    )


def _refused(request: Mapping[str, Any], wanted: str) -> Iterator[str]:
    """The fields of a request that ask for something that is not done."""
    for name, value in request.items():
        if name not in _ALLOWED | {wanted} and value is not None and value not in _NOTHING.get(name, ()):
            yield name


def _decoding(request: Mapping[str, Any], max_new_tokens: int, most: int) -> dict[str, Any]:
    """How a request is decoded: by OpenAI's defaults, sampling at temperature 1; greedily at 0."""
    from flan_jax.inference.chosen import LAST_SEED, check_integer, check_number

    given = {name: 1.0 if request.get(name) is None else request[name] for name in ('temperature', 'top_p')}
    longest = next(filter(None.__ne__, map(request.get, ('max_completion_tokens', 'max_tokens'))), max_new_tokens)
    seed = 0 if request.get('seed') is None else request['seed']
    for name, value in given.items():
        check_number(name, value)  # Python reads NaN and Infinity as JSON
    check_integer('max_tokens', longest, 1, most)
    check_integer('seed', seed, 0, LAST_SEED)
    sampled = given if given['top_p'] < 1 else {'temperature': given['temperature']}
    chosen = {} if given['temperature'] == 0 else sampled
    return chosen | {'max_new_tokens': longest, 'seed': seed}
