"""A server on the loopback that answers as it is told, and a clock that does not wait."""

import contextlib
import http.server
import json
import threading

from flan_jax.evaluation.endpoint.pace import Clock


def spoken(text, **usage):
    """A well-formed response of the chat interface."""
    body = {'choices': [{'message': {'role': 'assistant', 'content': text}}]} | ({'usage': usage} if usage else {})
    return 200, json.dumps(body), {}


@contextlib.contextmanager
def serving(answer):
    """A server's address, and the requests that came: `answer(body, number)` gives status, content and headers."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
            requests.append({'path': self.path, 'key': self.headers.get('Authorization'), 'body': body})
            status, content, headers = answer(body, len(requests) - 1)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header('Content-Length', str(len(content.encode())))
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01})
        thread.start()
        try:
            yield f'http://127.0.0.1:{server.server_port}/v1', requests
        finally:
            server.shutdown()
            thread.join()


class FakeClock(Clock):
    """Time goes on when somebody waits."""

    def __init__(self):
        super().__init__()
        self.time, self.slept = 0.0, []

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += seconds
