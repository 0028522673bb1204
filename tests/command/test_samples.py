"""`flan-jax samples`: what was stopped goes on to the same samples; paths, votes and the best are made of them."""

import json
import shutil

import pytest

from flan_jax.command import main
from flan_jax.evaluation import samples
from flan_jax.model.config import DecoderConfig, Rotary
from flan_jax.settings import as_plain
from flan_jax.tokenizers.vocabulary import BUNDLED, Vocabulary
from flan_jax.training import checkpoints
from tests.toy import random_params

CONFIG = DecoderConfig(
    vocab_size=4096, num_layers=1, d_model=16, num_heads=2, head_dim=8, d_ff=32, position=Rotary(base=500.0)
)
QUESTIONS = samples.QUESTIONS_PER_FILE + 2
FILES = ['samples_00000.jsonl', 'samples_00001.jsonl', 'settings.json']


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A checkpoint and a file of questions."""
    folder = tmp_path_factory.mktemp('samples')
    metadata = {'model': as_plain(CONFIG), 'vocabulary': Vocabulary().fingerprint}
    checkpoints.save_params(folder / 'checkpoint', random_params(CONFIG), metadata)
    rows = ({'question': f'{n} and 1?', 'answer': f'<<{n}+1={n + 1}>>\n#### {n + 1}'} for n in range(QUESTIONS))
    (folder / 'questions.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    return folder


def draw(folder, output, *more):
    arguments = [
        f'--checkpoint={folder}/checkpoint', f'--vocabulary={BUNDLED}', f'--file={folder}/questions.jsonl', '--keys',
        'prompt=question', 'completion=answer', f'--output={output}', '--samples=2', '--max_new_tokens=2',
    ]  # fmt: skip
    return main.main(['samples', 'draw', *arguments, *more])


def contents(path):
    return {file.name: file.read_bytes() for file in sorted(path.iterdir())}


@pytest.fixture(scope='module')
def drawn(folder):
    assert draw(folder, folder / 'drawn') == 0
    return folder / 'drawn'


def test_every_question_has_its_samples_and_each_is_drawn_for_itself(drawn):
    found = samples.read(drawn)
    assert list(contents(drawn)) == FILES and len(found) == QUESTIONS
    assert found[3].question == samples.Question('3 and 1?', '<<3+1=4>>\n#### 4')
    assert {len(answered.answers) for answered in found} == {2}
    assert sum(len(set(answered.answers)) == 2 for answered in found) > QUESTIONS / 2
    assert found[0].answers != found[samples.QUESTIONS_PER_FILE].answers  # files have random numbers of their own


def test_what_was_stopped_goes_on_to_the_same_samples(folder, drawn, capsys):
    stopped = folder / 'stopped'
    shutil.copytree(drawn, stopped)
    (stopped / FILES[1]).unlink()
    assert main.main(['samples', 'vote', str(stopped)]) == 2
    assert f'samples of {samples.QUESTIONS_PER_FILE} of {QUESTIONS} questions' in capsys.readouterr().err
    assert draw(folder, stopped) == 0
    assert contents(stopped) == contents(drawn)


def test_other_settings_are_refused_for_the_same_folder(folder, drawn, capsys):
    before = contents(drawn)
    assert draw(folder, drawn, '--seed=1', '--temperature=0.5') == 2
    assert 'contains samples with another decoding, seed' in capsys.readouterr().err
    assert draw(folder, drawn, '--dtype=bfloat16', '--param_dtype=bfloat16') == 2
    assert 'contains samples with another dtype, param_dtype' in capsys.readouterr().err
    assert contents(drawn) == before


@pytest.mark.parametrize(
    ('more', 'message'),
    [(['--samples=0'], '--samples=0'), (['--limit=0'], '--limit=0'), (['--keys', 'x'], 'OURS=THEIRS')],
)
def test_bad_options_are_refused(folder, more, message, capsys):
    assert draw(folder, folder / 'none', *more) == 2
    assert message in capsys.readouterr().err and not (folder / 'none').exists()


def write(folder, answers):
    """Samples of a folder with these answers to the first questions."""
    samples.require_same(folder, {'questions': len(answers)})
    questions = [samples.Question(f'{n} and 1?', f'<<{n}+1={n + 1}>>\n#### {n + 1}') for n in range(len(answers))]
    given = [samples.Answered(question, tuple(of)) for question, of in zip(questions, answers)]
    samples.draw(folder, questions, lambda asked, call: given, lambda count: None)


def test_right_and_distinct_paths_of_two_models_stand_beside_the_references(tmp_path):
    write(tmp_path / 'a', [['<<1+0=1>>\n#### 1', '<<1+1=1>>\n#### 1'], ['#### 7', '']])
    write(tmp_path / 'b', [['so <<1+0=1>>\n#### 1'], ['#### 2']])
    output = tmp_path / 'paths.jsonl'
    assert main.main(['samples', 'paths', f'{tmp_path}/a', f'{tmp_path}/b', f'--output={output}']) == 0
    assert [json.loads(line) for line in output.read_text().splitlines()] == [
        {'prompt': '0 and 1?', 'completion': '<<0+1=1>>\n#### 1'},
        {'prompt': '0 and 1?', 'completion': '<<1+0=1>>\n#### 1'},
        {'prompt': '1 and 1?', 'completion': '<<1+1=2>>\n#### 2'},
        {'prompt': '1 and 1?', 'completion': '#### 2'},
    ]


def test_votes_and_the_best_of_n_are_printed(tmp_path, capsys):
    write(tmp_path / 'a', [['a b #### 1', '#### 3', '#### 1'], ['#### 1', '#### 1', 'it is #### 2']])
    assert main.main(['samples', 'vote', f'{tmp_path}/a']) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [(row[0], row[1], row[-1]) for row in rows[1:]] == [
        ('1', '50.0', '50.0'),
        ('2', '50.0', '83.3'),
        ('3', '50.0', '100.0'),
    ]
    output = tmp_path / 'best.jsonl'
    arguments = ['best', f'{tmp_path}/a', '--scorer=fewer_words', '--reward=right', f'--output={output}']
    assert main.main(['samples', *arguments]) == 0
    expected = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()[1:]]
    assert expected == [0.5, 0.25, 0.25]  # two are the shortest in each question: half of them right, and none
    assert [json.loads(line)['answer'] for line in output.read_text().splitlines()] == ['#### 3', '#### 1']
    assert main.main(['samples', *arguments, '--rank=3']) == 0
    worst = [json.loads(line)['answer'] for line in output.read_text().splitlines()]
    assert worst == ['a b #### 1', 'it is #### 2']
    assert main.main(['samples', *arguments, '--rank=4']) == 2
    assert '--rank=4: must be from 1 to the 3 answers' in capsys.readouterr().err
