"""flan-jax serve MODEL: serves a model over HTTP, with an API compatible with that of OpenAI.

It implements POST /v1/completions, POST /v1/chat/completions and GET /v1/models, and is meant for judges and
demonstrations: it serves one request at a time, on the loopback interface unless --host is given, and checks no API
keys. Streaming and log-probabilities are supported. Requests with unsupported parameters are rejected with an error.
"""

import argparse
import http.server
import itertools
import json
import pathlib
import threading
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE

_MODELS, _PATHS = '/v1/models', ('/v1/completions', '/v1/chat/completions')

_MOST_BYTES = 1 << 24
"""The largest request in bytes."""

_LAST_PORT = (1 << 16) - 1


def main(arguments: list[str]) -> int:
    """Serves until it is interrupted."""
    options = _parse(arguments)
    from flan_jax.api import load
    from flan_jax.command.compilation_cache import keep_compiled_programs

    keep_compiled_programs()
    model = load(options.model, vocabulary=options.vocabulary, prompt_format=options.prompt_format, task=options.task)
    with server(model, options.name or pathlib.PurePath(options.model).name, options.host, options.port) as serving:
        CONSOLE.print(f'http://{options.host}:{serving.server_port}/v1 is ready; Ctrl-C quits')
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
    parser.add_argument(
        'model', metavar='MODEL', help='folder of a model: Hugging Face, an adapter, a run or a converted model'
    )
    parser.add_argument('--name', help='name of the model in the API; default: the name of its folder')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on (default: 127.0.0.1)')
    parser.add_argument('--port', type=int, default=8000, help='port to listen on; 0: any free port (default: 8000)')
    parser.add_argument('--vocabulary', help='path of the vocabulary; default: that of the model')
    parser.add_argument('--prompt_format', help='prompt format, such as flan or plain; default: that of the model')
    parser.add_argument('--task', help='task whose soft prompt is used, if the run has one per task')
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= _LAST_PORT:
        raise UserError(f'--port={options.port}: must be from 0 to {_LAST_PORT}')
    return options


def server(model, name: str, host: str = '127.0.0.1', port: int = 0) -> http.server.ThreadingHTTPServer:
    """An HTTP server for a model, to be started by `serve_forever`.

    Args:
      model: a `flan_jax.api.Model`.
      name: the model's name in responses.
      host: the address to listen at.
      port: the port to listen at; 0 for any free one.

    Raises:
      UserError: if it cannot listen at that address and port.
    """

    class Handler(_Handler):
        served = model
        model_name = name
        lock = threading.Lock()

    try:
        return http.server.ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise UserError(f'--host={host} --port={port}: {error.strerror}; choose another host or port') from error


class _Handler(http.server.BaseHTTPRequestHandler):
    """Reads requests and writes responses; a lock lets the model handle one request at a time."""

    served: Any
    model_name: str
    lock: threading.Lock

    def do_GET(self) -> None:
        """GET /v1/models: lists the one model."""
        if self.path != _MODELS:
            return self._refuse(UserError(f'{self.path}: unknown; {", ".join((_MODELS, *_PATHS))}'), 404)
        entry = {'id': self.model_name, 'object': 'model', 'created': 0, 'owned_by': 'flan_jax'}
        return self._send(200, {'object': 'list', 'data': [entry]})

    def do_POST(self) -> None:
        """POST: completes a prompt or several, or continues a dialogue."""
        if self.path not in _PATHS:
            return self._refuse(UserError(f'{self.path}: unknown; there are {", ".join(_PATHS)}'), 404)
        try:
            fields = self._read()  # before taking the lock, so that a slow client does not block others
            with self.lock:
                self._answer(fields)
        except UserError as error:
            self._refuse(error)
        except ConnectionError as error:
            CONSOLE.print(f'{self.address_string()} disconnected early ({error}); its answer is discarded')
        except Exception as error:  # a bug of ours: the server prints the traceback and continues
            traceback.print_exc()
            self._send(500, _error(f'{type(error).__name__}: {error}', 'server_error'))

    def _read(self) -> dict[str, Any]:
        """The JSON object in the body of a request; raises UserError for anything else."""
        length = self.headers.get('Content-Length', '')
        if not length.isdigit() or int(length) > _MOST_BYTES:
            raise UserError(f'Content-Length={length!r}: must be a number of at most {_MOST_BYTES}')
        try:
            request = json.loads(self.rfile.read(int(length)))
            json.dumps(request, ensure_ascii=False).encode()  # fails on lone surrogates
        except (ValueError, RecursionError) as error:
            raise UserError(f'the request is not JSON: {error}') from error
        if not isinstance(request, dict):
            raise UserError('the request is not an object')
        return request

    def _answer(self, fields: Mapping[str, Any]) -> None:
        from flan_jax.command.openai_request import RequestError, about, read_request
        from flan_jax.command.openai_response import Response, Usage

        if fields.get('model') not in (None, self.model_name):
            message = f'model={fields["model"]!r}: there is {self.model_name!r}'
            raise RequestError(message, 'model', 'model_not_found', 404)
        request = read_request(self.path, fields, self.served.longest_answer)
        with about(request.asked_name):
            prompts = [self.served.encode(asked) for asked in request.asked]
            usage = Usage(prompts)
            pieces = usage.count(_pieces(self.served, request, prompts))
            first = next(pieces)  # before the status is sent, so that errors have their own
        response = Response(request, self.model_name, usage)
        pieces = itertools.chain([first], pieces)
        if request.stream:
            self._stream(response.chunks(pieces))
        else:
            self._send(200, response.whole(pieces))

    def _stream(self, chunks: Iterable[Mapping[str, Any]]) -> None:
        self.send_response(200)
        self.send_header('Content-Type', 'text/event-stream')
        self.send_header('Cache-Control', 'no-cache')
        self.end_headers()
        try:
            for chunk in chunks:
                self._event(json.dumps(chunk))
            self._event('[DONE]')
        except ConnectionError:
            raise
        except Exception as error:  # as in do_POST, but after the status has been sent
            traceback.print_exc()
            self._event(json.dumps(_error(f'{type(error).__name__}: {error}', 'server_error')))

    def _event(self, data: str) -> None:
        self.wfile.write(f'data: {data}\n\n'.encode())

    def _refuse(self, error: UserError, status: int = 400) -> None:
        body = _error(str(error), param=getattr(error, 'param', None), code=getattr(error, 'code', None))
        self._send(getattr(error, 'status', status), body)

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


def _pieces(model, request, prompts):
    """The pieces of all answers to the prompts, `request.choices` to each, as they are decoded."""
    repeated = [prompt for prompt in prompts for _ in range(request.choices)]
    return model.stream(
        repeated,
        stop=request.stop,
        alternatives=request.alternatives or 0,
        max_new_tokens=request.tokens(max(map(len, prompts)), model.loaded.max_length),
        seed=request.seed,
        **request.decoding,
    )


def _error(
    message: str, kind: str = 'invalid_request_error', param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    return {'error': {'message': message, 'type': kind, 'param': param, 'code': code}}
