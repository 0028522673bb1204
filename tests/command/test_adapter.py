"""A LoRA run is used like any other run: to generate, to convert, sharded; and its adapter can be merged."""

import dataclasses
import json
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from etils import epath

from flan_jax.command import main
from flan_jax.convert.read import ConversionError, HuggingFaceModel
from flan_jax.distributed.mesh import Parallelism, make_mesh, parameter_layout
from flan_jax.evaluation.model_identity import model_identity
from flan_jax.inference.scoring import Scorer
from flan_jax.loaded_model import checkpoint_in, load, vocabulary_and_format
from flan_jax.packing.example import Example
from flan_jax.training.checkpoints import CheckpointError
from flan_jax.training.weights import content_of
from tests import forked
from tests.command.converted_base import CONFIG, PROMPTS, run_command, settings_on_base, write_base

LORA = {'MIXTURE_OR_TASK_NAME': 'rte', 'Lora.rank': 4, 'Lora.alpha': 32.0}


@pytest.fixture(scope='module')
def folders(tmp_path_factory, samples_dir) -> epath.Path:
    """A folder with a converted base model `base`, a LoRA run `run` on it, and the run's adapter merged, `merged`."""
    folder = write_base(tmp_path_factory.mktemp('lora'), 'Lora')
    settings = settings_on_base(folder, samples_dir)
    assert run_command('train', folder, settings | LORA) == 0
    assert main.main(['adapter', 'merge', str(folder / 'run'), f'--to={folder / "merged"}']) == 0
    return folder


def log_probs(model, seed=0):
    """What a model finds of a few options after a few prompts."""
    draw = np.random.default_rng(seed).integers
    examples = [Example(draw(2, 500, 9), (draw(2, 500, 3), draw(2, 500, 5))) for _ in range(4)]
    return np.concatenate([np.concatenate(scores) for scores in Scorer(model, batch_tokens=512).score(examples)])


def test_a_run_with_an_adapter_computes_what_its_merged_weights_compute(folders):
    beside, merged, base = (log_probs(load(folders / name)) for name in ('run', 'merged', 'base'))
    np.testing.assert_allclose(beside, merged, atol=1e-4)
    assert abs(beside - base).max() > 0.05, 'the adapter did not move, so nothing was compared'
    assert not any(name.endswith(('lora_a', 'lora_b')) for name in load(folders / 'merged').params)


def test_generate_takes_the_folder_of_a_run_with_an_adapter(folders, capsys):
    found = {}
    for name in ('run', 'run/checkpoints/4', 'merged', 'base'):
        assert main.main(['generate', f'--checkpoint={folders / name}', '--max_new_tokens=8', *PROMPTS]) == 0
        found[name] = capsys.readouterr().out
    assert found['run'] == found['run/checkpoints/4'] == found['merged'] != found['base']


def test_convert_merges_an_adapter_into_its_base(folders, tmp_path):
    assert main.main(['convert', '--from=flan', '--to=hf', str(folders / 'run'), str(tmp_path / 'hf')]) == 0
    layout = parameter_layout(CONFIG, make_mesh(Parallelism()))
    converted = HuggingFaceModel(tmp_path / 'hf').params(layout)
    for name, value in load(folders / 'merged').params.items():
        np.testing.assert_allclose(converted[name], value, atol=1e-6, err_msg=name)


def test_alpha_is_that_of_tuning(folders):
    saved = load(folders / 'run').metadata['tuning']
    assert (saved['type'], saved['rank'], saved['alpha']) == ('Lora', 4, 32.0)
    adapter = content_of(checkpoint_in(folders / 'run')).trained(make_mesh(Parallelism()))
    change = (load(folders / name).params['layers/attention/query/kernel'] for name in ('merged', 'base'))
    a, b = (adapter[f'layers/attention/query/lora_{x}'] for x in 'ab')
    np.testing.assert_allclose(np.subtract(*change), 32.0 / 4 * np.matmul(a, b), atol=1e-5)


def test_weights_are_loaded_in_the_dtypes_asked_for(folders):
    model = load(folders / 'run', param_dtype='bfloat16', dtype='bfloat16')
    assert model.params['embedding'].dtype == jnp.bfloat16 and model.execution.dtype == 'bfloat16'
    np.testing.assert_allclose(log_probs(model), log_probs(load(folders / 'run')), atol=0.3)


def test_a_model_is_sharded_over_devices(folders, capsys):
    """Four devices give the answers of one; a process has its number of devices from the start."""
    arguments = ['generate', f'--checkpoint={folders / "run"}', '--max_new_tokens=8', *PROMPTS]
    assert main.main(arguments) == 0
    alone = capsys.readouterr().out
    together = forked.run('flan_jax', [*arguments, '--fsdp=2', '--tensor=2'], forked.with_devices(4))
    assert together.returncode == 0, together.stderr
    assert together.stdout == alone


def test_a_run_does_not_go_on_beside_other_weights_in_the_place_of_its_base(folders, samples_dir, capsys):
    """The base was tuned anew, say, while the adapter's run was stopped: same path, same shapes."""
    settings, base = settings_on_base(folders, samples_dir) | LORA, folders / 'base' / 'checkpoint'
    base.rename(folders / 'kept')
    shutil.copytree(folders / 'merged', base)
    try:
        assert run_command('train', folders, settings) == 2
        assert 'was not trained beside the weights' in capsys.readouterr().err
    finally:
        base.rmtree()
        (folders / 'kept').rename(base)
    assert run_command('train', folders, settings) == 0


