"""`flan-jax ppo` learns by a reward model, goes on where it was, and leaves a model that answers."""

import contextlib
import json
import pathlib
import shutil

import jax
import numpy as np
import pytest

from flan_jax import loaded_model
from flan_jax.command import configuration, main
from flan_jax.command.inspect_run import checks_of_run
from flan_jax.command.ppo import policy_folder
from flan_jax.convert.base_model import to_hugging_face
from flan_jax.convert.folder import ConversionError
from flan_jax.data.formats.tulu import Tulu
from flan_jax.errors import UserError
from flan_jax.evaluation import samples
from flan_jax.inference.rewards import RewardModel
from flan_jax.model.value_head import init_value_head
from flan_jax.packing.example import Example
from flan_jax.settings import as_plain
from flan_jax.tasks import word_problems
from flan_jax.tokenizers.vocabulary import Vocabulary
from flan_jax.training import checkpoints, metrics_log
from flan_jax.training.weights import content_of
from tests.distributed import jobs
from tests.toy import random_params

SETTINGS = {
    'DecoderConfig.num_layers': 1, 'DecoderConfig.d_model': 16, 'DecoderConfig.num_heads': 2, 'DecoderConfig.d_ff': 32,
    'DecoderConfig.head_dim': 8, 'TRAIN_STEPS': 8, 'BATCH_SIZE': 4, 'Training.checkpoint_every': 4,
    'Training.warmup_steps': 0, 'Ppo.prompts': 8, 'Ppo.answers': 2, 'Ppo.max_new_tokens': 4, 'Ppo.reward': 'out/reward',
    'MODEL_DIR': 'out/ppo',
}  # fmt: skip


def settings():
    """The run as gin resolves it."""
    return configuration.load(['gin/runs/ppo.gin'], {name: str(value) for name, value in SETTINGS.items()})


@contextlib.contextmanager
def other_weights(checkpoint, params):
    """Other weights lie in a checkpoint's place: it was tuned further, say, while the run was stopped."""
    kept = checkpoint.with_name('kept')
    metadata = checkpoints.metadata(checkpoint)
    checkpoint.rename(kept)
    checkpoints.save_params(checkpoint, params, metadata)
    try:
        yield
    finally:
        shutil.rmtree(checkpoint)
        kept.rename(checkpoint)


