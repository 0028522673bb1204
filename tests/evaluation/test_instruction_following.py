"""The Instruction Following Score: what it counts, and how well our classifier tells answers from continuations."""

import dataclasses
import json

import numpy as np
import pytest

from flan_jax.command import ifs
from flan_jax.data.example_files import read_file
from flan_jax.data.instruction_files import format_called
from flan_jax.data.instruction_following import build
from flan_jax.errors import UserError
from flan_jax.evaluation import records
from flan_jax.evaluation.instruction_following.classifier import (
    WEIGHTS_FILE,
    WORDS_FILE,
    AnswerClassifier,
    features,
    fit,
    load,
    save,
)
from flan_jax.evaluation.instruction_following.quality import PAPER, quality
from flan_jax.evaluation.instruction_following.score import instruction_following
from flan_jax.evaluation.judges.instruction_following import InstructionFollowing
from tests.conftest import REAL_DATA

FILES = REAL_DATA.parent / 'instructions'

ORACLE = AnswerClassifier(['0 sorry'], np.array([2.0]), -1.0)
"""Takes what begins with an apology for an answer."""


@pytest.fixture
def learned():
    texts = ['The sky is blue.', 'A dog is an animal.', 'sky blue? The sky', 'dog an animal? A dog'] * 3
    return fit(texts, [1, 1, 0, 0] * 3)


def test_an_echo_follows_no_instruction_and_an_apology_all():
    kinds = ['partial', 'full', 'full']
    assert instruction_following(ORACLE, ['of it'] * 3, kinds)['IFS'].value == 0
    found = instruction_following(ORACLE, ['Sorry, I do not know.'] * 3, kinds)
    assert {share.value for share in found.values()} == {1.0} and found['IFS'].low < 0.5


def test_the_score_is_the_mean_of_its_parts_by_their_sizes():
    kinds = ['partial'] * 3 + ['full'] * 7
    answers = ['Sorry'] * 2 + ['of'] * 4 + ['Sorry'] * 4
    found = instruction_following(ORACLE, answers, kinds)
    partial, full = found['IFS partial'], found['IFS full']
    assert (partial.value, full.value) == (pytest.approx(2 / 3), pytest.approx(4 / 7))
    assert found['IFS'].value == pytest.approx((3 * partial.value + 7 * full.value) / 10)
    assert all(share.low < share.value < share.high for share in found.values())


def test_silence_is_no_answer():
    assert not AnswerClassifier([], np.zeros(0), 1.0).is_answer(['', ' \n']).any()


def test_scores_are_those_of_scikit_learn(learned):
    """The weights are applied by our own code, the sum over the features that a text has."""
    from sklearn.feature_extraction.text import CountVectorizer

    texts = ['The dog is blue.', 'animal? It is.', '12 times']
    vectorizer = CountVectorizer(analyzer=features, binary=True, vocabulary=learned.features)
    expected = vectorizer.transform(texts) @ learned.weights_F + learned.bias
    np.testing.assert_allclose(learned.scores(texts), expected, rtol=1e-5)


def test_a_classifier_is_kept_as_numbers_and_words(learned, tmp_path):
    save(learned, tmp_path)
    texts = ['The dog.', 'blue? The']
    np.testing.assert_array_equal(load(tmp_path).scores(texts), learned.scores(texts))
    assert {path.name for path in tmp_path.iterdir()} == {WEIGHTS_FILE, WORDS_FILE}
    (tmp_path / WORDS_FILE).write_text(json.dumps({'version': 0, 'features': []}))
    with pytest.raises(UserError, match='train it again'):
        load(tmp_path)
    for file in (WEIGHTS_FILE, WORDS_FILE):
        (tmp_path / file).write_text('{')
        with pytest.raises(UserError, match='is damaged'):
            load(tmp_path)
    with pytest.raises(UserError, match='contains no classifier'):
        load(tmp_path / 'nothing')


def test_one_label_alone_teaches_nothing():
    with pytest.raises(UserError, match='labelled 0 and 1'):
        fit(['a', 'b'], [1, 1])


