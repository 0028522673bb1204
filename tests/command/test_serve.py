"""Plain HTTP requests are answered as Python is, and what is not done is refused."""

import http.client
import json
import threading

import numpy as np
import pytest

import flan_jax
from flan_jax.command import main
from flan_jax.command.serve import server
from flan_jax.convert.write import write_model
from flan_jax.evaluation.endpoint.client import Client
from flan_jax.evaluation.endpoint.cost import Prices
from flan_jax.evaluation.endpoint.endpoint import Endpoint
from flan_jax.evaluation.endpoint.replies import Replies
from flan_jax.packing.example import Example
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


@pytest.fixture(scope='module')
def client(port):
    openai = pytest.importorskip('openai')
    return openai.OpenAI(base_url=f'http://127.0.0.1:{port}/v1', api_key='none', max_retries=0)


def test_openais_own_client_is_answered(model, client):
    expected = model.chat(MESSAGES, max_new_tokens=4)
    whole = client.chat.completions.create(messages=MESSAGES, **GREEDY)
    assert whole.choices[0].message.content == expected and whole.choices[0].finish_reason == 'length'
    prompt = len(model.encode(MESSAGES))
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens, whole.usage.total_tokens) == (
        prompt, 4, prompt + 4
    )  # fmt: skip
    text = client.completions.create(prompt='Who?', **GREEDY).choices[0].text
    assert text == model.generate('Who?', max_new_tokens=4)
    assert [entry.id for entry in client.models.list()] == ['tiny']


def test_streams_are_the_answers_token_by_token(model, client):
    """Sampled, several choices, with log-probabilities: as the same request answered whole."""
    asked = {'messages': MESSAGES, 'model': 'tiny', 'n': 2, 'seed': 5, 'max_tokens': 12, 'temperature': 1.5}
    asked |= {'logprobs': True, 'top_logprobs': 3}
    whole = client.chat.completions.create(**asked)
    chunks = list(client.chat.completions.create(stream=True, stream_options={'include_usage': True}, **asked))
    assert chunks[-1].usage == whole.usage and not chunks[-1].choices and len(chunks) > 12
    assert whole.choices[0].message.content != whole.choices[1].message.content
    for index, choice in enumerate(whole.choices):
        pieces = [chunk.choices[0] for chunk in chunks[:-1] if chunk.choices[0].index == index]
        assert ''.join(piece.delta.content for piece in pieces) == choice.message.content
        assert [piece.delta.role for piece in pieces] == ['assistant'] + [None] * (len(pieces) - 1)
        assert [piece.finish_reason for piece in pieces] == [None] * (len(pieces) - 1) + [choice.finish_reason]
        tokens = [token for piece in pieces if piece.logprobs for token in piece.logprobs.content]
        assert [token.token for token in tokens] == [token.token for token in choice.logprobs.content]
        assert all(len(token.top_logprobs) == 3 for token in tokens)
    again = client.chat.completions.create(**asked)
    assert [choice.message for choice in again.choices] == [choice.message for choice in whole.choices]


def test_log_probabilities_are_those_that_options_are_scored_by(model, client):
    """What was sampled at another temperature has the model's own log-probability, and so have the likeliest."""
    decoding = {'max_new_tokens': 5, 'seed': 1, 'temperature': 1.5}
    prompt = model.encode('Is it good?')
    tokens = [token for piece in model.stream([prompt], alternatives=2, **decoding) for token in piece.tokens]
    assert len(tokens) == 5
    for place, token in enumerate(tokens):
        before = np.array([earlier.id for earlier in tokens[:place]], np.int32)
        every = tuple(np.array([i]) for i in range(CONFIG.vocab_size))
        (scores,) = model._scorer.score([Example(np.concatenate([prompt, before]), every)])
        scores = np.concatenate(scores)
        assert token.log_prob == pytest.approx(scores[token.id], abs=1e-4)
        known = scores[: len(model.loaded.vocabulary)]
        np.testing.assert_allclose([of for _, of in token.alternatives], -np.sort(-known)[:2], atol=1e-4)
    asked = {'prompt': 'Is it good?', 'model': 'tiny', 'max_tokens': 5, 'seed': 1, 'temperature': 1.5, 'logprobs': 2}
    found = client.completions.create(**asked).choices[0].logprobs
    assert found.tokens == [token.text for token in tokens]
    assert found.token_logprobs == [token.log_prob for token in tokens]
    assert [list(of.items())[:2] for of in found.top_logprobs] == [list(token.alternatives) for token in tokens]


def test_an_answer_ends_before_a_stop_string_and_its_beginning_is_never_sent(model, client):
    asked = {'prompt': 'Who?', 'model': 'tiny', 'temperature': 0, 'max_tokens': 24}
    whole = client.completions.create(**asked).choices[0].text
    stop = whole[7:11]
    before = whole[: whole.index(stop)].strip()
    for stops in (stop, ['never said', stop]):
        choice = client.completions.create(stop=stops, logprobs=0, **asked).choices[0]
        assert choice.text == before and choice.finish_reason == 'stop'
        assert len(choice.logprobs.tokens) < 24 and choice.logprobs.text_offset[-1] <= len(before)
    pieces = [chunk.choices[0].text for chunk in client.completions.create(stop=stop, stream=True, **asked)]
    assert ''.join(pieces) == before and len(pieces) > 1


