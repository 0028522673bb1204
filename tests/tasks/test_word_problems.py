"""Generated word problems: solutions are right and sound, splits are apart, and every text is told by its tokens."""

import itertools
import json
import re

from flan_jax.metrics.solutions import equation_key, equations, final_answer, is_right, is_sound
from flan_jax.tasks import word_problems
from flan_jax.tokenizers.vocabulary import Vocabulary


def test_solutions_are_sound_and_answer_the_question():
    """By a plain computation from the numbers of the question."""
    for problem in itertools.islice(word_problems.problems(seed=1), 300):
        a, b, c = map(int, re.findall(r'\d+', problem.prompt))
        expected = a + b - c if 'away' in problem.prompt else a * b + c if 'bags' in problem.prompt else a + b + c
        assert float(final_answer(problem.completion)) == expected, problem
        assert is_sound(problem.completion) and len(equations(problem.completion)) == 2, problem


def test_a_sum_can_be_taken_in_several_orders():
    numbers = {'a': 9, 'b': 4, 'c': 3}
    for kind, (_, beginnings) in word_problems.KINDS.items():
        found = [word_problems.solution(kind, beginning, numbers, 'pens') for beginning in beginnings]
        assert len(set(map(equation_key, found))) == len(beginnings)
        assert all(is_right(one, found[0]) for one in found)


def test_splits_are_apart_and_tokens_give_the_texts_back(tmp_path):
    word_problems.write(tmp_path, {'train': 50, 'test': 20})
    splits = {
        split: [json.loads(line) for line in (tmp_path / f'{split}.jsonl').read_text().splitlines()]
        for split in ('train', 'test')
    }
    prompts = {split: {row['prompt'] for row in rows} for split, rows in splits.items()}
    assert (len(prompts['train']), len(prompts['test'])) == (50, 20) and not prompts['train'] & prompts['test']
    vocabulary = Vocabulary(str(tmp_path / word_problems.VOCABULARY))
    assert len(vocabulary) <= word_problems.VOCABULARY_SIZE
    for row in splits['train'] + splits['test']:
        for text in row.values():
            assert vocabulary.decode(vocabulary.encode(text)) == text
    again = tmp_path / 'again'
    word_problems.write(again, {'train': 50, 'test': 20})
    assert all(
        (again / f'{split}.jsonl').read_bytes() == (tmp_path / f'{split}.jsonl').read_bytes() for split in splits
    )
    tokenizer = f'{word_problems.VOCABULARY}/tokenizer.json'
    assert (again / tokenizer).read_bytes() == (tmp_path / tokenizer).read_bytes()
