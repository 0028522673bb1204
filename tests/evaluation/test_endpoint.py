"""A model behind HTTP is asked with patience, at a known cost, and about nothing twice."""

import json
import threading
import time

import pytest

from flan_jax.errors import UserError
from flan_jax.evaluation.endpoint.client import Client
from flan_jax.evaluation.endpoint.cost import Prices, estimate
from flan_jax.evaluation.endpoint.endpoint import Endpoint
from flan_jax.evaluation.endpoint.pace import Clock, Pace, pause
from flan_jax.evaluation.endpoint.replies import Replies
from flan_jax.evaluation.endpoint.transport import EndpointError
from flan_jax.files import DamagedFile
from tests.evaluation.endpoint_server import FakeClock, serving, spoken

PRICES = Prices(prompt=2, answer=8)
OPTIONS = {'temperature': 0, 'max_tokens': 5}
HELLO = [[{'role': 'user', 'content': 'hello'}]]


def client(url, folder, approve=lambda estimate: None, clock=None, prices=PRICES, **settings):
    endpoint = Endpoint(url=url, model='judge', **({'requests_per_minute': 1e9, 'parallel': 1} | settings))
    return Client(endpoint, Replies(folder), prices, approve, clock or FakeClock())


def questions(*texts):
    return [[{'role': 'user', 'content': text}] for text in texts]


@pytest.mark.parametrize('parallel', [1, 4])
def test_replies_come_in_the_order_of_questions_and_equal_ones_are_asked_once(tmp_path, parallel):
    with serving(lambda body, _: spoken('to ' + body['messages'][0]['content'])) as (url, requests):
        asked = client(url, tmp_path, parallel=parallel)
        found = asked.replies(questions('a', 'b', 'a', 'c'), OPTIONS)
    assert [reply.text for reply in found] == ['to a', 'to b', 'to a', 'to c'] and len(requests) == 3
    body = {'model': 'judge', 'messages': HELLO[0]} | OPTIONS
    assert all({**request['body'], 'messages': HELLO[0]} == body for request in requests)
    assert {request['path'] for request in requests} == {'/v1/chat/completions'}


@pytest.mark.parametrize(
    'failure',
    [
        (429, 'slow down', {}),
        (500, '', {}),
        (503, '{"error": "busy"}', {}),
        (200, 'no JSON', {}),
        (200, '[]', {}),
        (200, '{"choices": []}', {}),
        (200, '{"choices": [{"message": {"content": null}}]}', {}),
        (200, '{"choices": [{"message": "text"}], "usage": 3}', {}),
    ],
    ids=lambda failure: f'{failure[0]} {failure[1][:20]}',
)
def test_failures_are_tried_again_after_longer_and_longer_waits(tmp_path, failure):
    clock, notes = FakeClock(), []
    with serving(lambda _, number: failure if number < 3 else spoken('at last')) as (url, requests):
        asked = client(url, tmp_path, clock=clock)
        (reply,) = asked.replies(HELLO, OPTIONS, lambda amount=1, note='': notes.append(note))
    assert reply.text == 'at last' and len(requests) == 4
    assert [wait for wait in clock.slept if wait >= 1] == [1, 2, 4]
    assert sum(note.startswith('retry in') for note in notes) == 3


def test_a_server_that_is_not_there_is_tried_again(tmp_path):
    with serving(lambda *_: spoken('yes')) as (url, _):
        pass  # nobody listens there any more
    with pytest.raises(EndpointError, match='2 attempts failed, the last with: .*refused'):
        client(url, tmp_path, attempts=2).replies(HELLO, OPTIONS)


def test_the_wait_that_a_server_asks_for_is_kept(tmp_path):
    clock = FakeClock()
    answers = [(429, '', {'Retry-After': '17'}), (429, '', {'Retry-After': 'Sun, 29 Nov 2026 00:00:00 GMT'})]
    with serving(lambda _, number: answers[number] if number < 2 else spoken('yes')) as (url, _):
        client(url, tmp_path, clock=clock).replies(HELLO, OPTIONS)
    assert [wait for wait in clock.slept if wait >= 1] == [17, 2]


def test_pauses_double_up_to_a_bound():
    assert [pause(n) for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60] and pause(1, 30.0) == 30


@pytest.mark.parametrize('status', [400, 401, 404])
def test_a_refusal_ends_it_at_once_and_says_what_the_server_said(tmp_path, status):
    refused = pytest.raises(EndpointError, match=f'model judge: status {status} .*no such model')
    with serving(lambda *_: (status, '{"error": "no such model"}', {})) as (url, requests), refused:
        client(url, tmp_path).replies(HELLO, OPTIONS)
    assert len(requests) == 1


def test_where_one_question_ends_it_the_others_wait_for_no_further_attempt(tmp_path):
    """As with Ctrl-C: what is under way is kept and counted, what waits between attempts gives up."""
    under_way = threading.Barrier(3)

    def answer(body, _):
        text = body['messages'][0]['content']
        if text == 'busy':
            under_way.wait(10)
            return 503, '', {'Retry-After': '3'}
        under_way.wait(10)
        time.sleep(0.2)  # the other one waits by now
        return spoken('yes', prompt_tokens=7) if text == 'paid for' else (401, 'no', {})

    with serving(answer) as (url, requests):
        asked = client(url, tmp_path, clock=Clock(), parallel=3, attempts=2)
        with pytest.raises(EndpointError, match='status 401'):
            asked.replies(questions('busy', 'paid for', 'refused'), OPTIONS)
    assert len(requests) == 3 and asked.used.prompt_tokens == 7 and len([*tmp_path.glob('*.json')]) == 1


