"""From a file and a Hugging Face folder to a tuned model in one command, which goes on, and grows into a gin file."""

import json
import shutil

import jax
import numpy as np
import pytest
from etils import epath

from flan_jax.command import configuration, main, tune_base
from flan_jax.command import tune as tune_command
from flan_jax.convert.folder import ConversionError
from flan_jax.convert.write import write_model
from flan_jax.data.formats.alpaca import Alpaca
from flan_jax.data.formats.chat_template import ChatTemplate
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.evaluation.model_identity import model_identity
from flan_jax.loaded_model import checkpoint_in, load
from flan_jax.model.value_head import init_value_head
from flan_jax.packing.stream import PackedStream
from flan_jax.settings import as_plain
from flan_jax.tokenizers.vocabulary import Vocabulary
from flan_jax.training import checkpoints, metrics_log
from flan_jax.training.weights import content_of
from flan_jax.tuning.lora import Lora
from tests.command.converted_base import CONFIG, write_chat_model
from tests.data.chat_templates import text_of
from tests.toy import random_params

ANSWERS = ['yes', 'no', 'up', 'down', 'left']
SIZES = ['--batch_size=2', '--length=160', '--learning_rate=0.03']


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A folder, with a space in its path: a model as Hugging Face keeps it, `model`, and two files of a user's own."""
    folder = epath.Path(tmp_path_factory.mktemp('tune it'))
    write_chat_model(folder / 'model')
    alpaca = [{'instruction': f'Say {answer}.', 'input': '', 'output': answer} for answer in ANSWERS]
    (folder / 'alpaca.json').write_text(json.dumps(alpaca))
    turns = [{'role': 'user', 'content': 'Who?'}, {'role': 'assistant', 'content': 'Ann.'}]
    (folder / 'chat.jsonl').write_text('\n'.join([json.dumps({'messages': turns})] * 4))
    return folder


def tune(folder, *more):
    return main.main(['tune', *SIZES, *more])


@pytest.fixture(scope='module')
def tuned(folder):
    """A LoRA run on the model in its own chat template."""
    asked = [
        f'--base={folder}/model', f'--data={folder}/alpaca.json', f'--output={folder}/out', '--epochs=4', '--lora',
        '--test_examples=1', '--validation=0.2',
    ]  # fmt: skip
    assert tune(folder, *asked) == 0
    return asked


