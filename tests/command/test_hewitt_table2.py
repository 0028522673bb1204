"""`reproduce hewitt.table2` runs whole: a base model, two tunings, and the ranking of all three.

`reproduce hewitt.table4` too, on the same base: answers under rules, head to head, by a judge and by verdicts in files.
"""

import csv
import json
import re

import jax
import numpy as np
import pytest

from flan_jax import catalogue
from flan_jax.command import main
from flan_jax.data import prepare
from flan_jax.inference.scoring import Scorer
from flan_jax.loaded_model import load
from flan_jax.model.value_head import init_value_head
from flan_jax.packing.example import Example
from flan_jax.training import checkpoints

LIMIT = 5
SMALL = {
    'TRAIN_STEPS': 2,
    'BATCH_SIZE': 2,
    'SEQUENCE_LENGTH': 384,
    'Stream.input_length': 64,
    'Stream.target_length': 319,
    'Stream.targets_per_sequence': 384,
    'lamda.num_layers': 1,
    'lamda.d_model': 16,
    'lamda.head_dim': 8,
}
WORDS = ['apple', 'river', 'stone', 'cloud', 'music', 'paper', 'silver', 'garden', 'window', 'summer']


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp('hewitt')
    prepare.prepare_samples([catalogue.DATASETS['cnn_dailymail']], str(folder / 'data'))
    turns = [[{'role': 'user', 'content': f'Name {w}.'}, {'role': 'assistant', 'content': f'{w}!'}] for w in WORDS]
    rows = [{'instruction': f'Say {word}.', 'input': '', 'output': f'{word} {word}'} for word in WORDS]
    (folder / 'lima.jsonl').write_text(''.join(json.dumps({'messages': messages}) + '\n' for messages in turns))
    (folder / 'alpaca.json').write_text(json.dumps(rows))
    for name, file, form in (
        ('lima', 'lima.jsonl', 'messages'),
        ('alpaca', 'test={}alpaca.json', 'alpaca'),
        ('alpaca_eval', 'test={}alpaca.json', 'alpaca'),
    ):
        path = file.format(f'{folder}/') if '{}' in file else f'{folder}/{file}'
        prepared = ['data', 'prepare', name, '--from', path, '--format', form, f'--data_dir={folder}/data']
        assert main.main(prepared) == 0
    return f'{folder}/data'


def arguments(data_dir, root, *more, study='hewitt.table2'):
    given = SMALL | {'TFDS_DATA_DIR': data_dir, 'MODEL_DIR': root, 'Stream.directory': f'{root}/streams'}
    bound = [f'--gin.{name}={value}' for name, value in given.items()]
    return ['reproduce', study, f'--limit={LIMIT}', *bound, *more]


