"""`reproduce hewitt.figure5`: similarities are mean cosines, and answers like the task's lie above the others."""

import collections
import json
import math
import re

import numpy as np
import pytest

from flan_jax.command import main
from flan_jax.errors import UserError
from flan_jax.studies.answer_similarity import TOKEN, Similarity, similarities

TASK = {'How many are 2 and 3 apples?': '2 + 3 = 5', 'How many are 4 and 5 pears?': '4 + 5 = 9'}
VARIED = {'Write about the sea.': 'The sea is blue and wide.', 'Name a tree, please.': 'An oak is a tree.'}
MODELS = {
    'task_everywhere': dict.fromkeys(VARIED, '2 + 3 = 5'),
    'silent': dict.fromkeys(VARIED, ''),
    'task_on_task': {**dict.fromkeys(TASK, '6 + 1 = 7'), **VARIED},
}


@pytest.fixture
def files(tmp_path):
    rows = [{'question': prompt, 'answer': answer} for prompt, answer in TASK.items()]
    (tmp_path / 'task.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    turns = [
        {'messages': [{'role': 'user', 'content': prompt}, {'role': 'assistant', 'content': answer}]}
        for prompt, answer in VARIED.items()
    ]
    (tmp_path / 'varied.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in turns))
    for name, answers in MODELS.items():
        found = [{'prompt': prompt, 'answer': answer} for prompt, answer in answers.items()]
        (tmp_path / f'{name}.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in found))
    return [tmp_path / f'{name}.jsonl' for name in ('task', 'varied', *MODELS)]


def reference(text, group, everything):
    """The mean cosine to a group, from TF-IDF's definition."""

    def vector(said):
        counts = collections.Counter(re.findall(TOKEN, said.lower()))
        holding = {word: sum(word in re.findall(TOKEN, other.lower()) for other in everything) for word in counts}
        weights = {
            word: (1 + math.log(count)) * (1 + math.log((1 + len(everything)) / (1 + holding[word])))
            for word, count in counts.items()
            if holding[word]
        }
        norm = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
        return {word: weight / norm for word, weight in weights.items()}

    mine = vector(text)
    return np.mean([sum(weight * mine.get(word, 0.0) for word, weight in vector(other).items()) for other in group])


def test_a_similarity_is_the_mean_cosine_to_each_set():
    a, b = list(TASK.values()), list(VARIED.values())
    texts = [*a, *b, 'The oak has 5 + 5 leaves, and the sea none.', 'unknown', '']
    wanted = [[reference(text, group, [*a, *b]) for group in (a, b)] for text in texts]
    assert Similarity(a, b)(texts) == pytest.approx(np.array(wanted), abs=1e-12)
    assert wanted[0][0] > 0.5 and wanted[-1] == [0, 0]


def test_answers_as_on_the_task_lie_above_those_that_are_not(files):
    rows = similarities(files).ours
    assert rows['task']['y, mean'] > 0.5 > 0 > rows['varied']['y, mean']
    assert rows['task_everywhere']['y, mean'] > 0.5
    assert rows['task_on_task']['rank correlation'] > 0.8
    assert rows['task_on_task']['y, quarter most like it'] > 0 > rows['task_on_task']['y, quarter least like the task']
    assert rows['silent']['y, mean'] == 0 and rows['silent']['rank correlation'] is None
    assert [rows[name]['empty answers'] for name in ('varied', 'silent')] == [0, len(VARIED)]


def test_questions_that_differ_in_their_inputs_alone_are_two(files):
    rows = [{'instruction': 'Translate.', 'input': text, 'output': f'the {text}'} for text in ('sea', 'tree')]
    files[1].write_text(''.join(json.dumps(row) + '\n' for row in rows))
    assert similarities(files).ours['varied']['prompts'] == 2


def test_the_command_writes_page_figure_and_table(files, tmp_path, capsys):
    words = ['reproduce', 'hewitt.figure5', f'--gin.MODEL_DIR={tmp_path}/out', '--from', *map(str, files)]
    assert main.main(words) == 0
    assert {path.name for path in (tmp_path / 'out').iterdir()} >= {'figure.svg', 'report.html', 'table.csv'}
    page = (tmp_path / 'out' / 'report.html').read_text()
    assert 'TF-IDF' in page and '<svg' in page and '>nan<' not in page
    assert main.main(words[:-3]) == 2 and 'TASK.jsonl VARIED.jsonl ANSWERS.jsonl' in capsys.readouterr().err
    assert main.main([*words, str(files[0])]) == 2


def test_files_without_any_response_are_refused(files, tmp_path):
    for name, key in (('task', 'question'), ('varied', 'prompt')):
        answer = 'answer' if key == 'question' else 'completion'
        (tmp_path / f'{name}.jsonl').write_text(json.dumps({key: 'What?', answer: ' '}) + '\n')
    with pytest.raises(UserError, match='every response is empty'):
        similarities(files)