def test_a_base_that_was_moved_is_named_and_found_again(folders, samples_dir, capsys):
    """It is moved away, with its vocabulary, and back."""
    before = log_probs(load(folders / 'run'))
    settings = settings_on_base(folders, samples_dir) | LORA
    moved = settings | {
        'INITIAL_CHECKPOINT_PATH': repr(f'{folders}/elsewhere/checkpoint'),
        'VOCABULARY': repr(f'{folders}/elsewhere/huggingface'),
    }
    (folders / 'base').rename(folders / 'elsewhere')
    (folders / 'run.gin').write_text((folders / 'run.gin').read_text().replace('/base/', '/elsewhere/'))
    try:
        with pytest.raises(CheckpointError, match='base/checkpoint.*which is not there.*adapter rebase'):
            load(folders / 'run', vocabulary=f'{folders}/elsewhere/huggingface')
        assert run_command('train', folders, moved) == 2, 'another base'
        assert main.main(['adapter', 'rebase', str(folders / 'run'), f'--base={folders / "run"}']) == 2
        assert 'is no base model of' in capsys.readouterr().err
        assert main.main(['adapter', 'rebase', str(folders / 'run'), f'--base={folders / "elsewhere"}']) == 0
        np.testing.assert_array_equal(log_probs(load(folders / 'run')), before)
        assert run_command('train', folders, moved) == 0
    finally:
        (folders / 'elsewhere').rename(folders / 'base')
        (folders / 'run.gin').write_text((folders / 'run.gin').read_text().replace('/elsewhere/', '/base/'))
        (folders / 'run' / 'base.json').unlink(missing_ok=True)


def test_a_folder_that_was_moved_finds_the_base_and_the_vocabulary_within_it(folders):
    before, moved = log_probs(load(folders / 'run')), folders.parent / 'moved'
    folders.rename(moved)
    try:
        np.testing.assert_array_equal(log_probs(load(moved / 'run')), before)
    finally:
        moved.rename(folders)


def test_other_weights_in_the_place_of_the_base_are_refused(folders, tmp_path):
    content = content_of(checkpoint_in(folders / 'run'))
    other = dataclasses.replace(content, metadata={**content.metadata, 'base': str(checkpoint_in(folders / 'merged'))})
    with pytest.raises(CheckpointError, match='was not trained beside the weights'):
        other.combined(make_mesh(Parallelism()))


def test_an_exported_adapter_is_opened_beside_the_base_that_it_names(folders, tmp_path):
    """The base as Hugging Face keeps it, or as a conversion."""
    for base in ('downloaded', 'base'):
        folder = tmp_path / base
        asked = ['adapter', 'export', str(folders / 'run'), f'--to={folder}', f'--base={folders / base}']
        assert main.main(asked) == 0
        model = load(folder)
        for name, value in load(folders / 'run').params.items():
            np.testing.assert_allclose(model.params[name], value, atol=1e-6, err_msg=name)
        vocabulary, prompt_format = vocabulary_and_format(folder)
        assert vocabulary.fingerprint == model.vocabulary.fingerprint and prompt_format == model.prompt_format
    assert model_identity(tmp_path / 'base') != model_identity(folders / 'base')


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        ({'base_model_name_or_path': 'someone/model'}, 'is no folder here'),
        ({'use_rslora': True}, 'use_rslora=True'),
        ({'peft_type': 'IA3'}, "peft_type='IA3'"),
        ({'r': 3}, 'the model takes'),
    ],
)
def test_an_adapter_that_cannot_be_followed_is_refused(folders, tmp_path, changed, message):
    asked = ['adapter', 'export', str(folders / 'run'), f'--to={tmp_path / "peft"}', f'--base={folders / "downloaded"}']
    assert main.main(asked) == 0
    config = tmp_path / 'peft' / 'adapter_config.json'
    config.write_text(json.dumps(json.loads(config.read_text()) | changed))
    with pytest.raises(ConversionError, match=message):
        load(tmp_path / 'peft')


def test_an_adapter_of_peft_is_merged_into_its_base(folders, tmp_path):
    asked = ['adapter', 'export', str(folders / 'run'), f'--to={tmp_path / "peft"}', f'--base={folders / "downloaded"}']
    assert main.main(asked) == 0
    assert main.main(['adapter', 'merge', str(tmp_path / 'peft'), f'--to={tmp_path / "merged"}']) == 0
    expected = load(folders / 'merged').params
    for name, value in load(tmp_path / 'merged').params.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-6, err_msg=name)


def test_an_exported_adapter_names_its_base_for_other_working_directories(folders, tmp_path, monkeypatch, capsys):
    """As PEFT needs it, a folder of transformers or the name of a hub; what transformers cannot open is said."""

    def named(name, *options):
        assert main.main(['adapter', 'export', str(folders / 'run'), f'--to={tmp_path / name}', *options]) == 0
        return json.loads((tmp_path / name / 'adapter_config.json').read_text())['base_model_name_or_path']

    assert named('converted') == str(folders / 'downloaded')
    assert named('hub', '--base=someone/model') == 'someone/model'
    monkeypatch.chdir(folders)
    assert named('relative', '--base=downloaded') == str(folders / 'downloaded')
    capsys.readouterr()
    (folders / 'downloaded').rename(folders / 'gone')
    try:
        assert named('checkpoint') == str(folders / 'base' / 'checkpoint')
    finally:
        (folders / 'gone').rename(folders / 'downloaded')
    assert 'transformers does not' in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(log_probs(load('converted')), log_probs(load('checkpoint')))