def run(**changes):
    bindings = [f'--gin.{name}={value}' for name, value in (SETTINGS | changes).items()]
    return main.main(['ppo', '--gin_file=gin/runs/ppo.gin', *bindings])


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Where a user is who has tuned a model and a reward model; and has begun with PPO."""
    folder = tmp_path_factory.mktemp('user')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        word_problems.write(folder / 'out/rft', {'train': 6, 'test': 2})
        ppo = settings()
        metadata = {
            'model': as_plain(ppo.model),
            'vocabulary': Vocabulary('out/rft/words').fingerprint,
            'vocabulary_path': 'out/rft/words',
        }
        params = random_params(ppo.model)
        checkpoints.save_params(folder / ppo.initial_checkpoint, params, metadata)
        head = init_value_head(ppo.model, jax.random.key(1))
        checkpoints.save_params(folder / 'out/reward', params | head, metadata)
        of_tulu = metadata | {'prompt_format': Tulu().recipe}
        checkpoints.save_params(folder / 'out/reward_in_tulu', params | head, of_tulu)
        (folder / 'out/prompts.jsonl').write_text('{"prompt": "Ada has 3 pens."}\n')
        assert run() == 0
    return folder


@pytest.fixture(autouse=True)
def there(folder, monkeypatch):
    monkeypatch.chdir(folder)


def test_rounds_are_told_and_their_answers_kept(folder):
    lines = metrics_log.read(folder / 'out/ppo')
    assert [line['step'] for line in lines] == [4, 8] and all('reward' in line for line in lines)
    records = (folder / 'out/ppo/rollouts/round_00001.jsonl').read_text().splitlines()
    assert len(records) == 8 and len(json.loads(records[0])['rewards']) == 2


def test_the_model_that_is_left_answers(capsys):
    arguments = ['--max_new_tokens=3', '--temperature=1', 'Ada has 3 pens.']
    assert main.main(['generate', '--checkpoint=out/ppo/policy', *arguments]) == 0
    answer = capsys.readouterr().out
    assert answer.count('\n') >= 1
    assert main.main(['generate', '--checkpoint=out/ppo', *arguments]) == 0  # the folder of the run means it
    assert capsys.readouterr().out == answer


def test_a_value_function_is_taken_for_no_reward_model_and_no_language_model(folder, capsys):
    with pytest.raises(UserError, match='checkpoint of PPO'):
        loaded_model.load('out/ppo/checkpoints/8').require_value_head()
    content = content_of('out/ppo/checkpoints/8')
    with pytest.raises(ConversionError, match='checkpoint of PPO'):
        to_hugging_face(content, loaded_model.vocabulary_of(content), folder / 'out/converted')
    assert main.main(['generate', '--checkpoint=out/ppo/checkpoints/8', 'Ada has 3 pens.']) == 2
    assert 'checkpoint of PPO' in capsys.readouterr().err


def test_the_folder_of_a_policy_may_be_in_a_bucket():
    assert str(policy_folder('gs://bucket/run')) == 'gs://bucket/run/policy'
    assert policy_folder('out/ppo').is_absolute()


def test_the_doctor_reads_policy_and_rollouts(folder, capsys):
    assert main.main(['doctor', 'out/ppo']) == 0
    shutil.copytree('out/ppo', 'out/torn')
    (path,) = pathlib.Path('out/torn/rollouts').glob('round_00001.jsonl')
    path.write_bytes(path.read_bytes()[:-9])
    shutil.rmtree('out/torn/policy/params')
    assert {name for name, _, wrong in checks_of_run('out/torn') if wrong} == {'policy', 'rollouts'}


def test_two_processes_learn_what_one_learns(folder):
    """They share every batch, and draw the very same answers."""
    bindings = [f'--gin.{name}={value}' for name, value in (SETTINGS | {'MODEL_DIR': 'out/two'}).items()]
    job = jobs.start(2, 'flan_jax', 'ppo', '--gin_file=gin/runs/ppo.gin', *bindings, anew=True)
    ends = jobs.ends_of(job, seconds=500)
    assert [status for status, *_ in ends] == [0, 0], ends[0][2][-3000:]
    for path in pathlib.Path('out/ppo/rollouts').glob('round_*.jsonl'):
        one, two = (
            [json.loads(line) for line in (place / path.name).read_text().splitlines()]
            for place in (path.parent, pathlib.Path('out/two/rollouts'))
        )
        assert [line['answer_tokens'] for line in one] == [line['answer_tokens'] for line in two]
        np.testing.assert_allclose([line['rewards'] for line in one], [line['rewards'] for line in two], atol=1e-5)
    one, two = (checkpoints.read_all(f'out/{name}/policy') for name in ('ppo', 'two'))
    assert one.keys() == two.keys()
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, atol=1e-5, err_msg=name)


def test_an_adapter_learns_beside_a_model_that_stays_as_it_is(capsys):
    assert run(**{'Run.tuning': '@Lora()', 'MODEL_DIR': 'out/adapter', 'TRAIN_STEPS': 4}) == 0
    names = set(checkpoints.parameter_metadata('out/adapter/policy'))
    assert names and all('lora' in name for name in names)
    assert main.main(['generate', '--checkpoint=out/adapter/policy', '--max_new_tokens=3', 'Ada has 3 pens.']) == 0


@pytest.mark.parametrize('tuning', ['@Full()', '@Lora()'])
def test_a_model_in_bfloat16_begins_as_its_own_reference(tuning):
    name = f'out/rounded_{tuning[1:5]}'
    assert run(**{'Training.param_dtype': 'bfloat16', 'Run.tuning': tuning, 'MODEL_DIR': name, 'TRAIN_STEPS': 4}) == 0
    assert metrics_log.read(name)[0]['kl_of_answers'] == 0


def test_the_reward_model_chooses_among_samples(capsys):
    arguments = ['--file=out/rft/train.jsonl', '--output=out/samples', '--samples=3', '--max_new_tokens=4']
    assert main.main(['samples', 'draw', '--checkpoint=out/ppo/policy', *arguments]) == 0
    assert main.main(['samples', 'best', 'out/samples', '--scorer=out/reward', '--output=out/best.jsonl']) == 0
    expected = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()[1:]]
    model, drawn = loaded_model.load('out/reward'), samples.read('out/samples')
    prompt = [Example(*tokens_of(model, answered)) for answered in drawn]
    one_by_one = [RewardModel(model, 256).rewards([example])[0] for example in prompt]
    assert expected == sorted(expected) and expected[-1] == pytest.approx(
        np.mean([max(of) for of in one_by_one]), abs=1e-3
    )
    chosen = [json.loads(line)['answer'] for line in pathlib.Path('out/best.jsonl').read_text().splitlines()]
    assert chosen == [answered.answers[of.argmax()] for answered, of in zip(drawn, one_by_one)]


def tokens_of(model, answered):
    encoded = (model.prompt_format.encode_response(model.vocabulary, answer) for answer in answered.answers)
    prompt = model.prompt_format.encode_prompt(model.vocabulary, answered.question.prompt)
    return np.array(prompt), tuple(map(np.array, encoded))


def test_what_was_killed_goes_on_to_the_same_end(folder):
    before = (folder / 'out/ppo/metrics.jsonl').read_text()
    shutil.rmtree(folder / 'out/ppo/checkpoints/8')
    assert run() == 0
    assert (folder / 'out/ppo/metrics.jsonl').read_text() == before


def test_it_does_not_go_on_with_the_rewards_of_another_model(folder, capsys):
    model = settings().model
    head = init_value_head(model, jax.random.key(2))
    with other_weights(folder / 'out/reward', random_params(model) | head):
        assert run() == 2
        assert 'contains samples with another reward_weights' in capsys.readouterr().err
    path = folder / 'out/ppo/rollouts' / samples.SETTINGS_FILE  # as a run of before rewards were said
    said = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in said.items() if name != 'reward_weights'}))
    assert run() == 0


def test_it_does_not_go_on_near_other_weights_than_it_began_with(folder, capsys):
    """What it began with is the reference that answers are kept near."""
    with other_weights(folder / 'out/rft/sft/checkpoints/240', random_params(settings().model, seed=5)):
        assert run() == 2
        assert 'was trained with other base weights' in capsys.readouterr().err
    assert run() == 0


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'Ppo.kl_reward': 0.1}, 'contains samples with another objective'),
        ({'Ppo.questions': 'None', 'MODEL_DIR': 'out/other'}, 'set it to a file of prompts'),
        ({'Ppo.reward': 'fewer_wrods', 'MODEL_DIR': 'out/other'}, 'did you mean fewer_words'),
        ({'Ppo.max_new_tokens': 500, 'MODEL_DIR': 'out/other'}, 'SEQUENCE_LENGTH=272'),
        ({'Stream.input_length': 8, 'MODEL_DIR': 'out/other'}, 'raise Stream.input_length=8'),
        ({'TRAIN_STEPS': 9, 'MODEL_DIR': 'out/other'}, 'must be a multiple of the 4 updates'),
        ({'TRAIN_STEPS': 'None', 'Stream.epochs': 2, 'MODEL_DIR': 'out/other'}, 'set TRAIN_STEPS'),
        ({'HELD_OUT': 'sentiment', 'MODEL_DIR': 'out/other'}, 'flan-jax evaluate MODEL_DIR/policy'),
        ({'Ppo.reward': 'out/ppo', 'MODEL_DIR': 'out/other'}, 'this is a language model'),
    ],
)
def test_what_cannot_work_is_refused(folder, changes, message, capsys):
    assert run(**changes) == 2
    assert message in capsys.readouterr().err
    assert not (folder / 'out/other/rollouts').exists()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'Ppo.reward': 'out/reward_in_tulu'}, 'was tuned with the prompt format'),
        ({'Ppo.reward': 'out/ppo/checkpoints/8'}, 'checkpoint of PPO'),
        ({'Ppo.reward': 'right', 'Ppo.questions': 'out/prompts.jsonl'}, 'has none'),
    ],
)
def test_what_gives_no_rewards_of_these_answers_is_refused(changes, message, capsys):
    assert run(**changes, MODEL_DIR='out/unrewarded') == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ('checkpoint', 'message'),
    [
        ('out/adapter/policy', 'Lora trained beside the base model'),
        ('out/ppo/checkpoints/8', 'name MODEL_DIR/policy'),
        ('out/reward', 'name a checkpoint of a language model'),
    ],
)
def test_it_begins_with_a_whole_language_model_alone(folder, checkpoint, message, capsys):
    assert run(INITIAL_CHECKPOINT_PATH=repr(checkpoint), MODEL_DIR='out/unbegun') == 2
    assert message in capsys.readouterr().err.replace('\n', ' ')
    assert not (folder / 'out/unbegun/manifest.json').exists()


def test_each_command_refuses_what_is_the_others(capsys):
    assert main.main(['ppo', '--gin_file=gin/runs/rft.gin', '--gin.MODEL_DIR=out/other']) == 2
    assert 'trains on data; use `flan-jax train`' in capsys.readouterr().err
    bindings = [f'--gin.{name}={value}' for name, value in SETTINGS.items()]
    assert main.main(['train', '--gin_file=gin/runs/ppo.gin', *bindings]) == 2
    assert 'use `flan-jax ppo`' in capsys.readouterr().err
