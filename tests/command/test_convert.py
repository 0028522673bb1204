"""From a folder of transformers to a run on it and back, by the command."""

import json

import numpy as np
import pytest
from etils import epath
from safetensors.numpy import load_file

from flan_jax.command import main
from flan_jax.convert.write import write_model
from flan_jax.model.config import DecoderConfig, Llama3Scaling, Rotary, lamda
from flan_jax.packing.stream import PackedStream
from flan_jax.settings import as_plain
from flan_jax.tokenizers.vocabulary import Vocabulary
from flan_jax.training import checkpoints
from tests.convert.tokenizers_trained import write_byte_level, write_llama3
from tests.toy import random_params

CONFIG = DecoderConfig(
    vocab_size=512,
    num_layers=2,
    d_model=32,
    num_heads=4,
    num_kv_heads=2,
    head_dim=8,
    d_ff=48,
    position=Rotary(5e5, 1.0, Llama3Scaling()),
    norm_epsilon=1e-5,
    activation='silu',
)
TO_FLAN, TO_HF = ['convert', '--from=hf', '--to=flan'], ['convert', '--from=flan', '--to=hf']


@pytest.fixture(scope='module')
def downloaded(tmp_path_factory) -> epath.Path:
    """A folder as one downloads it: Llama 3 in miniature."""
    folder = epath.Path(tmp_path_factory.mktemp('downloaded'))
    inert = {'bos_token_id': 0, 'eos_token_id': 1, 'max_position_embeddings': 131072}
    write_model(folder, CONFIG, random_params(CONFIG), like=inert)
    write_llama3(folder)
    (folder / 'generation_config.json').write_text('{"do_sample": true}')
    (folder / 'LICENSE.txt').write_text('terms')
    return folder


@pytest.fixture(scope='module')
def base(downloaded, tmp_path_factory) -> epath.Path:
    folder = epath.Path(tmp_path_factory.mktemp('base')) / 'tiny-llama'
    assert main.main([*TO_FLAN, str(downloaded), str(folder)]) == 0
    return folder


@pytest.fixture(scope='module')
def tuned(base, samples_dir) -> epath.Path:
    """The MODEL_DIR of a run whose gin file has two lines that say which model."""
    gin_file = base.parent / 'run.gin'
    gin_file.write_text(f"include 'gin/runs/defaults.gin'\ninclude '{base}/model.gin'\n")
    settings = {
        'MODEL_DIR': base.parent / 'run', 'Stream.directory': base.parent / 'streams', 'TFDS_DATA_DIR': samples_dir,
        'MIXTURE_OR_TASK_NAME': 'rte', 'EVAL_TASKS': ('copa',), 'EVAL_LIMIT': 1, 'TRAIN_STEPS': 2,
        'BATCH_SIZE': 2, 'LEARNING_RATE': 0.01, 'SEQUENCE_LENGTH': 256, 'Stream.input_length': 200,
        'Stream.target_length': 16,
    }  # fmt: skip
    bindings = [f'--gin.{name}={value}' for name, value in settings.items()]
    assert main.main(['run', f'--gin_file={gin_file}', *bindings]) == 0
    return base.parent / 'run'


def test_a_base_holds_weights_config_tokenizer_and_licence(base, downloaded):
    assert checkpoints.metadata(base / 'checkpoint')['vocabulary'] == Vocabulary(str(downloaded)).fingerprint
    names = {path.name for path in (base / 'huggingface').iterdir()}
    assert names == {
        'config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'LICENSE.txt'
    }  # fmt: skip
    assert 'Rotary.scaling = @Llama3Scaling()' in (base / 'model.gin').read_text()


def test_an_untouched_base_goes_back_bit_for_bit(base, downloaded, tmp_path):
    assert main.main([*TO_HF, str(base / 'checkpoint'), str(tmp_path / 'back')]) == 0
    for name in ('model.safetensors', 'tokenizer.json', 'tokenizer_config.json', 'LICENSE.txt', 'config.json'):
        assert (tmp_path / 'back' / name).read_bytes() == (downloaded / name).read_bytes()


