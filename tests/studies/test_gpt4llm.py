"""The figures of instruction tuning with GPT-4 that need no model come out as they were published."""

import json

import pytest
from rouge_score import rouge_scorer

from flan_jax.command import main
from flan_jax.errors import UserError
from flan_jax.metrics.relative_score import parse_scores, relative_score, totals
from flan_jax.metrics.rouge_by_length import ALL, GROUPS, group_of, rouge_l_by_length
from flan_jax.studies.file_study import write_file_study
from flan_jax.studies.gpt4llm import RELATIVE, STUDIES
from flan_jax.studies.gpt4llm_outputs import FREQUENT
from flan_jax.studies.gpt4llm_published import FIGURE_4, FIGURE_5, RANKED, ROUGE, SCORES, VICUNA_TOTALS, VOTES
from tests.conftest import REAL_DATA

FILES = REAL_DATA.parent / 'instructions'


@pytest.fixture
def published():
    if not FILES.is_dir():
        pytest.skip('no published files beside the repository (../shared/instructions)')
    return FILES


def write(path, rows):
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows))
    return path


def test_printed_percentages_follow_from_the_totals():
    table = STUDIES['gpt4llm.figure4'].make([])
    rounded = {name: round(of[RELATIVE]) for name, of in table.ours.items()}
    printed = {name: percent for name, (_, _, percent) in FIGURE_4.items()}
    assert {name: rounded[name] for name in printed} == printed and set(rounded) == {*printed, *RANKED}
    assert all(
        RANKED[f'rank 1 of 5 vs {of}'] == FIGURE_4[f'LLaMA-GPT4 7B, best of 5, vs {of}'][:2]
        for of in ('ChatGPT', 'GPT-4')
    )


def test_reviews_come_to_the_published_totals(published):
    files = [published / 'vicuna_reviews' / f'review_{model}_vicuna-13b.jsonl' for model in VICUNA_TOTALS]
    ours = STUDIES['gpt4llm.figure4'].make(files).ours
    found = {
        model: (ours[f'{model}_vicuna-13b']['model'], ours[f'{model}_vicuna-13b']['opponent'])
        for model in VICUNA_TOTALS
    }
    assert found == VICUNA_TOTALS


@pytest.mark.parametrize('study', ['gpt4llm.figure4', 'flan.table2'])
def test_a_judge_is_refused_where_nothing_is_judged(study, tmp_path, capsys):
    assert main.main(['reproduce', study, '--judge=somewhere', f'--gin.MODEL_DIR={tmp_path}/out']) == 2
    assert f'{study} has no judge' in capsys.readouterr().err and not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    'option', ['--corpus=text:a', '--clusters=sentiment', '--seeds=2', '--plan', '--gin.TRAIN_STEPS=2']
)
def test_what_only_runs_read_is_refused(option, tmp_path, capsys):
    assert main.main(['reproduce', 'gpt4llm.figure4', option, f'--gin.MODEL_DIR={tmp_path}/out']) == 2
    assert f'{option.partition("=")[0]}: gpt4llm.figure4' in capsys.readouterr().err and not (tmp_path / 'out').exists()


def test_score_lists_have_the_published_statistics(published):
    ours = STUDIES['gpt4llm.figure2'].make([published / 'gpt4_score_lists.json']).ours
    assert {name: {column: round(value, 2) for column, value in of.items()} for name, of in ours.items()} == SCORES


@pytest.mark.parametrize(
    ('review', 'scores'),
    [
        ('9 8.5\nBoth', (9.0, 8.5)), ('8, 10', (8.0, 10.0)), ('9', None), ('9 8 7', None), ('Both did well.', None),
        ('', None), ('\n9 8', None),
    ],
)  # fmt: skip
def test_a_review_begins_with_two_numbers(review, scores):
    assert parse_scores(review) == scores


def test_a_relative_score_is_of_sums():
    assert totals([(1, 2), (8, 2.5)]) == (9, 4.5) and relative_score(9, 4.5) == 200


def test_reviews_that_contradict_their_scores_are_refused(tmp_path):
    make = STUDIES['gpt4llm.figure4'].make
    with pytest.raises(UserError, match='correct one of the two'):
        make([write(tmp_path / 'review_a.jsonl', [{'text': '9 8\nGood.', 'score': [9.0, 7.0]}])])
    with pytest.raises(UserError, match='no two numbers'):
        make([write(tmp_path / 'review_a.jsonl', [{'text': 'Good.'}])])


def test_a_review_that_could_not_be_read_counts_for_nothing_silently(tmp_path):
    make = STUDIES['gpt4llm.figure4'].make
    with pytest.raises(UserError, match='line 2: .*-1'):
        rows = [{'text': '8 4', 'score': [8, 4]}, {'text': 'Both.', 'score': [-1, -1]}]
        make([write(tmp_path / 'review_a.jsonl', rows)])
    with pytest.raises(UserError, match='score=7'):
        make([write(tmp_path / 'review_a.jsonl', [{'text': 'Both.', 'score': 7}])])
    with pytest.raises(UserError, match='no relative score'):
        make([write(tmp_path / 'review_a.jsonl', [])])
    rows = [{'text': '8 4', 'score': [-1, -1]}, {'text': 'Both.', 'score': [1, 2]}]
    assert make([write(tmp_path / 'review_a.jsonl', rows)]).ours['a'][RELATIVE] == 150