def test_requests_without_a_seed_are_drawn_again(client):
    asked = {'prompt': 'Who?', 'model': 'tiny', 'temperature': 3.0, 'max_tokens': 12}
    assert len({client.completions.create(**asked).choices[0].text for _ in range(3)}) > 1


def test_a_client_that_leaves_stops_its_answer(port, capfd):
    """It is told of the first token while others are still to come."""
    body = json.dumps(GREEDY | {'prompt': 'Who?', 'max_tokens': 4000, 'stream': True, 'logprobs': 0})
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=120)
    connection.request('POST', '/v1/completions', body)
    response = connection.getresponse()
    assert json.loads(response.readline().removeprefix(b'data: '))['choices'][0]['finish_reason'] is None
    response.close()
    connection.close()
    status, _ = asked(port, '/v1/completions', GREEDY | {'prompt': 'Who?'})  # waits for its turn
    assert status == 200 and 'disconnected early' in capfd.readouterr().err


def test_wrong_requests_raise_openais_errors(client):
    openai = pytest.importorskip('openai')
    with pytest.raises(openai.NotFoundError) as found:
        client.completions.create(prompt='Who?', model='gpt-4')
    assert (found.value.code, found.value.param) == ('model_not_found', 'model')
    with pytest.raises(openai.BadRequestError) as found:
        client.completions.create(prompt='Who? ' * 9000, **GREEDY)
    assert (found.value.code, found.value.param) == ('context_length_exceeded', 'prompt')
    with pytest.raises(openai.BadRequestError) as found:
        client.chat.completions.create(messages=MESSAGES, stream=True, top_logprobs=2, **GREEDY)
    assert found.value.param == 'top_logprobs' and found.value.type == 'invalid_request_error'


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
        ('/v1/completions', {'n': 0}, 400, 'n=0: must be an integer from 1'),
        ('/v1/completions', {'logprobs': 21}, 400, 'logprobs=21: must be an integer from 0 to 20'),
        ('/v1/completions', {'top_logprobs': 2}, 400, 'top_logprobs=2: not supported'),
        ('/v1/completions', {'echo': True}, 400, 'echo=True: not supported'),
        ('/v1/completions', {'stop': [1]}, 400, 'stop=[1]: expected a string'),
        ('/v1/completions', {'stream': 1}, 400, 'stream=1: must be true or false'),
        ('/v1/completions', {'stream_options': {}}, 400, 'together with stream: true'),
        ('/v1/completions', {'top_p': 0}, 400, 'top_p=0: must be above 0'),
        ('/v1/completions', {'prompt': [1, 2]}, 400, 'expected a string, or a list of strings'),
        ('/v1/completions', {'temperature': 'hot'}, 400, "temperature='hot': must be a number"),
        ('/v1/completions', {'temperature': float('nan')}, 400, 'temperature=nan: must be a number'),
        ('/v1/completions', {'prompt': '\ud800'}, 400, 'surrogates not allowed'),
        ('/v1/completions', {'max_tokens': float('nan')}, 400, 'max_tokens=nan: must be an integer'),
        ('/v1/completions', {'max_tokens': 2.7}, 400, 'max_tokens=2.7: must be an integer'),
        ('/v1/completions', {'max_tokens': 0}, 400, 'max_tokens=0: must be an integer'),
        ('/v1/completions', {'max_tokens': 10**6}, 400, 'max_tokens=1000000: must be an integer'),
        ('/v1/completions', {'seed': 1e30}, 400, 'seed=1e+30: must be an integer'),
        ('/v1/completions', {'seed': 2**32}, 400, 'seed=4294967296: must be an integer'),
        ('/v1/completions', {'temperature': -1}, 400, 'temperature=-1: must be a number of at least 0'),
        ('/v1/chat/completions', {'messages': [], 'prompt': None}, 400, 'must take turns'),
        ('/v1/completions', None, 400, 'the request is not an object'),
        ('/v1/embeddings', {}, 404, '/v1/embeddings: unknown'),
    ],
)
def test_what_is_not_done_is_refused(port, path, change, status, message):
    body = [1] if change is None else GREEDY | {'prompt': 'Who?'} | change
    found, content = asked(port, path, body)
    assert found == status and message in json.loads(content)['error']['message']


@pytest.mark.parametrize('port', ['-1', '65536'])
def test_a_port_that_is_none_is_refused_before_the_model_is_read(port, capsys):
    assert main.main(['serve', 'no/such/model', f'--port={port}']) == 2
    assert f'--port={port}: must be from 0 to 65535' in capsys.readouterr().err


def test_a_client_that_is_slow_to_send_keeps_no_other_waiting(port):
    slow = http.client.HTTPConnection('127.0.0.1', port, timeout=120)
    slow.putrequest('POST', '/v1/completions')
    body = json.dumps(GREEDY | {'prompt': 'Who?'}).encode()
    slow.putheader('Content-Length', str(len(body)))
    slow.endheaders(body[:5])
    status, _ = asked(port, '/v1/completions', GREEDY | {'prompt': 'Who?'})
    slow.send(body[5:])
    assert status == 200 and slow.getresponse().status == 200


def test_a_fault_is_answered_and_shown_on_the_server(capfd):
    with server(object(), 'tiny') as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        status, content = asked(serving.server_port, '/v1/completions', GREEDY | {'prompt': 'Who?'})
        again, _ = asked(serving.server_port, '/v1/models')
        serving.shutdown()
        thread.join()
    assert status == 500 and json.loads(content)['error']['type'] == 'server_error' and again == 200
    assert 'Traceback' in capfd.readouterr().err
