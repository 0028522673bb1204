"""Judges over an endpoint: what they ask, in both orders, and how they read what comes back."""

import json

import pytest

from flan_jax.command import main
from flan_jax.errors import UserError
from flan_jax.evaluation.endpoint.client import Client
from flan_jax.evaluation.endpoint.cost import Prices
from flan_jax.evaluation.endpoint.endpoint import Endpoint
from flan_jax.evaluation.endpoint.replies import Replies, Reply
from flan_jax.evaluation.judges.answers import Pair
from flan_jax.evaluation.judges.objectivity import SHOWN, Objectivity, is_objective
from flan_jax.evaluation.judges.pairwise import Verdict, order_agreement
from flan_jax.evaluation.judges.ranking import RankingJudge, second_is_better
from flan_jax.evaluation.judges.scores import Scoring, ScoringPairs, relative_scores
from flan_jax.evaluation.judges.single import Answer
from flan_jax.studies.gpt4llm import RELATIVE, UNREAD
from tests.evaluation.endpoint_server import FakeClock, serving, spoken

PAIRS = [Pair('Who?', 'short', 'a longer answer'), Pair('Why?', 'a longer reason', 'no'), Pair('When?', 'now', 'now')]


def client(url, folder):
    endpoint = Endpoint(url=url, model='judge', requests_per_minute=1e9)
    return Client(endpoint, Replies(folder), Prices(prompt=0, answer=0), lambda estimate: None, FakeClock())


def asked_of(body):
    return body['messages'][-1]['content']


def longer_wins(body, _):
    """A judge that likes length, whichever comes first; of equal ones it likes the first."""
    first, second = (asked_of(body).split(f'Answer of model {name}:\n')[1].split('\n\n')[0] for name in 'mM')
    return spoken('M' if len(second) > len(first) else 'm')


def test_a_judge_is_queried_in_both_orders_and_names_the_better(tmp_path):
    with serving(longer_wins) as (url, requests):
        judge = RankingJudge(client(url, tmp_path))
        verdicts = judge.verdicts(PAIRS)
    assert [verdict.orders for verdict in verdicts] == [(1.0, 1.0), (0.0, 0.0), (0.0, 1.0)]
    assert [verdict.b_wins for verdict in verdicts] == [1, 0, 0.5]  # it always liked the first of equals: a tie
    assert order_agreement(verdicts) == pytest.approx(200 / 3)
    assert verdicts[0].as_record(judge.recipe)['evidence'] == {'replies': ['M', 'm']}
    assert len(requests) == 5 and judge.recipe['model'] == 'judge' and judge.recipe['max_tokens'] == 4


def test_a_judge_that_always_likes_the_first_decides_nothing(tmp_path):
    with serving(lambda *_: spoken('m')) as (url, _):
        verdicts = RankingJudge(client(url, tmp_path)).verdicts(PAIRS)
    assert [verdict.b_wins for verdict in verdicts] == [0.5] * 3 and order_agreement(verdicts) == 0


@pytest.mark.parametrize(
    ('reply', 'expected'),
    [
        (Reply('m'), 0),
        (Reply(' M\n'), 1),
        (Reply('"M".'), 1),
        (Reply('model m'), 0),
        (Reply('Neither'), None),
        (Reply('mM'), None),
        (Reply(''), None),
        (Reply('m', first_tokens={'m': -1.0, 'M': -1.0}), 0.5),
        (Reply('m', first_tokens={'M': -1.0, 'x': -0.1}), 1),
        (Reply('M', first_tokens={'x': -0.1}), 1),
    ],
)
def test_names_are_read_and_their_probabilities_count_where_they_are_given(reply, expected):
    assert second_is_better(reply) == (expected if expected is None else pytest.approx(expected))


def test_the_probabilities_of_first_tokens_are_read_and_kept(tmp_path):
    top = [{'token': 'm', 'logprob': -2.0}, {'token': 'M', 'logprob': -0.5}]
    choice = {'message': {'content': 'M'}, 'logprobs': {'content': [{'top_logprobs': top}]}}
    with serving(lambda *_: (200, json.dumps({'choices': [choice]}), {})) as (url, _):
        found = [RankingJudge(client(url, tmp_path)).verdicts(PAIRS[:1]) for _ in range(2)]
    expected = 1 / (1 + 2.718281828**-1.5)
    assert found[0] == found[1] and found[0][0].orders == pytest.approx((expected, 1 - expected))


def scored(body, _):
    """Eight points for what is long, five for the rest, in the order of the answers; nothing about 'Why?'."""
    parts = asked_of(body).split("'s Answer]\n")[1:]
    answers = [part.split('\n\n[')[0] for part in parts[::2]]
    return spoken('I cannot' if 'Why?' in asked_of(body) else ' '.join('8' if 'longer' in a else '5' for a in answers))


