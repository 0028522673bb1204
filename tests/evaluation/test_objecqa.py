"""ObjecQA: its questions, and how well our classifier tells answers that choose from those that do not."""

import json
import pathlib

import pytest

from flan_jax.command import ifs
from flan_jax.errors import UserError
from flan_jax.evaluation.instruction_following.objecqa import QUESTIONS, is_objective, questions

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
def test_answers_are_told_apart(split, least):
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
    with pytest.raises(UserError, match="'another' is no question of ObjecQA"):
        ifs.main(['objecqa', str(answers)])
    with pytest.raises(UserError, match='give answers to judge'):
        ifs.main(['objecqa'])