def test_the_model_is_tuned_for_so_many_epochs_in_its_own_template(folder, tuned):
    (packed,) = (folder / 'out' / 'streams').iterdir()
    stream = PackedStream(packed)
    assert stream.manifest.num_epochs == 4 and list(stream.manifest.examples) == [12]  # of 5, 1 is tested, 1 validated
    steps = -(-len(stream) // 2)
    assert checkpoints.latest_step(folder / 'out') == steps
    lines = metrics_log.read(folder / 'out')
    trained, validated = ([line for line in lines if name in line] for name in ('epoch', 'validation_loss'))
    assert trained[-1]['step'] == steps and trained[-1]['epoch'] == 4.0
    assert [line['step'] for line in validated] == [0, steps]
    assert 'On validation examples' in (folder / 'out' / 'report.html').read_text()
    model = load(folder / 'out')
    assert model.prompt_format == ChatTemplate(text_of('qwen3'))
    report = json.loads((folder / 'out' / 'report.json').read_text())
    assert [line['dataset'] for line in report['results']] == ['own_alpaca'] and report['total_steps'] == steps


def test_the_same_command_goes_on_and_another_is_refused(folder, tuned, capsys):
    before = checkpoints.saved_at(checkpoints.latest_folder(folder / 'out'))
    assert tune(folder, *tuned) == 0
    assert checkpoints.saved_at(checkpoints.latest_folder(folder / 'out')) == before
    said = capsys.readouterr().err
    assert f"flan-jax generate '{folder}/out' --chat " in said
    assert f"flan-jax run '--gin_file={folder}/out/run.gin' " in said
    assert tune(folder, *tuned, '--epochs=5') == 2
    assert 'already exists with another configuration' in capsys.readouterr().err


def test_the_gin_file_is_the_run(folder, tuned):
    run = configuration.load([str(folder / 'out' / 'run.gin')], {})
    assert run.tuning == Lora() and run.stream.epochs == 4 and run.training.steps is None
    assert run.training.batch_size == 2 and run.model == CONFIG


def test_a_lora_run_is_tuned_further_in_the_format_it_has_or_another(folder, tuned):
    asked = [f'--base={folder}/out', f'--data={folder}/chat.jsonl', f'--output={folder}/more', '--epochs=1']
    assert tune(folder, *asked, '--chat_template=alpaca', '--length=800') == 0
    model = load(folder / 'more')
    assert model.prompt_format == Alpaca() and not any('lora' in name for name in model.params)
    text = (folder / 'more' / 'run.gin').read_text()
    assert f"INITIAL_CHECKPOINT_PATH = '{folder}/more/base'" in text


def test_what_was_made_of_another_base_is_not_tuned(folder, monkeypatch, capsys):
    """A first command ended before its first checkpoint; the next one, for the same folder, names another model."""
    shutil.copytree(folder / 'model', folder / 'other')
    write_model(folder / 'other', CONFIG, random_params(CONFIG, seed=1))
    asked = [f'--data={folder}/alpaca.json', f'--output={folder}/again', '--epochs=1']
    with monkeypatch.context() as patch:
        patch.setattr(tune_command, '_run', lambda *run: 0)
        assert tune(folder, f'--base={folder}/model', *asked) == 0
        assert tune(folder, f'--base={folder}/model', *asked) == 0, 'the same model is there already'
    assert tune(folder, f'--base={folder}/other', *asked) == 2
    assert f'{folder}/again/base was converted from another model' in capsys.readouterr().err
    (folder / 'again' / tune_base.MADE_OF).unlink()
    assert tune(folder, f'--base={folder}/model', *asked) == 2
    assert f'it is not known whether it was converted from --base={folder}/model' in capsys.readouterr().err
    shutil.rmtree(folder / 'again' / 'base')
    assert tune(folder, f'--base={folder}/other', *asked) == 0
    embedding = [load(folder / name).params['embedding'] for name in ('again/base/checkpoint', 'other')]
    np.testing.assert_array_equal(*embedding)


def test_data_whose_writing_was_killed_are_written_again(folder, monkeypatch):
    (folder / 'alpaca.json').copy(folder / 'killed.json')
    monkeypatch.setattr(tune_command, '_run', lambda *run: 0)
    asked = [f'--base={folder}/model', f'--data={folder}/killed.json', f'--output={folder}/killed']
    assert tune(folder, *asked) == 0
    (written,) = (folder / 'killed' / 'data').glob('*/own_killed')
    (written / '1.0.0').rename(written / 'incomplete.ABCDEF_1.0.0')  # what TFDS leaves
    assert tune(folder, *asked) == 0
    assert (written / '1.0.0' / 'dataset_info.json').exists()


def test_the_file_may_be_called_as_one_likes(folder, monkeypatch):
    (folder / 'alpaca.json').copy(folder / 'Über 数据.json')
    monkeypatch.setattr(tune_command, '_run', lambda *run: 0)
    assert tune(folder, f'--base={folder}/model', f'--data={folder}/Über 数据.json', f'--output={folder}/named') == 0
    run = configuration.load([str(folder / 'named' / 'run.gin')], {})
    assert (epath.Path(run.data.tfds_data_dir) / run.data.mixture).is_dir()


def test_an_adapter_of_peft_is_merged_into_its_base_and_tuned_further(folder, tuned):
    exported = ['adapter', 'export', f'{folder}/out', f'--to={folder}/peft', f'--base={folder}/model']
    assert main.main(exported) == 0
    asked = [f'--base={folder}/peft', f'--data={folder}/alpaca.json', f'--output={folder}/on_peft', '--epochs=1']
    assert tune(folder, *asked) == 0
    before = content_of(checkpoint_in(f'{folder}/out')).merged(make_mesh(Parallelism()))
    base = load(f'{folder}/on_peft/base')
    for name, value in before.items():
        np.testing.assert_allclose(base.params[name], value, atol=1e-6, err_msg=name)
    made_of = json.loads((folder / 'on_peft' / tune_base.MADE_OF).read_text())
    assert made_of == json.loads(json.dumps(model_identity(f'{folder}/peft')))
    after = load(f'{folder}/on_peft')
    assert any(abs(after.params[name] - value).max() > 1e-4 for name, value in before.items())
    assert isinstance(after.prompt_format, ChatTemplate)  # the one beside its base
    (folder / 'peft' / 'adapter_config.json').write_text(
        (folder / 'peft' / 'adapter_config.json').read_text().replace(f'{folder}/model', f'{folder}/out')
    )
    with pytest.raises(ConversionError, match='is itself an adapter; merge that into its base'):
        load(f'{folder}/peft')


def test_rankings_of_three_fit_and_a_reward_model_keeps_test_examples(folder):
    rows = [{'prompt': f'Say {a}.', 'responses': [a, f'{a} {a}', a * 3], 'scores': [3, 2, 1]} for a in ANSWERS]
    (folder / 'ranked.jsonl').write_text('\n'.join(map(json.dumps, rows)))
    asked = [f'--base={folder}/model', f'--data={folder}/ranked.jsonl', f'--output={folder}/rates', '--epochs=1']
    asked += ['--objective=reward', '--length=400']
    assert tune(folder, *asked, '--test_examples=1') == 0
    run = configuration.load([str(folder / 'rates' / 'run.gin')], {})
    assert run.stream.input_length + 3 * run.stream.target_length <= run.stream.sequence_length
    assert not run.evaluation.targets and any('test/accuracy' in line for line in metrics_log.read(folder / 'rates'))
    (folder / 'rates' / 'run.gin').unlink()  # as where it was killed while it prepared the data
    tune(folder, *asked, '--test_examples=2')
    assert len(list((folder / 'rates' / 'data').iterdir())) == 2


@pytest.mark.parametrize('more', [[], ['--lora', '--objective=reward']])
def test_a_reward_model_is_no_base_before_anything_is_packed(folder, more, capsys):
    vocabulary = Vocabulary(f'{folder}/model')
    metadata = {
        'model': as_plain(CONFIG), 'vocabulary': vocabulary.fingerprint, 'vocabulary_path': f'{folder}/model',
    }  # fmt: skip
    if not (folder / 'reward').exists():
        head = init_value_head(CONFIG, jax.random.key(0))
        checkpoints.save_params(folder / 'reward', random_params(CONFIG) | head, metadata)
    file = 'ranked.jsonl' if more else 'alpaca.json'
    row = {'prompt': 'Say yes.', 'responses': ['yes', 'yes yes'], 'scores': [2, 1]}
    (folder / 'ranked.jsonl').write_text(json.dumps(row) + '\n')
    assert tune(folder, f'--base={folder}/reward', f'--data={folder}/{file}', f'--output={folder}/none', *more) == 2
    assert 'is a reward model' in capsys.readouterr().err.replace('\n', ' ')
    assert not (folder / 'none').exists()


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        ({'data': 'nothing.json'}, 'nothing.json: no such file'),
        ({'data': 'odd.jsonl'}, 'match none of these formats'),
        ({'data': 'late.jsonl'}, "late.jsonl, line 2: 'output' is missing"),
        ({'base': 'alpaca.json'}, 'is not a checkpoint'),
        ({'objective': 'next_tokn'}, 'did you mean next_token'),
        ({'objective': 'dpo'}, 'needs several answers'),
        ({'objective': 'ppo'}, 'use `flan-jax ppo'),
        ({'chat_template': 'alpacca'}, 'did you mean alpaca'),
        ({'validation': '1.5'}, '--validation=1.5: must be a file, or a share'),
        (
            {'validation': '0.2', 'data': 'long.jsonl', 'objective': 'dpo'},
            'does not learn from is shown by --test_examples',
        ),
        ({'epochs': '0'}, '--epochs=0: must be above 0'),
        ({'length': '3'}, 'Stream.input_length=1: must be'),
        ({'data': 'long.jsonl', 'objective': 'dpo', 'length': '128'}, 'at least 75 % would be truncated or skipped'),
        ({'chat_template': 'alpaca'}, '--length=160: of the first 5 examples at least 100 % would be truncated'),
        ({'format': 'messages'}, 'expected messages, a list of'),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_converted(folder, capsys, changed, message):
    (folder / 'odd.jsonl').write_text('{"text": "a"}')
    long = [{'prompt': 'Say it.', 'chosen': 'yes ' * n, 'rejected': 'no'} for n in (2, 90, 90, 80)]
    (folder / 'long.jsonl').write_text('\n'.join(map(json.dumps, long)))
    (folder / 'late.jsonl').write_text('{"instruction": "a", "output": "b"}\n{"instruction": "a"}')
    given = {'base': 'model', 'data': 'alpaca.json', 'output': 'refused'} | changed
    paths = {name: f'{folder}/{given[name]}' for name in ('base', 'data', 'output')}
    assert tune(folder, *(f'--{name}={value}' for name, value in (given | paths).items())) == 2
    assert message in capsys.readouterr().err
    assert not (folder / 'refused' / 'base').exists() and not (folder / 'refused' / 'run.gin').exists()