@pytest.mark.parametrize('text', ['{', '[1]', '{}', '{"a": []}', '{"a": 3}', '{"a": [1, "2"]}', '{"a": [[1]]}'])
def test_score_lists_of_another_form_are_refused_by_the_name_of_their_file(tmp_path, text):
    (tmp_path / 'lists.json').write_text(text)
    with pytest.raises(UserError, match='lists.json'):
        STUDIES['gpt4llm.figure2'].make([tmp_path / 'lists.json'])


def test_every_length_has_one_group():
    lengths = {count: group_of('word ' * count) for count in range(40)}
    assert list(dict.fromkeys(lengths.values())) == list(GROUPS)
    assert [count for count in range(1, 40) if lengths[count] != lengths[count - 1]] == [3, 6, 11]


def test_groups_are_means_of_rouge_l_and_make_up_the_whole():
    references = ['yes', 'no', 'a b c d', 'one two three four five six seven', 'x ' * 20]
    answers = ['yes', 'maybe', 'a c d e', 'seven six one two', 'x ' * 10]
    found = rouge_l_by_length(references, answers)
    scorer = rouge_scorer.RougeScorer(['rougeL'])
    each = [scorer.score(r, a)['rougeL'].fmeasure for r, a in zip(references, answers)]
    assert found['0-2'].rouge_l == pytest.approx(sum(each[:2]) / 2, abs=1e-9)
    assert [found[name].count for name in (*GROUPS, ALL)] == [2, 1, 1, 1, 5]
    assert sum(found[name].count * found[name].rouge_l for name in GROUPS) == pytest.approx(5 * found[ALL].rouge_l)
    assert rouge_l_by_length(['yes'], ['no'])['10>'].rouge_l is None


def test_the_published_groups_make_up_the_published_whole():
    groups = [ROUGE[name] for name in GROUPS]
    assert sum(group['answers'] for group in groups) == ROUGE[ALL]['answers']
    for model in ('Alpaca', 'LLaMA-GPT4', 'GPT-4'):
        mean = sum(group['answers'] * group[model] for group in groups) / 9_000
        assert abs(mean - ROUGE[ALL][model]) < 0.00026


def test_answers_of_a_file_are_grouped(tmp_path):
    rows = [
        {'instruction': 'i', 'input': '', 'label': 'yes', 'output': 'yes', 'ours': 'no'},
        {'instruction': 'i', 'input': '', 'label': 'w ' * 12, 'output': 'w', 'ours': 'w ' * 12},
    ]
    ours = STUDIES['gpt4llm.figure6'].make([write(tmp_path / 'a.jsonl', rows)]).ours
    assert ours['0-2'] == {'answers': 1, 'GPT-4': 1.0, 'ours': 0.0} and ours['10>']['ours'] == 1.0
    with pytest.raises(UserError, match='"label", is missing'):
        STUDIES['gpt4llm.figure6'].make([write(tmp_path / 'a.jsonl', [{'output': 'x'}])])


def test_votes_are_tallied_as_the_paper_prints_them(tmp_path):
    counts = {'win': 381, 'lose': 139, 'tie': 184}
    rows = [
        {'opponent': 'Alpaca', 'criterion': 'helpful', 'vote': vote} for vote, n in counts.items() for _ in range(n)
    ]
    of = STUDIES['gpt4llm.figure3'].make([write(tmp_path / 'votes.jsonl', rows)]).ours['Alpaca, helpful']
    assert of.pop('votes') == 704 and {vote: round(share, 2) for vote, share in of.items()} == VOTES['Alpaca, helpful']
    assert all(sum(shares.values()) == pytest.approx(100, abs=0.02) for shares in VOTES.values())
    with pytest.raises(UserError, match="vote='draw'; must be win, lose or tie"):
        STUDIES['gpt4llm.figure3'].make([write(tmp_path / 'votes.jsonl', [{'vote': 'draw'}])])


def test_a_page_is_written_with_the_papers_values_beside_ours(tmp_path):
    page = write_file_study(tmp_path, STUDIES['gpt4llm.figure4'], [])
    assert '117.7' in page.read_text() and {path.suffix for path in tmp_path.iterdir()} == {
        '.html', '.json', '.svg', '.png', '.csv',
    }  # fmt: skip
    with pytest.raises(UserError, match='give them with --from cmp_data_scores.json'):
        write_file_study(tmp_path, STUDIES['gpt4llm.figure2'], [])
    with pytest.raises(UserError, match='no such file'):
        write_file_study(tmp_path, STUDIES['gpt4llm.figure2'], [tmp_path / 'nothing.json'])


