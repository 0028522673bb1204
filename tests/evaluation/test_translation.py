"""Answers are translated between a model and its judge, by an endpoint or from a file; each text is paid for once."""

import json

import pytest

from flan_jax.command import main
from flan_jax.evaluation.judges.answers import read_answers
from tests.evaluation.endpoint_server import serving, spoken

ANSWERS = {'Who wrote it?': 'A woman.', 'When?': 'In May.', 'Which month?': 'In May.', 'Nothing?': ' \n'}


def write(path, rows):
    path.write_text(''.join(json.dumps(row, ensure_ascii=False) + '\n' for row in rows))
    return str(path)


@pytest.fixture
def answers(tmp_path):
    return write(tmp_path / 'a.jsonl', [{'prompt': prompt, 'answer': answer} for prompt, answer in ANSWERS.items()])


def in_brackets(body, _=0):
    """A translator that marks what it was given."""
    return spoken(f' [{body["messages"][-1]["content"]}]\n')


def words(url, tmp_path, *more):
    return [
        f'--endpoint={url}', '--endpoint_model=m', '--to=Chinese', '--prices', '1', '2', '--requests_per_minute=1e6',
        f'--cache={tmp_path}/cache', *more,
    ]  # fmt: skip


def test_answers_are_translated_after_the_cost_was_confirmed_and_each_text_once(tmp_path, answers, capsys):
    with serving(in_brackets) as (url, requests):
        command = ['translate', answers, f'--output={tmp_path}/b.jsonl', *words(url, tmp_path)]
        assert main.main(command) == 2 and not requests
        assert '2 requests to send' in ' '.join(capsys.readouterr().err.split())
        assert main.main([*command, '--confirm_cost']) == 0 and len(requests) == 2  # 'In May.' is asked for once
        assert main.main(command) == 0 and len(requests) == 2
    assert all('into Chinese' in request['body']['messages'][0]['content'] for request in requests)
    assert list(read_answers(f'{tmp_path}/b.jsonl').items()) == [
        ('Who wrote it?', '[A woman.]'), ('When?', '[In May.]'), ('Which month?', '[In May.]'), ('Nothing?', ' \n'),
    ]  # fmt: skip
    record = json.loads((tmp_path / 'b.jsonl').read_text().splitlines()[0])
    assert (record['original_prompt'], record['original_answer']) == ('Who wrote it?', 'A woman.')
    assert record['translator']['endpoint']['model'] == 'm' and record['translator']['endpoint']['temperature'] == 0


def test_a_file_comes_before_the_endpoint_and_a_judge_reads_what_is_written(tmp_path, answers, capsys):
    """Prompts are translated as well: those of the file, as people wrote them, meet answers that were given in them."""
    known = [{'text': prompt, 'translation': f'问{n}'} for n, prompt in enumerate(ANSWERS)]
    file = write(tmp_path / 'known.jsonl', [*known, {'text': 'A woman.', 'translation': '一个女人。'}])
    with serving(in_brackets) as (url, requests):
        options = words(url, tmp_path, '--prompts', f'--translations={file}', '--confirm_cost')
        assert main.main(['translate', answers, f'--output={tmp_path}/b.jsonl', *options]) == 0
    assert [request['body']['messages'][-1]['content'] for request in requests] == ['In May.']
    assert list(read_answers(f'{tmp_path}/b.jsonl').items())[:2] == [('问0', '一个女人。'), ('问1', '[In May.]')]
    chinese = write(tmp_path / 'c.jsonl', [{'prompt': f'问{n}', 'answer': '五月'} for n in range(len(ANSWERS))])
    votes = [{'instruction': f'问{n}', 'preference': 1 + n % 2} for n in range(len(ANSWERS))]
    verdicts = write(tmp_path / 'v.jsonl', votes)
    capsys.readouterr()
    assert main.main(['judge', chinese, f'{tmp_path}/b.jsonl', f'--verdicts={verdicts}', '--resamples=5']) == 0
    assert '4 prompts' in capsys.readouterr().out


def test_translations_that_may_lack_their_end_and_empty_ones_are_told(tmp_path, answers, capsys):
    def answer(body, _):
        said = body['messages'][-1]['content']
        return spoken(' ', completion_tokens=0) if said == 'In May.' else spoken('一个', completion_tokens=3)

    with serving(answer) as (url, _):
        options = words(url, tmp_path, '--max_tokens=3', '--confirm_cost')
        assert main.main(['translate', answers, f'--output={tmp_path}/b.jsonl', *options]) == 0
    said = ' '.join(capsys.readouterr().err.split())
    assert '1 translations have --max_tokens=3' in said and '1 translations are empty' in said


@pytest.mark.parametrize(
    ('rows', 'options', 'message'),
    [
        ([], [], 'give --translations=FILE'),
        ([], ['--endpoint=http://h/v1'], '--endpoint needs --to'),
        ([], ['FILE', '--endpoint_model=m'], '--endpoint_model: only applies with --endpoint=URL'),
        ([{'text': 'In May.', 'translation': '五月'}], ['FILE'], '1 texts have no translation'),
        ([{'text': 'In May.', 'translation': t} for t in ('五月', '六月')], ['FILE'], 'second translation of a text'),
        ([{'source': 'In May.'}], ['FILE'], "expected strings named 'text' and 'translation'"),
        (
            [{'text': text, 'translation': '同'} for text in (*ANSWERS.values(), *ANSWERS) if text.strip()],
            ['FILE', '--prompts'],
            'have one translation',
        ),
    ],
)
def test_what_is_missing_or_contradicts_itself_is_named(tmp_path, answers, rows, options, message, capsys):
    file = write(tmp_path / 'known.jsonl', rows)
    options = [f'--translations={file}' if option == 'FILE' else option for option in options]
    assert main.main(['translate', answers, f'--output={tmp_path}/b.jsonl', *options]) == 2
    assert message in ' '.join(capsys.readouterr().err.split()) and not (tmp_path / 'b.jsonl').exists()
