"""Plain HTTP requests are answered as Python is, and what is not done is refused."""

import http.client
import json
import threading

import pytest

import flan_jax
from flan_jax.command.serve import server
from flan_jax.convert.write import write_model
from flan_jax.evaluation.endpoint.client import Client
from flan_jax.evaluation.endpoint.cost import Prices
from flan_jax.evaluation.endpoint.endpoint import Endpoint
from flan_jax.evaluation.endpoint.replies import Replies
from tests.command.converted_base import CONFIG
from tests.convert.tokenizers_trained import write_chat
from tests.data.chat_templates import STOCK, text_of
from tests.toy import random_params

MESSAGES = [{'role': 'user', 'content': 'Who?'}]
GREEDY = {'model': 'tiny', 'temperature': 0, 'max_tokens': 4}


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp('served')
    write_model(folder, CONFIG, random_params(CONFIG))
    stock = STOCK['qwen3']
    write_chat(folder, stock.special_tokens, stock.tokens, text_of('qwen3'))
    return flan_jax.load(str(folder))


@pytest.fixture(scope='module')
def port(model):
    with server(model, 'tiny') as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield serving.server_port
        serving.shutdown()
        thread.join()


def asked(port, path, body=None):
    """Status and content of the response."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=120)
    connection.request('GET' if body is None else 'POST', path, None if body is None else json.dumps(body))
    response = connection.getresponse()
    return response.status, response.read().decode()


def test_prompts_are_answered_as_from_python(model, port):
    for prompt in ('Who?', ['Who?', 'And?']):
        status, content = asked(port, '/v1/completions', GREEDY | {'prompt': prompt})
        texts = [choice['text'] for choice in json.loads(content)['choices']]
        expected = model.generate(prompt, max_new_tokens=4)
        assert status == 200 and texts == ([expected] if isinstance(prompt, str) else expected)
    status, content = asked(port, '/v1/completions', GREEDY | {'prompt': 'Who?', 'temperature': 2.0, 'seed': 3})
    sampled = model.generate('Who?', max_new_tokens=4, temperature=2.0, seed=3)
    assert json.loads(content)['choices'][0]['text'] == sampled


def test_dialogues_are_answered_whole_or_as_a_stream(model, port):
    status, content = asked(port, '/v1/chat/completions', GREEDY | {'messages': MESSAGES, 'n': 1, 'stop': None})
    (choice,) = json.loads(content)['choices']
    expected = model.chat(MESSAGES, max_new_tokens=4)
    assert status == 200 and choice['message'] == {'role': 'assistant', 'content': expected}
    status, content = asked(port, '/v1/chat/completions', GREEDY | {'messages': MESSAGES, 'stream': True})
    first, last = (line.removeprefix('data: ') for line in content.strip().split('\n\n'))
    assert last == '[DONE]' and json.loads(first)['choices'][0]['delta']['content'] == expected


def test_openais_own_client_is_answered(model, port):
    openai = pytest.importorskip('openai')
    client = openai.OpenAI(base_url=f'http://127.0.0.1:{port}/v1', api_key='none', max_retries=0)
    chosen = {'model': 'tiny', 'temperature': 0, 'max_tokens': 4}
    expected = model.chat(MESSAGES, max_new_tokens=4)
    whole = client.chat.completions.create(messages=MESSAGES, **chosen)
    assert whole.choices[0].message.content == expected and whole.choices[0].finish_reason == 'stop'
    pieces = client.chat.completions.create(messages=MESSAGES, stream=True, **chosen)
    assert ''.join(piece.choices[0].delta.content or '' for piece in pieces) == expected
    assert client.completions.create(prompt='Who?', **chosen).choices[0].text == model.generate(
        'Who?', max_new_tokens=4
    )
    assert [entry.id for entry in client.models.list()] == ['tiny']
    with pytest.raises(openai.BadRequestError, match='n=2: not supported here'):
        client.completions.create(prompt='Who?', n=2, **chosen)


def test_our_own_client_is_answered(model, port, tmp_path):
    endpoint = Endpoint(url=f'http://127.0.0.1:{port}/v1', model='tiny', requests_per_minute=1e6)
    client = Client(endpoint, Replies(tmp_path), Prices(prompt=0, answer=0), approve=lambda estimate: None)
    (reply,) = client.replies([MESSAGES], {'temperature': 0, 'max_tokens': 4})
    assert reply.text == model.chat(MESSAGES, max_new_tokens=4)


def test_the_model_is_listed(port):
    status, content = asked(port, '/v1/models')
    assert status == 200 and [entry['id'] for entry in json.loads(content)['data']] == ['tiny']


@pytest.mark.parametrize(
    ('path', 'change', 'status', 'message'),
    [
        ('/v1/completions', {'n': 2}, 400, 'n=2: not supported here'),
        ('/v1/completions', {'logprobs': 5}, 400, 'logprobs=5: not supported here'),
        ('/v1/completions', {'prompt': [1, 2]}, 400, 'expected a text, or several'),
        ('/v1/completions', {'temperature': 'hot'}, 400, "temperature='hot': must be a number"),
        ('/v1/completions', {'temperature': float('nan')}, 400, 'temperature=nan: must be a number'),
        ('/v1/completions', {'prompt': '\ud800'}, 400, 'surrogates not allowed'),
        ('/v1/completions', {'max_tokens': float('nan')}, 400, 'max_tokens=nan: must be an integer'),
        ('/v1/completions', {'max_tokens': 2.7}, 400, 'max_tokens=2.7: must be an integer'),
        ('/v1/completions', {'max_tokens': 0}, 400, 'max_tokens=0: must be an integer'),
        ('/v1/completions', {'max_tokens': 10**6}, 400, 'max_tokens=1000000: must be an integer'),
        ('/v1/completions', {'seed': 1e30}, 400, 'seed=1e+30: must be an integer'),
        ('/v1/completions', {'seed': 2**32}, 400, 'seed=4294967296: must be an integer'),
        ('/v1/completions', {'temperature': -1}, 400, 'Temperature.value=-1'),
        ('/v1/chat/completions', {'messages': [], 'prompt': None}, 400, 'must take turns'),
        ('/v1/completions', None, 400, 'the request is not an object'),
        ('/v1/embeddings', {}, 404, '/v1/embeddings: unknown'),
    ],
)
def test_what_is_not_done_is_refused(port, path, change, status, message):
    body = [1] if change is None else GREEDY | {'prompt': 'Who?'} | change
    found, content = asked(port, path, body)
    assert found == status and message in json.loads(content)['error']['message']


def test_a_fault_is_answered_and_shown_on_the_server(capfd):
    with server(object(), 'not a model') as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        status, content = asked(serving.server_port, '/v1/completions', GREEDY | {'prompt': 'Who?'})
        again, _ = asked(serving.server_port, '/v1/models')
        serving.shutdown()
        thread.join()
    assert status == 500 and json.loads(content)['error']['type'] == 'server_error' and again == 200
    assert 'Traceback' in capfd.readouterr().err
