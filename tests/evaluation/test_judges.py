"""Pairwise judges, the files that they read and write, and the relative scores of reviews."""

import json
import pathlib
import re

import numpy as np
import pytest

from flan_jax.command import main
from flan_jax.command.generate import read_prompts
from flan_jax.data.formats.plain import Plain
from flan_jax.data.formats.tulu import Tulu
from flan_jax.data.instruction_files import format_called
from flan_jax.errors import UserError
from flan_jax.evaluation.judges.answers import Pair, paired, read_answers
from flan_jax.evaluation.judges.likelihood import QUESTION, LikelihoodJudge
from flan_jax.evaluation.judges.pairwise import Verdict, comparisons, judge_agreement, order_agreement
from flan_jax.evaluation.judges.reviews import parse_scores, read_reviews, relative_score
from flan_jax.evaluation.judges.verdict_file import VerdictFile, read_verdicts
from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.scoring import Scorer
from flan_jax.model.config import DecoderConfig, Rotary
from flan_jax.packing.example import Example
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests import toy

REVIEWS = pathlib.Path(__file__).parents[3] / 'shared' / 'instructions' / 'vicuna_reviews'
PAIRS = [Pair(f'question {i}', f'short {i}', f'a longer answer {i}') for i in range(6)]


def verdicts(*wins):
    return [Verdict(pair, (value,)) for pair, value in zip(PAIRS, wins)]


@pytest.fixture(scope='module', params=[Tulu(), Plain()], ids=['tulu', 'plain'])
def model(request):
    config = DecoderConfig(
        vocab_size=4096, num_layers=1, d_model=16, num_heads=2, head_dim=8, d_ff=32, position=Rotary()
    )
    return LoadedModel(config, toy.random_params(config, scale=0.5), Vocabulary(), request.param)


def test_a_model_judges_by_the_likelihoods_of_two_names_in_both_orders(model):
    (verdict, *_) = LikelihoodJudge(model, 2048, 'toy').verdicts(PAIRS[:2])
    pair, expected = PAIRS[0], []
    for first, second in ((pair.answer_a, pair.answer_b), (pair.answer_b, pair.answer_a)):
        text = QUESTION.format(prompt=pair.prompt, first=first, second=second)
        prompt = np.array(model.prompt_format.encode_prompt(model.vocabulary, text))
        logs = []
        for name in 'mM':
            ids = [
                i for i in model.prompt_format.encode_response(model.vocabulary, name) if i != model.vocabulary.eos_id
            ]
            ((alone,),) = Scorer(model, 2048).score([Example(prompt, (np.array(ids),))])
            logs.append(alone.sum())
        expected.append(np.exp(logs[1]) / np.exp(logs).sum())
    assert verdict.orders == pytest.approx((expected[0], 1 - expected[1]), abs=1e-4)


def test_what_a_file_keeps_apart_as_input_is_part_of_the_question(tmp_path):
    """Two questions of Alpaca's kind differ in their inputs alone: asked, judged and ranked they stay two."""
    rows = [{'instruction': 'Translate.', 'input': text, 'output': text.upper()} for text in ('oui', 'non', ' ')]
    (tmp_path / 'answers.json').write_text(json.dumps(rows))
    asked = ['Translate.\n\noui', 'Translate.\n\nnon', 'Translate.']
    assert list(read_answers(tmp_path / 'answers.json')) == asked
    prompts = read_prompts(tmp_path / 'answers.json')
    assert [(prompt.name, prompt.text) for prompt in prompts] == [(text, text) for text in asked]
    assert [prompt.context for prompt in prompts] == ['oui', 'non', '']
    said = [row | {'output_1': row['output'], 'output_2': 'x', 'preference': 1} for row in rows]
    (tmp_path / 'verdicts.json').write_text(json.dumps(said))
    pairs = [Pair(prompt, answer, 'x') for prompt, answer in read_answers(tmp_path / 'answers.json').items()]
    verdicts = VerdictFile(str(tmp_path / 'verdicts.json')).verdicts(pairs)
    assert [verdict.pair for verdict in verdicts] == [of.pair for of in read_verdicts(tmp_path / 'verdicts.json')]
    ranked = {'instruction': 'Translate.', 'input': 'oui', 'responses': ['yes', 'no'], 'scores': [1, 0]}
    assert format_called('ranked').read('here', ranked).question == asked[0]
    (tmp_path / 'wrong.json').write_text(json.dumps([rows[0] | {'input': 3}]))
    with pytest.raises(UserError, match='input=3 is not a text'):
        read_answers(tmp_path / 'wrong.json')


