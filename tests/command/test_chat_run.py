"""Dialogues in a chat template, from file to answer: prepared, tuned by LoRA, evaluated, and asked by generate."""

import json

import pytest
from etils import epath

from flan_jax import catalogue
from flan_jax.command import main
from flan_jax.convert.write import write_model
from flan_jax.data import own_instructions
from flan_jax.data.formats.chat_template import ChatTemplate
from flan_jax.loaded_model import load
from flan_jax.model.config import DecoderConfig, Rotary
from flan_jax.packing.stream import PackedStream
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests.convert.tokenizers_trained import write_chat
from tests.data.chat_templates import STOCK, text_of
from tests.toy import random_params

CONFIG = DecoderConfig(
    vocab_size=512, num_layers=2, d_model=32, num_heads=4, num_kv_heads=2, head_dim=8, d_ff=48, position=Rotary(),
    activation='silu',
)  # fmt: skip

ROWS = [
    {'messages': [{'role': role, 'content': text} for role, text in zip(['user', 'assistant'] * 2, texts)]}
    for texts in [('Who?', 'Ann.'), ('Who?', 'Ann.', 'And?', 'Bob.'), ('And?', 'Bob.'), ('Where?', 'Here.')] * 3
]


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> epath.Path:
    """A folder with prepared dialogues `data`, a converted base model `base`, and a LoRA run `run` on it."""
    folder = epath.Path(tmp_path_factory.mktemp('chat'))
    (folder / 'rows.jsonl').write_text('\n'.join(map(json.dumps, ROWS)))
    prepare = [
        'data',
        'prepare',
        'tiny_chat',
        '--format=messages',
        '--test_examples=3',
        f'--data_dir={folder / "data"}',
    ]
    assert main.main([*prepare, '--from', str(folder / 'rows.jsonl')]) == 0
    (folder / 'downloaded').mkdir()
    write_model(folder / 'downloaded', CONFIG, random_params(CONFIG))
    stock = STOCK['qwen3']
    write_chat(folder / 'downloaded', stock.special_tokens, stock.tokens, text_of('qwen3'))
    assert main.main(['convert', '--from=hf', '--to=flan', str(folder / 'downloaded'), str(folder / 'base')]) == 0
    gin_file = folder / 'run.gin'
    gin_file.write_text(
        f"include 'gin/runs/defaults.gin'\ninclude '{folder}/base/model.gin'\nRun.tuning = @Lora()\n"
        f"Run.prompt_format = @ChatTemplate()\nChatTemplate.template = '{folder}/downloaded'\n"
        'Training.optimizer = @AdamW()\nTraining.schedule = @Cosine()\n'
    )
    settings = {
        'MODEL_DIR': folder / 'run', 'Stream.directory': folder / 'streams', 'TFDS_DATA_DIR': folder / 'data',
        'MIXTURE_OR_TASK_NAME': 'tiny_chat', 'EVAL_TASKS': "('tiny_chat',)", 'TRAIN_STEPS': 100, 'BATCH_SIZE': 2,
        'LEARNING_RATE': 0.03, 'SEQUENCE_LENGTH': 192, 'Stream.input_length': 64, 'Stream.target_length': 120,
        'Training.warmup_share': 0.1, 'Lora.rank': 8, 'Lora.alpha': 32.0,
    }  # fmt: skip
    assert (
        main.main(['run', f'--gin_file={gin_file}', *(f'--gin.{name}={value}' for name, value in settings.items())])
        == 0
    )
    return folder


def test_the_stream_weighs_answers_only(folder):
    (packed,) = (folder / 'streams').iterdir()
    sequences = PackedStream(packed).sequences(list(range(20)))
    vocabulary = Vocabulary(str(folder / 'downloaded'))
    learned = set()
    for example in (example for sequence in sequences for example in sequence.examples()):
        (response,), weights = example.responses, example.weights
        kept = response if weights is None else response[weights[0] > 0]
        learned.add(vocabulary.decode_all(kept))
    think = '<think>\n\n</think>\n\n'
    alone = {f'{think}{answer}<|im_end|>' for answer in ('Ann.', 'Bob.', 'Here.')}
    whole = f'Ann.<|im_end|>{think}Bob.<|im_end|>'
    assert learned <= alone | {whole} and whole in learned


def test_what_was_learned_is_said(folder, capsys):
    """The tuned model is evaluated at the last question, and needs no template beside it any more."""
    (records,) = (folder / 'run' / 'evaluation' / 'step_100').glob('tiny_chat-*/test_template_0.jsonl')
    found = [json.loads(line) for line in records.read_text().splitlines()]
    assert len(found) == 3 and all(record['prompt'].endswith('<|im_start|>assistant\n') for record in found)
    model = load(folder / 'run')
    assert model.prompt_format == ChatTemplate(text_of('qwen3'))
    assert model.prompt_format.end_id(model.vocabulary) == model.vocabulary.encode_marked('<|im_end|>')[0]
    capsys.readouterr()
    assert main.main(['generate', '--checkpoint', str(folder / 'run'), '--max_new_tokens=40', 'Where?']) in (0, None)
    assert capsys.readouterr().out.startswith('<think>')  # what the template puts before an answer


def test_records_are_compared_where_the_data_declares_them(folder, capsys):
    del catalogue.DATASETS['tiny_chat']
    own_instructions._DECLARED.clear()
    assert main.main(['compare', str(folder / 'run'), f'--data_dir={folder / "data"}']) == 0
    assert 'tiny_chat' in capsys.readouterr().out
