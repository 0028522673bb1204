"""Samples become votes and scores; what does not fit together is refused."""

import json

import pytest

from flan_jax.data.example_files import ExampleError
from flan_jax.errors import UnknownName, UserError
from flan_jax.evaluation import samples
from flan_jax.evaluation.samples import Answered, Question, SamplesError
from flan_jax.evaluation.scorers import scores_by
from flan_jax.evaluation.votes import votes

TWO = [
    Answered(Question('one?', '#### 1'), ('#### 2', '#### 1', '#### 1', 'none')),
    Answered(Question('two?', '#### 2'), ('#### 2', '#### 9', '#### 9', '#### 2')),
]


def test_questions_are_read_by_their_keys(tmp_path):
    path = tmp_path / 'questions.jsonl'
    path.write_text('{"question": "a", "answer": "b"}\n{"question": "c", "answer": "d"}\n')
    keys = {'prompt': 'question', 'completion': 'answer'}
    assert samples.read_questions(path, keys) == [Question('a', 'b'), Question('c', 'd')]
    assert samples.read_questions(path, {'prompt': 'question'}, limit=1) == [Question('a')]
    for wrong in ({}, keys | {'completion': 'solution'}):
        with pytest.raises(ExampleError, match='line 1: .* is missing; the keys are question, answer'):
            samples.read_questions(path, wrong)


def test_the_input_of_an_instruction_is_asked_with_it(tmp_path):
    path = tmp_path / 'alpaca.json'
    path.write_text(json.dumps([{'instruction': 'Add.', 'input': '1, 2', 'output': '3'}]))
    keys = {'prompt': 'instruction', 'completion': 'output'}
    (question,) = samples.read_questions(path, keys)
    assert question == Question('Add.\n\n1, 2', '3', context='1, 2')
    samples.require_same(tmp_path / 'drawn', {'questions': 1})
    drawn = [Answered(question, ('3', '4'))]
    samples.draw(tmp_path / 'drawn', [question], lambda *_: drawn, lambda _: None)
    assert samples.read(tmp_path / 'drawn') == drawn


def test_votes_of_one_two_and_all():
    """By hand: groups of two vote (2, 1) and (1, none) for one, (2, 9) and (9, 2) for two, the first of equals wins."""
    found = {vote.k: vote for vote in votes(TWO)}
    assert list(found) == [1, 2, 4]
    assert [found[k].majority for k in (1, 2, 4)] == [50, 50, 100]
    assert [round(found[k].passed, 3) for k in (1, 2, 4)] == [50, round(100 * (1 - 1 / 6), 3), 100]
    low, high = found[1].interval
    assert low == high == 50


def test_votes_need_references_and_as_many_answers_to_each():
    with pytest.raises(SamplesError, match='2 to 4 answers'):
        votes([TWO[0], Answered(TWO[1].question, TWO[1].answers[:2])])
    with pytest.raises(SamplesError, match='reference with an answer'):
        votes([Answered(Question('why?'), ('#### 1',))])


def test_scores_are_by_name_or_from_a_file(tmp_path):
    assert scores_by('right', TWO) == [[0, 1, 1, 0], [1, 0, 0, 1]]
    assert scores_by('fewer_words', TWO)[0] == [-2, -2, -2, -1]
    path = tmp_path / 'scores.jsonl'
    path.write_text(''.join(json.dumps({'scores': [1, 2, 3, row]}) + '\n' for row in range(2)))
    assert scores_by(str(path), TWO) == [[1, 2, 3, 0], [1, 2, 3, 1]]


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{"scores": [1, 2, 3, 4]}', 'scores of 1 questions, but there are samples of 2'),
        ('{"scores": [1]}\n{"scores": [1]}', 'line 1: 1 scores for 4 answers'),
        ('{"scores": "x"}\n{}', 'line 1: expected an object such as'),
    ],
)
def test_files_of_scores_that_do_not_fit_are_refused(tmp_path, content, message):
    path = tmp_path / 'scores.jsonl'
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        scores_by(str(path), TWO)


def test_what_cannot_be_right_is_refused():
    assert scores_by('right', TWO) == [[0, 1, 1, 0], [1, 0, 0, 1]]
    for reference in ('', 'two'):
        with pytest.raises(UserError, match="'two.' has none"):
            scores_by('right', [TWO[0], Answered(Question('two?', reference), ('#### 2',))])


def test_a_file_of_scores_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / 'scores.jsonl'
    path.write_bytes(b'{"scores": [1]}\xe9')
    with pytest.raises(UserError, match='scores.jsonl: byte 15 is not UTF-8'):
        scores_by(str(path), TWO)


def test_unknown_scorers_are_refused(tmp_path):
    with pytest.raises(UnknownName, match='did you mean right'):
        scores_by('rigth', TWO)
    with pytest.raises(UserError, match='no such file'):
        scores_by(f'{tmp_path}/none.jsonl', TWO)