def test_equal_answers_tie_exactly(model):
    equal = [Pair(f'question {i}', 'same ' * i, 'same ' * i) for i in range(8)]
    verdicts = LikelihoodJudge(model, 256, 'toy').verdicts(equal + PAIRS)
    assert all(verdict.b_wins == 0.5 for verdict in verdicts[: len(equal)])
    assert not any(verdict.b_wins == 0.5 for verdict in verdicts[len(equal) :])


def test_who_is_called_a_and_who_b_makes_no_difference(model):
    judge = LikelihoodJudge(model, 2048, 'toy')
    swapped = [Pair(pair.prompt, pair.answer_b, pair.answer_a) for pair in PAIRS[:2]]
    there, back = judge.verdicts(PAIRS[:2]), judge.verdicts(swapped)
    assert [v.b_wins for v in there] == pytest.approx([1 - v.b_wins for v in back], abs=1e-5)


def test_answers_of_all_known_kinds_are_read(tmp_path):
    (tmp_path / 'a.jsonl').write_text('{"prompt": "p", "answer": "x"}\n{"prompt": "q", "prediction": "y"}\n')
    (tmp_path / 'b.json').write_text(
        json.dumps([{'instruction': 'p', 'output': 'x'}, {'instruction': 'q', 'output': 'y'}])
    )
    assert read_answers(tmp_path / 'a.jsonl') == read_answers(tmp_path / 'b.json') == {'p': 'x', 'q': 'y'}


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{"prompt": "p"}\n', 'line 1: expected strings named prompt/answer'),
        ('{"prompt": "p", "answer": "x"}\n{"prompt": "p", "answer": "y"}\n', 'line 2: second answer to a prompt'),
        ('{"prompt": \n', 'line 1: not JSON'),
        ('3\n', 'expected an object'),
        ('\n', 'contains no answers'),
    ],
)
def test_files_that_hold_no_answers_are_refused(tmp_path, content, message):
    (tmp_path / 'a.jsonl').write_text(content)
    with pytest.raises(UserError, match=message):
        read_answers(tmp_path / 'a.jsonl')


def test_prompts_that_only_one_model_answered_are_refused():
    with pytest.raises(UserError, match="1 of 2 prompts have an answer in only one of the two files, such as 'q'"):
        paired({'p': 'x', 'q': 'y'}, {'p': 'z'})


def test_verdicts_survive_their_file_and_are_joined_by_the_instruction(tmp_path):
    path = tmp_path / 'verdicts.jsonl'
    given = [Verdict(pair, (i / 10, 0.5)) for i, pair in enumerate(PAIRS)]
    path.write_text(''.join(json.dumps(v.as_record({})) + '\n' for v in reversed(given)))
    assert VerdictFile(str(path)).verdicts(PAIRS) == given


def test_alpaca_evals_preferences_are_read(tmp_path):
    rows = [{'instruction': pair.prompt, 'preference': p} for pair, p in zip(PAIRS, (1, 2, 0, 1.5, 1.25, 2))]
    (tmp_path / 'v.json').write_text(json.dumps(rows))
    found = VerdictFile(str(tmp_path / 'v.json')).verdicts(PAIRS)
    assert [verdict.b_wins for verdict in found] == [0, 1, 0.5, 0.5, 0.25, 1]


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        ({'instruction': 'other', 'preference': 1}, "no verdict on 'question 0'"),
        ({'instruction': 'question 0', 'preference': 3}, 'preference is 3'),
        (
            {'instruction': 'question 0', 'preference': 1, 'output_1': 'other'},
            'output_1 differs from the judged answer',
        ),
    ],
)
def test_verdicts_on_something_else_are_refused(tmp_path, row, message):
    (tmp_path / 'v.json').write_text(json.dumps([row]))
    with pytest.raises(UserError, match=message):
        VerdictFile(str(tmp_path / 'v.json')).verdicts(PAIRS[:1])


