"""The format of an instruction file is found by its keys, or what is missing is said."""

import json

import pyarrow
import pyarrow.parquet
import pytest

from flan_jax.data.example_files import ExampleError
from flan_jax.data.instruction_files import known_formats
from flan_jax.data.instruction_files.detected import format_of_file, most_responses

TURNS = [{'role': 'user', 'content': 'Who?'}, {'role': 'assistant', 'content': 'Ann.'}]
ROWS = {
    'alpaca': {'instruction': 'Who?', 'input': '', 'output': 'Ann.'},
    'messages': {'messages': TURNS},
    'prompt_completion': {'prompt': 'Who?', 'completion': 'Ann.'},
    'preference': {'prompt': 'Who?', 'chosen': 'Ann.', 'rejected': 'Bob.'},
}


@pytest.mark.parametrize('name', ROWS)
@pytest.mark.parametrize('suffix', ['json', 'jsonl', 'parquet'])
def test_each_format_is_found_in_each_kind_of_file(tmp_path, name, suffix):
    path = tmp_path / f'rows.{suffix}'
    if suffix == 'parquet':
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([ROWS[name]]), path)
    else:
        path.write_text(json.dumps([ROWS[name]] if suffix == 'json' else ROWS[name]))
    assert format_of_file(path, known_formats(), {}) == name


def test_the_longest_ranking_is_found_in_any_row(tmp_path):
    rows = [{'question': 'Who?', 'responses': list('abcd')[:n], 'scores': list(range(n))} for n in (2, 4, 3)]
    (tmp_path / 'rows.jsonl').write_text('\n'.join(map(json.dumps, rows)))
    ranked, pairs = known_formats()['ranked'], known_formats()['preference']
    assert most_responses(tmp_path / 'rows.jsonl', ranked, {'prompt': 'question'}) == 4
    (tmp_path / 'pairs.jsonl').write_text(json.dumps(ROWS['preference']))
    assert most_responses(tmp_path / 'pairs.jsonl', pairs, {}) == 2


def test_keys_with_other_names_are_found_when_they_are_told(tmp_path):
    (tmp_path / 'rows.jsonl').write_text(json.dumps({'question': 'Who?', 'answer': 'Ann.'}))
    with pytest.raises(ExampleError, match='line 1: the keys are question, answer, which match none of these formats'):
        format_of_file(tmp_path / 'rows.jsonl', known_formats(), {})
    keys = {'prompt': 'question', 'completion': 'answer'}
    assert format_of_file(tmp_path / 'rows.jsonl', known_formats(), keys) == 'prompt_completion'


def test_what_can_be_read_in_two_ways_has_to_be_named(tmp_path):
    (tmp_path / 'rows.jsonl').write_text(json.dumps(ROWS['messages'] | ROWS['preference']))
    with pytest.raises(ExampleError, match='as messages and as preference; choose one with --format'):
        format_of_file(tmp_path / 'rows.jsonl', known_formats(), {})
    (tmp_path / 'rows.jsonl').write_text('')
    with pytest.raises(ExampleError, match='contains no examples'):
        format_of_file(tmp_path / 'rows.jsonl', known_formats(), {})
