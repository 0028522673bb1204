"""A tiny base model as users have theirs, converted from a Hugging Face folder, and commands of runs on it."""

import pathlib

from etils import epath

from flan_jax.command import main
from flan_jax.convert.write import write_model
from flan_jax.model.config import DecoderConfig, Rotary
from tests.convert.tokenizers_trained import write_chat, write_llama3
from tests.data.chat_templates import STOCK, text_of
from tests.toy import random_params

CONFIG = DecoderConfig(
    vocab_size=512, num_layers=2, d_model=32, num_heads=4, num_kv_heads=2, head_dim=8, d_ff=48, position=Rotary(),
    activation='silu',
)  # fmt: skip
PROMPTS = ['Is it good?', 'Translate to German: good morning', 'yes', 'A man walks. Is he sitting?']


def write_base(folder: pathlib.Path, tuning: str) -> epath.Path:
    """Fills a folder with the base model, `base`, and `run.gin`, which tunes it; returns the folder."""
    folder = epath.Path(folder)
    (folder / 'downloaded').mkdir()
    write_model(folder / 'downloaded', CONFIG, random_params(CONFIG))
    write_llama3(folder / 'downloaded')
    assert main.main(['convert', '--from=hf', '--to=flan', str(folder / 'downloaded'), str(folder / 'base')]) == 0
    (folder / 'run.gin').write_text(
        f"include 'gin/runs/defaults.gin'\ninclude '{folder}/base/model.gin'\nRun.tuning = @{tuning}()\n"
    )
    return folder


def write_chat_model(folder: epath.Path) -> epath.Path:
    """Makes a folder of a model as Hugging Face keeps it, with Qwen 3's chat template; returns it."""
    folder.mkdir()
    write_model(folder, CONFIG, random_params(CONFIG))
    stock = STOCK['qwen3']
    write_chat(folder, stock.special_tokens, stock.tokens, text_of('qwen3'))
    return folder


def settings_on_base(folder: epath.Path, samples_dir: str) -> dict:
    """What runs on the base have in common: a few steps on short examples."""
    return {
        'MODEL_DIR': folder / 'run', 'Stream.directory': folder / 'streams', 'TFDS_DATA_DIR': samples_dir,
        'TRAIN_STEPS': 4, 'BATCH_SIZE': 2, 'LEARNING_RATE': 0.3, 'SEQUENCE_LENGTH': 256, 'Stream.input_length': 200,
        'Stream.target_length': 16,
    }  # fmt: skip


def run_command(verb: str, folder: epath.Path, settings: dict) -> int:
    """Runs a command with the folder's run.gin and settings in this process."""
    bindings = [f'--gin.{name}={value}' for name, value in settings.items()]
    return main.main([verb, f'--gin_file={folder / "run.gin"}', *bindings]) or 0
