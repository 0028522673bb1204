"""What is exported for other trainers says of every example what is right under its template."""

import json

import pyarrow.parquet

from flan_jax import catalogue
from flan_jax.data.export import exported_examples, write_examples
from flan_jax.data.own_instructions import Instructions
from flan_jax.data.prepare_instructions import prepare_instructions


def test_references_are_of_the_template(samples_dir):
    """Of the direction into English, they are English; of an inverted template, what it asks for."""
    names = 'wmt16_translate_deen', 'rte', 'squad_v1'
    found = list(exported_examples(map(catalogue.dataset, names), 'train', samples_dir, 2))
    assert {ex['dataset'] for ex in found if ex['inverted']} == set(names)
    for ex in found:
        template = catalogue.dataset(ex['dataset']).templates[ex['template']]
        assert ex['targets'] in ex['references']
        assert bool(ex['options']) == (ex['dataset'] == 'rte' and not ex['inverted'])
        assert len(ex['references']) == 1 or template.targets == '{answer}'


def test_parquet_holds_what_json_lines_hold(tmp_path):
    turns = ['Be brief.', 'Hi', 'Hello', 'More?', 'Yes {x}']
    roles = ['system', 'user', 'assistant', 'user', 'assistant']
    row = {'messages': [{'role': role, 'content': text} for role, text in zip(roles, turns)]}
    (tmp_path / 'train.jsonl').write_text(json.dumps(row) + '\n')
    talks = Instructions(name='exported_talks')
    prepare_instructions(talks, {'train': tmp_path / 'train.jsonl'}, 'messages', str(tmp_path / 'data'), origin='')
    (expected,) = exported_examples([talks.dataset], 'train', str(tmp_path / 'data'))
    expected['history'] = list(expected['history'])
    assert (expected['history'], expected['system']) == (['Hi', 'Hello'], 'Be brief.')
    for file_format in ('jsonl', 'parquet'):
        write_examples([expected], tmp_path / f'out.{file_format}', file_format)
    assert json.loads((tmp_path / 'out.jsonl').read_text()) == expected
    assert pyarrow.parquet.read_table(tmp_path / 'out.parquet').to_pylist() == [expected]