def test_a_run_starts_from_a_base_and_its_prompts_begin_with_bos(tuned, base):
    manifest = json.loads((tuned / 'manifest.json').read_text())
    assert manifest['run']['initial_checkpoint'] == str(base / 'checkpoint')
    stream = PackedStream(next((base.parent / 'streams').iterdir()))
    vocabulary = Vocabulary(str(base / 'huggingface'))
    examples = [example for sequence in stream.sequences(range(4)) for example in sequence.examples()]
    assert len(examples) >= 4
    for example in examples:
        (response,) = example.responses
        assert example.prompt[0] == vocabulary.bos_id == 0
        assert example.prompt[-1] == vocabulary.eos_id == 1
        assert response[-1] == 1 or len(response) == 16  # one that is cut has no end
        assert 0 not in example.prompt[1:] and 0 not in response
    assert list(tuned.glob('evaluation/step_2/copa-*/*.jsonl'))


def test_a_tuned_model_goes_out_with_the_tokenizer_of_its_run(tuned, downloaded, tmp_path):
    assert main.main([*TO_HF, str(tuned / 'checkpoints' / '2'), str(tmp_path / 'out')]) == 0
    before, after = (load_file(folder / 'model.safetensors') for folder in (downloaded, tmp_path / 'out'))
    assert before.keys() == after.keys()
    assert all(not np.array_equal(before[name], after[name]) for name in before)
    assert Vocabulary(str(tmp_path / 'out')).fingerprint == Vocabulary(str(downloaded)).fingerprint
    config = json.loads((tmp_path / 'out' / 'config.json').read_text())
    assert config['model_type'] == 'llama' and config['max_position_embeddings'] == 131072
    shapes = {value.shape for value in after.values()}
    assert (512, 32) in shapes and (48, 32) in shapes


def test_dtype_on_disk_is_chosen(base, tmp_path):
    assert main.main([*TO_HF, '--dtype=bfloat16', str(base / 'checkpoint'), str(tmp_path / 'out')]) == 0
    assert {str(value.dtype) for value in load_file(tmp_path / 'out' / 'model.safetensors').values()} == {'bfloat16'}


def test_what_cannot_be_converted_is_refused_and_nothing_is_left(base, downloaded, capsys, tmp_path):
    write_byte_level(tmp_path / 'other')
    too_wide = epath.Path(tmp_path / 'wide')
    too_wide.mkdir()
    for path in downloaded.iterdir():
        path.copy(too_wide / path.name)
    write_llama3(tmp_path / 'wide', size=700)
    unfit = lamda(num_layers=1, d_model=64, head_dim=32, vocab_size=512)
    metadata = {'model': as_plain(unfit), 'vocabulary': Vocabulary().fingerprint, 'vocabulary_path': None}
    checkpoints.save_params(tmp_path / 'lamda', random_params(unfit), metadata)
    checkpoint, out = str(base / 'checkpoint'), str(tmp_path / 'out')
    for arguments, message in (
        ([*TO_FLAN, str(downloaded), str(base)], 'exists; remove it or choose another folder'),
        ([*TO_FLAN, checkpoint, out], 'has no config.json'),
        ([*TO_FLAN, str(too_wide), out], 'the model 512'),
        ([*TO_HF, str(downloaded), out], 'is not a checkpoint'),
        ([*TO_HF, str(tmp_path / 'lamda'), out], 'no model family of transformers equals this decoder'),
        ([*TO_HF, checkpoint, out, f'--vocabulary={tmp_path}/other'], 'was trained with vocabulary'),
        (['convert', '--from=hf', '--to=hf', checkpoint, out], 'are the same'),
        ([*TO_FLAN, str(downloaded), out, '--dtype=bfloat16'], '--vocabulary and --dtype only apply with --to=hf'),
    ):
        assert main.main(arguments) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists() and not list(tmp_path.glob('.*'))