def test_agreement_of_orders_and_of_judges():
    both = [Verdict(PAIRS[0], (0.9, 0.8)), Verdict(PAIRS[1], (0.9, 0.2)), Verdict(PAIRS[2], (0.5, 0.5))]
    assert order_agreement(both) == pytest.approx(200 / 3) and order_agreement(verdicts(1, 0)) is None
    assert judge_agreement(verdicts(1, 0, 1, 0.5), verdicts(1, 1, 0.9, 0)) == pytest.approx(100 * 2.5 / 4)
    with pytest.raises(UserError, match='different answers'):
        judge_agreement(verdicts(1), verdicts(1, 0))


def test_comparisons_count_characters_and_ties_half():
    found = comparisons(verdicts(1, 0.5, 0))
    assert found.win_rate == 50 and found.model_characters[0] == len(PAIRS[0].answer_b)


def test_the_command_reads_judges_and_writes(tmp_path, capsys):
    for name, answer in (('a', 'answer_a'), ('b', 'answer_b')):
        rows = ({'prompt': pair.prompt, 'answer': getattr(pair, answer)} for pair in PAIRS)
        (tmp_path / f'{name}.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    given = [v.as_record({}) for v in verdicts(1, 1, 1, 0.5, 0, 0)]
    (tmp_path / 'v.json').write_text(json.dumps(given))
    files = [f'{tmp_path}/a.jsonl', f'{tmp_path}/b.jsonl']
    again = f'{tmp_path}/again.jsonl'
    assert main.main(['judge', *files, f'--verdicts={tmp_path}/v.json', f'--output={again}', '--resamples=5']) == 0
    printed = capsys.readouterr().out
    assert re.search(r'raw +58\.3 ', printed) and re.search(r'B wins, ties, A wins +3, 1, 2', printed)
    assert 'length-controlled minimal' in printed
    assert main.main(['judge', *files, f'--verdicts={again}', f'--agree={tmp_path}/v.json', '--resamples=5']) == 0
    assert '.json:100.0%' in ''.join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['a', 'b'], 'choose one judge'),
        (['a', 'b', '--verdicts=v', '--model=m'], 'choose one judge'),
        (['a'], 'give two files'),
        (['a', 'b', '--reviews', 'r'], '--reviews cannot be combined'),
        (['nowhere.jsonl', 'b', '--verdicts=v'], 'nowhere.jsonl: no such file'),
    ],
)
def test_what_does_not_go_together_is_refused(words, message, capsys):
    assert main.main(['judge', *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ('text', 'scores'),
    [
        ('8 9\nBoth', (8, 9)),
        ('8, 9.5', (8, 9.5)),
        ('8,9', (8, 9)),
        ('8', None),
        ('8 9 7', None),
        ('Both 8 9', None),
        ('', None),
    ],
)
def test_scores_are_the_first_lines_two_numbers(text, scores):
    assert parse_scores(text) == scores


def test_scores_beside_the_text_count_and_minus_one_is_none():
    found = relative_score(
        [{'text': '8 10'}, {'text': 'First,', 'score': [4, 10]}, {'text': 'none', 'score': [-1, -1]}]
    )
    assert (found.first, found.second, found.per_cent) == (12, 20, 60)
    assert (found.questions, found.entered, found.unread) == (2, 1, 1)


@pytest.mark.parametrize(
    ('name', 'first', 'second'),
    [('alpaca-13b', 583, 704), ('bard', 664, 655.5), ('gpt35', 693, 638), ('llama-13b', 513, 694)],
)
def test_vicunas_totals_come_out(name, first, second):
    if not REVIEWS.is_dir():
        pytest.skip('no reviews beside the repository (../shared/instructions/vicuna_reviews)')
    found = relative_score(read_reviews(REVIEWS / f'review_{name}_vicuna-13b.jsonl'))
    assert (found.first, found.second, found.questions, found.entered) == (first, second, 80, 3)


def test_a_file_that_cannot_be_read_or_written_is_named_before_the_work(tmp_path, capsys):
    (tmp_path / 'latin.jsonl').write_bytes('{"prompt": "a", "answer": "sch\u00f6n"}'.encode('latin-1'))
    with pytest.raises(UserError, match='latin.jsonl: byte 30 is not UTF-8'):
        read_answers(tmp_path / 'latin.jsonl')
    (tmp_path / 'a.jsonl').write_text('{"prompt": "a", "answer": "b"}')
    asked = ['judge', f'{tmp_path}/a.jsonl', f'{tmp_path}/a.jsonl', '--model=nowhere']
    assert main.main([*asked, '--output=/proc/no/verdicts.jsonl']) == 2
    assert "--output='/proc/no' cannot be written" in capsys.readouterr().err