def test_a_redirect_is_a_refusal_so_that_the_key_goes_nowhere_else(tmp_path):
    with serving(lambda *_: spoken('stolen')) as (elsewhere, there):
        moved = (302, '', {'Location': elsewhere})
        with serving(lambda *_: moved) as (url, _), pytest.raises(EndpointError, match='status 302'):
            client(url, tmp_path).replies(HELLO, OPTIONS)
    assert not there


def test_what_was_answered_is_not_asked_again_and_a_killed_run_resumes(tmp_path):
    """The third question fails for good; the next run asks only for it."""
    broken = {'is': True}

    def answer(body, _):
        text = body['messages'][0]['content']
        return (500, '', {}) if text == 'c' and broken['is'] else spoken(text.upper(), prompt_tokens=7)

    with serving(answer) as (url, requests):
        with pytest.raises(EndpointError, match='run the same command again'):
            client(url, tmp_path, attempts=2).replies(questions('a', 'b', 'c'), OPTIONS)
        broken['is'], before = False, len(requests)
        asked = client(url, tmp_path)
        found = asked.replies(questions('a', 'b', 'c'), OPTIONS)
        assert [reply.text for reply in found] == ['A', 'B', 'C']
        assert (before, len(requests)) == (4, 5) and (asked.used.calls, asked.used.prompt_tokens) == (1, 7)


@pytest.mark.parametrize('change', [{'temperature': 1}, {'max_tokens': 6}, {'seed': 1}])
def test_other_settings_are_another_question(tmp_path, change):
    with serving(lambda _, number: spoken(str(number))) as (url, _):
        texts = [client(url, tmp_path).replies(HELLO, options)[0].text for options in (OPTIONS, OPTIONS | change)]
        assert texts == ['0', '1'] and client(url, tmp_path).replies(HELLO, OPTIONS)[0].text == '0'
        other = client(url, tmp_path, options={'temperature': 0.5})
        assert other.replies(HELLO, OPTIONS)[0].text == '2'


def test_a_damaged_reply_is_named(tmp_path):
    with serving(lambda *_: spoken('yes')) as (url, _):
        client(url, tmp_path).replies(HELLO, OPTIONS)
        (file,) = tmp_path.glob('*.json')
        for content in ('{', json.dumps(json.loads(file.read_text()) | {'text': 3})):
            file.write_text(content)
            with pytest.raises(DamagedFile, match=f'{file.name} is damaged'):
                client(url, tmp_path).replies(HELLO, OPTIONS)


def test_the_key_is_sent_and_stored_nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv('JUDGE_KEY', 'secret-key-1')
    with serving(lambda _, number: (401, 'bad key secret-key-1', {}) if number else spoken('yes')) as (url, requests):
        asked = client(url, tmp_path, key_variable='JUDGE_KEY')
        asked.replies(HELLO, OPTIONS)
        with pytest.raises(EndpointError) as raised:
            asked.replies(questions('again'), OPTIONS)
    assert requests[0]['key'] == 'Bearer secret-key-1'
    assert 'bad key ***' in str(raised.value) and 'secret' not in str(raised.value) + repr(asked.endpoint)
    assert not [file for file in tmp_path.iterdir() if 'secret' in file.read_text()]


def test_a_missing_key_is_named_before_anything_is_asked(tmp_path, monkeypatch):
    monkeypatch.delenv('JUDGE_KEY', raising=False)
    with pytest.raises(UserError, match='key_variable=JUDGE_KEY: this environment variable is not set'):
        client('http://127.0.0.1:1/v1', tmp_path, key_variable='JUDGE_KEY')


def test_nothing_is_asked_that_was_not_approved(tmp_path):
    def refuse(found):
        raise UserError(f'{found.calls} calls')

    with serving(lambda *_: spoken('yes')) as (url, requests):
        with pytest.raises(UserError, match='2 calls'):
            client(url, tmp_path, approve=refuse).replies(questions('a', 'b', 'a'), OPTIONS)
        assert not requests
        client(url, tmp_path).replies(questions('a'), OPTIONS)
        client(url, tmp_path, approve=refuse).replies(questions('a'), OPTIONS)  # known: it costs nothing
    assert len(requests) == 1


def test_the_estimate_bounds_tokens_by_bytes():
    """By hand: 400 bytes, 8 tokens around each of two messages, answers of 10 tokens."""
    body = {'messages': [{'content': 'x' * 300}, {'content': 'ä' * 50}], 'max_tokens': 10}
    found = estimate([body, body], 3, Prices(prompt=1e6, answer=1e7))
    assert (found.calls, found.known) == (2, 3)
    assert found.most == 2 * (416 + 100) and found.likely == 2 * (116 + 100)
    assert estimate([], 4, PRICES).most == 0
    with pytest.raises(UserError, match='max_tokens=None: .* to bound the cost'):
        estimate([{'messages': []}], 0, PRICES)


def test_requests_start_evenly_and_retries_keep_to_the_pace(tmp_path):
    clock, starts = FakeClock(), []
    with serving(lambda _, number: starts.append(clock.time) or (spoken('x') if number else (500, '', {}))) as (url, _):
        client(url, tmp_path, clock=clock, requests_per_minute=6).replies(questions('a', 'b', 'c'), OPTIONS)
    assert starts == [0, 10, 20, 30]


def test_a_pause_is_not_made_up_for():
    clock = FakeClock()
    pace = Pace(60, clock)
    pace.wait()
    clock.time = 100.0
    starts = [pace.wait() or clock.time for _ in range(3)]
    assert starts == [100, 101, 102]


@pytest.mark.parametrize(
    'url',
    ['file:///etc/passwd', 'localhost:8000', 'http://', 'ftp://host/', 'http://me:key@host/v1', 'http://host/v1?key=1'],
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(UserError, match='Endpoint.url'):
        Endpoint(url=url, model='judge')