def test_two_answers_are_scored_in_both_orders(tmp_path):
    with serving(scored) as (url, requests):
        verdicts = ScoringPairs(client(url, tmp_path), 'general').verdicts(PAIRS)
    assert [verdict.orders for verdict in verdicts] == [(1.0, 1.0), (), (0.5, 0.5)]
    assert verdicts[0].evidence['scores'] == [(5, 8), (5, 8)] and verdicts[1].evidence['scores'] == [None, None]
    found = relative_scores(verdicts)
    assert {name: (one.a, one.b, one.unread) for name, one in found.items()} == {
        'A first': (10, 13, 1), 'B first': (10, 13, 1), 'both': (20, 26, 2)
    }  # fmt: skip
    low, high = found['both'].interval
    assert found['both'].per_cent == 130 and low == 100 and high == 160
    assert all(request['body']['temperature'] == 0.2 for request in requests)
    with pytest.raises(UserError, match='no scores'):
        relative_scores([Verdict(PAIRS[0], (1.0,))])


def test_a_judge_that_favours_a_place_is_seen_by_its_order(tmp_path):
    with serving(lambda *_: spoken('9 6\nthe first')) as (url, _):
        verdicts = ScoringPairs(client(url, tmp_path), 'math').verdicts(PAIRS[:2])
    found = relative_scores(verdicts)
    assert found['A first'].per_cent == pytest.approx(200 / 3) and found['B first'].per_cent == 150
    assert found['both'].per_cent == 100 and [verdict.b_wins for verdict in verdicts] == [0.5, 0.5]


@pytest.mark.parametrize(('review', 'value'), [('7\nfine', 7), ('8.5', 8.5), ('a 7', None), ('11', None), ('-1', None)])
def test_single_answers_are_scored(tmp_path, review, value):
    with serving(lambda *_: spoken(review)) as (url, requests):
        judge = Scoring(client(url, tmp_path), 'coding')
        (rating,) = judge.ratings([Answer('Sort it.', 'sorted(it)')])
    assert rating.value == value and rating.as_record(judge.recipe)['reply'] == review
    assert 'Sort it.' in asked_of(requests[0]['body']) and 'sorted(it)' in asked_of(requests[0]['body'])


def test_every_kind_of_question_has_its_own_request(tmp_path):
    with serving(lambda *_: spoken('7')) as (url, requests):
        for kind in ('general', 'coding', 'math'):
            Scoring(client(url, tmp_path), kind).ratings([Answer('p', 'a')])
    assert len({asked_of(request['body']) for request in requests}) == 3


def test_objectivity_is_judged_by_two_demonstrations_and_one_word(tmp_path):
    replies = {'Cats.': 'Subjective', 'It depends.': 'objective.', 'Hm': 'Maybe'}
    with serving(lambda body, _: spoken(replies[asked_of(body).split('Response: ')[1]])) as (url, requests):
        judge = Objectivity(client(url, tmp_path))
        ratings = judge.ratings([Answer('Cats or dogs?', text) for text in replies])
    assert [rating.value for rating in ratings] == [0, 1, None]
    roles = [message['role'] for message in requests[0]['body']['messages']]
    assert roles == ['system', 'user', 'assistant', 'user', 'assistant', 'user']
    assert [is_objective(kind) for *_, kind in SHOWN] == [0, 1]