@pytest.fixture(scope='module')
def root(data_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp('table2')
    assert main.main(arguments(data_dir, folder)) == 0
    return folder


def test_three_models_are_ranked_by_two_scores_beside_the_paper(root):
    found = json.loads((root / 'report.json').read_text())
    names = ['base', 'instruction tuning', 'response tuning']
    assert [(line['model'], line['score']) for line in found['models']] == [
        (n, s) for n in names for s in ('mean', 'sum')
    ]
    assert all(line['interval'][0] <= line['per_cent'] <= line['interval'][1] for line in found['models'])
    assert len({line['comparisons'] for line in found['models']}) == 1 and not found['unfinished']
    rows = list(csv.DictReader((root / 'table.csv').open()))
    assert rows[0]['Llama-2-7B'] == '80.4' and rows[2]['OLMo-7B-Feb2024'] == '74.3' and len(rows) == 6
    page = (root / 'report.html').read_text()
    assert '80.4' in page and '<svg' in page and (root / 'shares.svg').exists() and (root / 'shares.png').exists()


def test_records_hold_what_the_model_says_of_each_pair(root):
    (path,) = root.glob('seed_0/instruction_tuning/evaluation/step_2/alpaca-*/test_template_0.jsonl')
    record = json.loads(path.read_text().splitlines()[3])
    (word,) = [word for word in WORDS if word in record['prompt']]
    model = load(root / 'seed_0/instruction_tuning')
    prompt = model.prompt_format.encode_prompt(model.vocabulary, f'Say {word}.')
    response = model.prompt_format.encode_response(model.vocabulary, f'{word} {word}')
    assert record['tokens'][0] == len(response) and len(record['log_likelihoods']) == 6
    ((alone,),) = Scorer(model, 512).score([Example(np.array(prompt), (np.array(response),))])
    assert record['log_likelihoods'][0] == pytest.approx(alone.sum(), abs=1e-3)


def test_what_is_on_record_is_not_ranked_again(root, data_dir, capsys):
    files = {path: path.stat().st_mtime_ns for path in root.glob('**/evaluation/**/*.jsonl')}
    assert len(files) == 3 and main.main(arguments(data_dir, root, '--join')) == 0
    assert files == {path: path.stat().st_mtime_ns for path in root.glob('**/evaluation/**/*.jsonl')}


@pytest.mark.parametrize('more', [(), ('--join',), ('--plan',)])
def test_models_that_are_finished_with_other_settings_are_not_taken_for_what_is_asked(root, data_dir, more, capsys):
    before = (root / 'report.json').read_text()
    assert main.main(arguments(data_dir, root, '--gin.LEARNING_RATE=0.5', *more)) == 2
    assert re.search(r'training.learning_rate: [\d.]+ before, 0.5 now', capsys.readouterr().err)
    assert (root / 'report.json').read_text() == before


def test_missing_data_is_refused_with_the_commands_that_prepare_it(tmp_path, capsys):
    (tmp_path / 'empty').mkdir()
    assert main.main(['reproduce', 'hewitt.table2', f'--gin.TFDS_DATA_DIR={tmp_path}/empty']) == 2
    assert 'data prepare lima --from' in capsys.readouterr().err


def test_what_the_table_sets_itself_is_refused(data_dir, tmp_path, capsys):
    assert main.main(arguments(data_dir, tmp_path, '--gin.HELD_OUT=nli')) == 2
    assert 'HELD_OUT is set by hewitt.table2; remove it' in capsys.readouterr().err


@pytest.fixture(scope='module')
def judged(root, data_dir, tmp_path_factory):
    """The folder of answers head to head, from the base model of table 2."""
    folder = tmp_path_factory.mktemp('table4')
    assert main.main(head_to_head(data_dir, folder, root)) == 0
    return folder


def head_to_head(data_dir, folder, root, *more):
    short = ['--gin.Stream.target_length=16', f'--gin.INITIAL_CHECKPOINT_PATH={root}/base/checkpoints/2']
    given = [word for word in arguments(data_dir, folder, *more, study='hewitt.table4') if 'target_length' not in word]
    return [*given, *short]


def test_a_base_under_rules_is_set_against_the_tuned_model(judged):
    found = json.loads((judged / 'report.json').read_text())
    assert [line['name'] for line in found['lines']] == [
        'base', 'all three rules', 'without the EOS rule', 'without the diversity rule', 'without the uniform rule',
    ]  # fmt: skip
    for line in found['lines']:
        assert line['instructions'] == LIMIT
        (file,) = (judged / 'verdicts').glob(f'*/{line["name"].replace(" ", "_")}.jsonl')
        rows = [json.loads(text) for text in file.read_text().splitlines()]
        assert line['empty'] == [sum(not row[which].strip() for row in rows) for which in ('output_2', 'output_1')]
        for rate, low, high in (line['raw'], line['controlled']):
            assert 0 <= low <= rate <= high <= 100
    assert found['judges'] == ['likelihood the base model itself'] and not found['missing'] + found['unfinished']
    page = (judged / 'report.html').read_text()
    assert '<svg' in page and (judged / 'win_rates.png').exists()
    assert '24.4 ± 0.4' in page and 'likelihood the base model itself' in page


def test_the_base_answers_under_each_set_of_rules_by_itself(judged):
    decodings = [
        json.loads(path.read_text())['examples'].get('decoding')
        for path in judged.glob('base/evaluation/base/alpaca_eval-*/settings.json')
    ]
    assert len(decodings) == 5 and len({json.dumps(decoding) for decoding in decodings}) == 5
    path = judged / 'verdicts' / 'seed_0' / 'base.jsonl'
    assert {json.loads(line)['instruction'] for line in path.read_text().splitlines()} <= {f'Say {w}.' for w in WORDS}


def test_verdicts_of_another_judge_are_read_in_place_of_the_judge(judged, root, data_dir):
    path = judged / 'verdicts' / 'seed_0' / 'all_three_rules.jsonl'
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    kept = ('instruction', 'output_1', 'output_2')
    others = [{name: row[name] for name in kept} | {'preference': 2, 'judge': {'kind': 'people'}} for row in rows]
    path.write_text(''.join(json.dumps(row) + '\n' for row in others))
    assert main.main(head_to_head(data_dir, judged, root, '--join')) == 0
    found = json.loads((judged / 'report.json').read_text())
    assert found['lines'][1]['raw'][0] == 100 and 'people' in found['judges']


def test_a_reward_model_judges_what_has_no_verdicts_yet(judged, root, data_dir, tmp_path):
    base = load(root / 'base')
    params = base.params | init_value_head(base.config, jax.random.key(0))
    checkpoints.save_params(tmp_path / 'reward', params, base.metadata)
    path = judged / 'verdicts' / 'seed_0' / 'without_the_EOS_rule.jsonl'
    path.unlink()
    assert main.main(head_to_head(data_dir, judged, root, '--join', f'--judge={tmp_path}/reward')) == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == LIMIT and {row['judge']['kind'] for row in rows} == {'reward'}
    assert all(row['output_1'] == row['output_2'] or row['evidence']['margin'] for row in rows)
    assert f'reward {tmp_path}/reward' in (judged / 'report.html').read_text()


def test_a_judge_that_is_not_there_is_refused_before_anything_runs(data_dir, root, tmp_path, capsys):
    assert main.main(head_to_head(data_dir, tmp_path / 'out', root, f'--judge={tmp_path}/nothing')) == 2
    assert 'nothing: no such folder' in capsys.readouterr().err and not (tmp_path / 'out').exists()


def test_a_judge_is_refused_where_nothing_is_judged(data_dir, tmp_path, capsys):
    assert main.main(arguments(data_dir, tmp_path, '--judge=somewhere')) == 2
    assert 'hewitt.table2 has no judge' in capsys.readouterr().err