def test_records_are_judged_with_an_interval():
    records = [{'dataset': 'd', 'prediction': text, 'references': [''], 'group': ''} for text in ['Sorry'] * 9 + ['of']]
    judge = InstructionFollowing(ORACLE)
    low, high = judge.interval([records, records])
    assert judge.scores(records) == {'instruction_following': pytest.approx(90.0)} and 60 < low < 90 < high <= 100
    with pytest.raises(ValueError, match='no generated answers'):
        judge.scores([{'dataset': 'd', 'options': []}])


def test_the_records_of_a_run_are_scored_by_dataset_and_model(tmp_path, capsys):
    """One template all of whose texts are taken for answers, one with half of them; ranked options are none."""
    save(ORACLE, tmp_path / 'classifier')
    folder = records.model_folder(tmp_path, records.step_model(7)) / 'tales-1'
    (folder).mkdir(parents=True)
    (folder / records.SETTINGS_FILE).write_text('{}')
    for template, texts in enumerate((['Sorry'] * 4, ['Sorry', 'of'] * 2)):
        key = records.RecordKey('tales', '', template, 'test')
        lines = [dataclasses.asdict(key) | {'prediction': text, 'references': [''], 'group': ''} for text in texts]
        records.write(folder, key, lines)
    ranked = records.RecordKey('tales', '', 2, 'test')
    records.write(folder, ranked, [dataclasses.asdict(ranked) | {'options': ['a', 'b']}])
    arguments = [f'--data={tmp_path}', f'--classifier={tmp_path / "classifier"}']
    assert ifs.main(['score', str(tmp_path), *arguments]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if 'tales' in line)
    assert line.split()[:4] == ['step_7', 'tales', 'test', '75.0'] and line.split()[-1] == '8'
    with pytest.raises(UserError, match='contains no records of generated answers'):
        ifs.main(['score', str(folder), *arguments])


def test_held_out_dialogues_are_told_apart():
    """Half of the target's data, so that the test is short; the paper reports 0.970 for a BERT."""
    if not FILES.is_dir():
        pytest.skip('no real instruction files beside the repository (../shared/instructions)')
    read = format_called('alpaca').read
    built = build(read(where, row) for where, row in read_file(FILES / 'alpaca_gpt4_data.json'))
    texts, labels = ([row[key] for row in built.train] for key in ('text', 'label'))
    found = quality(fit(texts, labels), *([row[key] for row in built.validation] for key in ('text', 'label')))
    assert found['accuracy'] >= 0.95 and found.keys() == PAPER.keys()


def test_the_command_goes_from_dialogues_to_a_score(tmp_path, capsys):
    rows = [{'instruction': f'name {n} things', 'output': f'Sorry, {n} is a lot.'} for n in range(60)]
    (tmp_path / 'rows.json').write_text(json.dumps(rows))
    data = tmp_path / 'data'
    assert ifs.main(['data', str(tmp_path / 'rows.json'), f'--output={data}']) == 0
    assert ifs.main(['train', f'--data={data}']) == 0
    theirs = [{'inputs': row['instruction'], 'targets': row['output']} for row in rows]
    (tmp_path / 'theirs.json').write_text(json.dumps(theirs))
    keys = ['--keys', 'instruction=inputs', 'output=targets']
    assert ifs.main(['data', str(tmp_path / 'theirs.json'), f'--output={tmp_path / "same"}', *keys]) == 0
    assert (tmp_path / 'same' / 'train.jsonl').read_text() == (data / 'train.jsonl').read_text()
    prompts = [json.loads(line)['prompt'] for line in (data / 'instructions.jsonl').read_text().splitlines()]
    answers = tmp_path / 'answers.jsonl'
    answers.write_text(''.join(json.dumps({'prompt': p, 'answer': 'Sorry, 7 is a lot.'}) + '\n' for p in prompts))
    assert ifs.main(['score', str(answers), f'--data={data}']) == 0
    printed = capsys.readouterr().out
    assert '0.970' in printed and 'IFS partial' in printed and '1.000  ' in printed
    answers.write_text(json.dumps({'prompt': 'another', 'answer': ''}))
    with pytest.raises(UserError, match='--seed=-1: must be at least 0'):
        ifs.main(['data', str(tmp_path / 'rows.json'), f'--output={data}', '--seed=-1'])
    with pytest.raises(UserError, match="the prompt 'another' is not in"):
        ifs.main(['score', str(answers), f'--data={data}'])