def write_answers(folder):
    for name in ('answer_a', 'answer_b'):
        rows = ({'prompt': pair.prompt, 'answer': getattr(pair, name)} for pair in PAIRS)
        (folder / f'{name[-1]}.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    return [f'{folder}/a.jsonl', f'{folder}/b.jsonl']


def test_the_command_asks_after_the_cost_was_confirmed_and_nothing_twice(tmp_path, capsys):
    files = write_answers(tmp_path)
    with serving(longer_wins) as (url, requests):
        words = [
            'judge', *files, f'--endpoint={url}', '--endpoint_model=judge', '--prices', '1', '2',
            f'--cache={tmp_path}/cache', '--requests_per_minute=1e6', f'--output={tmp_path}/verdicts.jsonl',
            '--resamples=5',
        ]  # fmt: skip
        assert main.main(words) == 2 and not requests
        said = capsys.readouterr().err
        assert (
            '5 requests to send, 0 replies in the cache; estimated cost: ' in ' '.join(said.split())
            and '--confirm_cost' in said
        )
        assert main.main([*words, '--confirm_cost']) == 0 and len(requests) == 5
        first = capsys.readouterr().out
        assert main.main(words) == 0 and len(requests) == 5  # all is known: nothing to confirm
        assert capsys.readouterr().out == first
    again = [
        'judge',
        *files,
        f'--verdicts={tmp_path}/verdicts.jsonl',
        f'--agree={tmp_path}/verdicts.jsonl',
        '--resamples=5',
    ]
    assert main.main(again) == 0 and 'agreement' in capsys.readouterr().out


def test_the_command_scores_pairs_and_single_answers(tmp_path, capsys):
    files = write_answers(tmp_path)
    with serving(scored) as (url, _):
        words = [
            f'--endpoint={url}', '--endpoint_model=judge', '--prices', '0', '0', '--scores=general',
            f'--cache={tmp_path}/cache', '--requests_per_minute=1e6', '--confirm_cost', '--resamples=5',
        ]  # fmt: skip
        assert main.main(['judge', *files, *words]) == 0
        pairs = capsys.readouterr().out
        assert main.main(['judge', files[1], *words, f'--output={tmp_path}/ratings.jsonl']) == 0
    assert '1 of them have no verdict' in pairs and any(
        line.split()[:4] == ['both', '20', '26', '130.0'] for line in pairs.splitlines()
    )
    ratings = [json.loads(line)['rating'] for line in (tmp_path / 'ratings.jsonl').read_text().splitlines()]
    assert ratings == [8, None, 5]


@pytest.mark.parametrize('study', ['gpt4llm.figure4', 'gpt4llm.figure5'])
def test_figures_read_the_verdicts_that_the_command_writes(tmp_path, capsys, study):
    """The judge likes what is long, reads one order of 'When?' only, and gives nothing about 'Why?'."""
    seen = []

    def once(body, number):
        seen.append('When?' in asked_of(body))
        return spoken('Both.') if seen[-1] and sum(seen) > 1 else scored(body, number)

    with serving(once) as (url, _):
        words = [
            f'--endpoint={url}', '--endpoint_model=judge', '--prices', '0', '0', '--scores=general', '--parallel=1',
            f'--cache={tmp_path}/cache', '--requests_per_minute=1e6', '--confirm_cost', '--resamples=5',
        ]  # fmt: skip
        files = write_answers(tmp_path)
        (tmp_path / 'b.jsonl').write_text((tmp_path / 'b.jsonl').read_text().replace('"now"', '"later"'))
        assert main.main(['judge', *files, *words, f'--output={tmp_path}/ours.jsonl']) == 0
    (both,) = (line.split() for line in capsys.readouterr().out.splitlines() if line.split()[:1] == ['both'])
    assert main.main(['reproduce', study, '--from', f'{tmp_path}/ours.jsonl', f'--gin.MODEL_DIR={tmp_path}/out']) == 0
    ours = json.loads((tmp_path / 'out' / 'report.json').read_text())['ours']['ours']
    assert (ours['opponent'], ours['model']) == (float(both[1]) / 2, float(both[2]) / 2) == (7.5, 10.5)
    assert f'{ours[RELATIVE]:.1f}' == both[3] and ours[UNREAD] == 1


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--endpoint=http://h/v1'], '--endpoint_model is missing'),
        (['--endpoint=http://h/v1', '--endpoint_model=m'], '--prices is missing'),
        (['--endpoint=h', '--endpoint_model=m', '--prices', '0', '0'], "Endpoint.url='h'"),
        (['--endpoint=http://h', '--endpoint_model=m', '--prices', '-1', '0'], 'Prices.prompt=-1'),
        (['--endpoint=http://h', '--endpoint_model=m', '--prices', '0', '0', '--parallel=0'], 'Endpoint.parallel=0'),
        (['--endpoint=http://h', '--endpoint_model=m', '--prices', '0', '0', '--key_variable=NO_KEY'], 'NO_KEY'),
        (
            ['--verdicts=v', '--prices', '0', '0', '--parallel=2'],
            '--prices, --parallel: only applies with --endpoint=URL',
        ),
        (['--model=m', '--confirm_cost'], '--confirm_cost: only applies with --endpoint=URL'),
        (['--verdicts=v', '--scores=math'], '--scores only applies with --endpoint'),
        (['--verdicts=v', '--prior', 'p'], '--prior only applies with --joint'),
    ],
)
def test_what_is_missing_or_not_allowed_is_named(tmp_path, words, message, capsys):
    cache = [f'--cache={tmp_path}/cache'] if any(word.startswith('--endpoint=') for word in words) else []
    assert main.main(['judge', *write_answers(tmp_path), *cache, *words]) == 2
    assert message in capsys.readouterr().err
