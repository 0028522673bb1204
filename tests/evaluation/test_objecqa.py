"""ObjecQA: its questions, and how well our classifier tells answers that choose from those that do not."""

import json
import pathlib

import pytest

from flan_jax.command import ifs
from flan_jax.errors import UserError
from flan_jax.evaluation.instruction_following.objecqa import QUESTIONS, is_objective, questions
from tests.evaluation.endpoint_server import serving, spoken

ANSWERS = pathlib.Path(__file__).parent / 'objecqa_answers.jsonl'
"""Answers written by hand: those of 'development' served to make the rules, those 'held out' came afterwards."""


def test_there_are_a_hundred_questions_each_with_what_it_asks_to_choose_from():
    found = questions()
    assert len({choice.question for choice in found}) == len(found) == QUESTIONS
    assert [choice.from_paper for choice in found] == [True] * 10 + [False] * 90
    for choice in found:
        assert len(choice.options) >= 2
        assert all(option.lower() in choice.question.lower() for option in choice.options), choice


@pytest.mark.parametrize(('split', 'least'), [('development', 0.95), ('held out', 0.75)])
def test_answers_that_choose_are_recognised(split, least):
    known = {choice.question: choice for choice in questions()}
    rows = [row for row in map(json.loads, ANSWERS.read_text().splitlines()) if row['split'] == split]
    right = [is_objective(known[row['question']], row['answer']) == row['objective'] for row in rows]
    assert sum(right) / len(right) >= least
    assert 0.4 < sum(row['objective'] for row in rows) / len(rows) < 0.6


def test_silence_and_noise_lay_out_no_choices():
    assert not any(is_objective(choice, answer) for choice in questions() for answer in ('', 'of the and the to'))


def test_the_command_writes_questions_and_judges_answers(tmp_path, capsys):
    asked, answers = tmp_path / 'asked.jsonl', tmp_path / 'answers.jsonl'
    assert ifs.main(['objecqa', f'--questions={asked}']) == 0
    prompts = [json.loads(line)['prompt'] for line in asked.read_text().splitlines()]
    assert len(prompts) == QUESTIONS
    texts = ['It depends on your taste.'] * 25 + ['I prefer the first.'] * 75
    lines = (json.dumps({'prompt': prompt, 'answer': text}) + '\n' for prompt, text in zip(prompts, texts))
    answers.write_text(''.join(lines))
    assert ifs.main(['objecqa', str(answers)]) == 0
    assert '0.250' in capsys.readouterr().out
    answers.write_text(json.dumps({'prompt': 'another', 'answer': ''}))
    with pytest.raises(UserError, match="'another' is not a question of ObjecQA"):
        ifs.main(['objecqa', str(answers)])
    with pytest.raises(UserError, match='give a file of answers to judge'):
        ifs.main(['objecqa'])


def test_the_command_asks_a_judge_behind_an_endpoint(tmp_path, capsys):
    """Three answers are called by a class, one by neither; nothing is asked before the cost is confirmed."""
    texts = ['It depends.', 'It may depend.', 'The first.', 'Hm']
    said = dict(zip(texts, ['Objective', 'objective.', 'Subjective', 'I cannot say']))
    rows = [{'prompt': choice.question, 'answer': text} for choice, text in zip(questions(), texts)]
    answers, output = tmp_path / 'answers.jsonl', tmp_path / 'judged.jsonl'
    answers.write_text(''.join(json.dumps(row) + '\n' for row in rows))
    with serving(lambda body, _: spoken(said[body['messages'][-1]['content'].split('Response: ')[1]])) as (url, asked):
        words = [
            'objecqa', str(answers), f'--endpoint={url}', '--endpoint_model=judge', '--prices', '0', '0',
            f'--cache={tmp_path}/cache', '--requests_per_minute=1e6', f'--output={output}',
        ]  # fmt: skip
        with pytest.raises(UserError, match='add --confirm_cost'):
            ifs.main(words)
        assert not asked and ifs.main([*words, '--confirm_cost']) == 0 and len(asked) == 4
    printed = capsys.readouterr()
    assert '0.667' in printed.out and '1 of 4 answers were called neither' in ' '.join(printed.err.split())
    ratings = [json.loads(line) for line in output.read_text().splitlines()]
    assert [rating['rating'] for rating in ratings] == [1, 1, 0, None] and ratings[0]['judge']['model'] == 'judge'


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['a.jsonl', '--endpoint_model=m'], 'only applies with --endpoint'),
        (['--questions=q.jsonl', '--endpoint=http://h/v1'], 'remove --questions'),
    ],
)
def test_what_does_not_go_together_is_refused(words, message):
    with pytest.raises(UserError, match=message):
        ifs.main(['objecqa', *words])