def test_chinese_scores_say_the_same_from_both_sides_and_take_reviews_besides(tmp_path):
    rows = [{'text': '8 9\n好', 'score': [8.0, 9.0]}, {'score': [7, 7]}]
    ours = STUDIES['gpt4llm.figure5'].make([write(tmp_path / 'review_ours.jsonl', rows)]).ours
    assert len(ours) == sum(map(len, FIGURE_5.values())) + 1 and ours['ours'][RELATIVE] == pytest.approx(100 * 15 / 16)
    verdicts = [{'evidence': {'scores': [[9.0, 7.0], [10.0, 8.0]]}}, {'evidence': {'scores': [None, [8.0, 6.0]]}}]
    of_b = STUDIES['gpt4llm.figure5'].make([write(tmp_path / 'b.jsonl', verdicts)]).ours['b']
    assert (of_b['model'], of_b['opponent']) == (7.5 + 3, 9.5 + 4), 'B against A, each order counting half'
    for evidence, message in (
        ({'scores': [['x', 1], None]}, 'not two numbers'),
        ({'replies': ['m']}, 'with --endpoint'),
    ):
        with pytest.raises(UserError, match=message):
            STUDIES['gpt4llm.figure5'].make([write(tmp_path / 'b.jsonl', [{'evidence': evidence}])])
    written, translated = FIGURE_5['in Chinese, vs GPT-4 translated'], FIGURE_5['translated, vs GPT-4 in Chinese']
    assert written['GPT-4'] == translated['GPT-4'][::-1]
    with pytest.raises(UserError, match='two numbers as "score"'):
        STUDIES['gpt4llm.figure5'].make([write(tmp_path / 'review_a.jsonl', [{'score': 7}])])


def test_parses_of_two_files_are_set_side_by_side(tmp_path):
    a = [{'verb': 'write', 'noun': 'story', 'output': f'{n} a b'} for n in range(12)]
    a += [{'verb': 'go', 'noun': None, 'output': 'He goes.'}, a[0]]
    b = [{'verb': 'write', 'noun': 'story', 'output': 'x'}, {'verb': 'make', 'noun': 'cake', 'output': 'y'}]
    files = [write(tmp_path / 'alpaca_gpt4_data.jsonl', a), write(tmp_path / 'b.jsonl', b)]
    page = write_file_study(tmp_path / 'out', STUDIES['gpt4llm.figure1'], files)
    ours = json.loads((page.parent / 'report.json').read_text())['ours']
    assert ours['GPT-4'] == {'outputs': 13, 'with a pair': 12, 'pairs': 1, FREQUENT: 1, 'words, mean': 38 / 13}
    assert [ours[name]['pairs'] for name in ('in both', 'GPT-4 only', 'b only')] == [1, 0, 1]
    assert ours['GPT-4 only'][FREQUENT] == 1 and ours['in both'][FREQUENT] == 0
    pictures = {'sunburst_alpaca_gpt4_data', 'sunburst_b', 'pairs', 'lengths'}
    assert {path.stem for path in page.parent.iterdir() if path.suffix == '.svg'} == pictures
    assert page.read_text().count('<svg') == 4 and '5,229' in page.read_text()


def test_outputs_that_are_not_parsed_are_refused_with_what_to_do(tmp_path):
    make = STUDIES['gpt4llm.figure1'].make
    with pytest.raises(UserError, match='--parser=en_core_web_md'):
        make([write(tmp_path / 'a.jsonl', [{'output': 'Yes.'}])])
    with pytest.raises(UserError, match='no string named output'):
        make([write(tmp_path / 'a.jsonl', [{'verb': 'go', 'noun': None}])])
    with pytest.raises(UserError, match='3 is not a verb or noun'):
        make([write(tmp_path / 'a.jsonl', [{'verb': 'go', 'noun': 3, 'output': 'x'}])])


def test_answers_of_records_join_those_of_the_published_file(tmp_path):
    rows = [{'instruction': 'i', 'input': '', 'label': label, 'output': 'yes'} for label in ('yes', 'no b c d')]
    records = [{'prompt': 'p', 'references': [label], 'prediction': label} for label in ('no b c d', 'yes')]
    folder = tmp_path / 'tiny' / 'evaluation' / 'step_4' / 'unnatural-0'
    folder.mkdir(parents=True)
    published = write(tmp_path / 'a.json', rows)
    ours = STUDIES['gpt4llm.figure6'].make([published, write(folder / 'test.jsonl', records)]).ours
    assert ours['ALL'] == {'answers': 2, 'GPT-4': 0.5, 'tiny, step_4': 1.0}
    with pytest.raises(UserError, match='its references differ from those of'):
        STUDIES['gpt4llm.figure6'].make([published, write(folder / 'test.jsonl', records[:1])])


def test_instruction_files_are_counted(instructions_dir):
    files = [instructions_dir / 'alpaca_gpt4_data_zh.json', instructions_dir / 'preferences_en.json']
    ours = STUDIES['gpt4llm.data'].make(files).ours
    assert [ours[file.stem]['rows'] for file in files] == [1000, 300]
    assert ours['preferences_en']['answers'] == 600
    assert ours['alpaca_gpt4_data_zh']['characters an answer'] > 10 * ours['alpaca_gpt4_data_zh']['words an answer']
