"""Nothing that comes from outside runs code, writes where it should not, or takes over a terminal or a page."""

import base64
import hashlib
import io
import json
import os
import pathlib
import re
import stat

import numpy as np
import pytest
from etils import epath
from rich.table import Table
from safetensors.numpy import save_file

from flan_jax.command import main, tables
from flan_jax.convert import companions
from flan_jax.convert.folder import ConversionError, own_file
from flan_jax.convert.read import HuggingFaceModel
from flan_jax.files import cache_folder
from flan_jax.model.config import DecoderConfig, Rotary, decoder_from_plain
from flan_jax.progress import CONSOLE
from flan_jax.reports import page
from flan_jax.settings import SettingsError, as_plain
from flan_jax.terminal import SafeConsole, shown
from flan_jax.tuning.lora import Lora
from flan_jax.tuning.tuning import tuning_from_plain

HOSTILE = 'a\x1b]0;owned\x07b\x1b[2Jc\x9b31md\u202ee\rf\x7f'
"""Sets a window's title, clears the screen, colours, turns the direction of text, overwrites a line."""


def test_control_characters_are_shown_and_other_text_is_left_alone():
    assert shown(HOSTILE) == 'a\\x1b]0;owned\\x07b\\x1b[2Jc\\x9b31md\\u202ee\\rf\\x7f'
    sound = 'naïve\ttext\nin 日本語, عربى and 👩‍🚀'
    assert shown(sound) == sound


def test_a_console_colours_its_own_text_and_shows_the_escapes_of_data():
    terminal = io.StringIO()
    console = SafeConsole(file=terminal, force_terminal=True, color_system='standard', width=200, highlight=False)
    table = Table('answer', box=None)
    table.add_row(HOSTILE)
    console.print(table)
    console.print(HOSTILE, style='red', markup=False)
    written = terminal.getvalue()
    assert '\x1b[31m' in written
    assert not set('\x9b\u202e\r\x07\x7f') & set(written) and '\x1b]' not in written
    assert '\x1b[2J' not in written and written.count('\\x1b[2J') == 2


def test_every_console_is_such_a_one(capsys):
    assert isinstance(CONSOLE, SafeConsole) and isinstance(tables.OUT, SafeConsole)
    table = Table('answer', box=None)
    table.add_row(HOSTILE)
    tables.print_table(table)
    assert '\\x1b]0;owned' in capsys.readouterr().out


def test_names_of_emoji_are_shown_as_they_are():
    """A model reads seven letters; one in their place would be another text."""
    terminal = io.StringIO()
    console = SafeConsole(file=terminal)
    console.print('a :smile: b')
    console.print(Table(':smile:', show_header=True))
    assert terminal.getvalue().count(':smile:') == 2


def test_what_a_command_complains_of_is_shown(capsys):
    assert main.main(['tasks', 'show', 'x\x1b[2J', '--data_dir=/nowhere']) == 2
    assert '\x1b' not in capsys.readouterr().err


def test_a_page_may_load_nothing_and_run_its_own_script_alone():
    html = page.page_of(pathlib.Path(page.__file__).parent / 'page.html', {'from_samples': False})
    head = html[: html.index('</head>')]
    policy = head[head.index('Content-Security-Policy') :].split('content="')[1].split('"')[0]
    rules = dict(rule.strip().split(' ', 1) for rule in policy.split(';'))
    assert rules['default-src'] == "'none'" and "'unsafe-inline'" in rules['style-src']
    (script,) = re.findall(r'<script>(.*?)</script>', html, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules['script-src'] == f"'sha256-{digest}'"
    assert head.index('Content-Security-Policy') < head.index('<style>') and html.count('<script') == 1


DECODER = DecoderConfig(vocab_size=40, num_layers=2, d_model=16, num_heads=4, head_dim=4, d_ff=24, position=Rotary())


def test_a_checkpoint_names_settings_and_nothing_else():
    plain = json.loads(json.dumps(as_plain(DECODER)))
    assert decoder_from_plain(plain) == DECODER
    assert tuning_from_plain(as_plain(Lora(rank=3))) == Lora(rank=3)
    for name in ('lamda', 'exec', 'Settings', 'Any', 'dataclasses', 'Lora', '../../x', None):
        with pytest.raises(SettingsError):
            decoder_from_plain(plain | {'type': name})
        if name != 'Lora':
            with pytest.raises(SettingsError):
                tuning_from_plain({'type': name})


@pytest.mark.parametrize(
    'change', [{'num_layers': 0}, {'num_layers': '2'}, {'more': 1}, {'position': {'type': 'open'}}]
)
def test_fields_that_a_checkpoint_cannot_have_are_refused(change):
    with pytest.raises(SettingsError):
        decoder_from_plain(as_plain(DECODER) | change)
    with pytest.raises(SettingsError, match='DecoderConfig.d_ff: missing'):
        decoder_from_plain({'type': 'DecoderConfig'})


@pytest.fixture
def folder(tmp_path):
    """A folder of transformers, and a secret beside it."""
    (tmp_path / 'secret').write_text('{"key": 1}')
    (tmp_path / 'model').mkdir()
    (tmp_path / 'model' / 'config.json').write_text('{}')
    return epath.Path(tmp_path / 'model')


@pytest.mark.parametrize('name', ['LICENSE', 'tokenizer_config.json', 'chat_template.jinja'])
def test_a_link_out_of_a_folder_is_not_copied(folder, tmp_path, name):
    os.symlink('../secret', folder / name)
    with pytest.raises(ConversionError, match=f'{name} leads to .*secret, outside of the folder'):
        companions.copy(folder, epath.Path(tmp_path / 'copy'), 'llama')
    assert not (tmp_path / 'copy' / name).exists()


def test_links_within_a_folder_and_into_the_blobs_of_its_cache_are_followed(folder, tmp_path):
    os.symlink('config.json', folder / 'LICENSE')
    assert own_file(folder, 'LICENSE').read_text() == '{}'
    snapshot = tmp_path / 'models--a--b' / 'snapshots' / 'c0ffee'
    snapshot.mkdir(parents=True)
    (snapshot.parent.parent / 'blobs').mkdir()
    (snapshot.parent.parent / 'blobs' / '1').write_text('blob')
    os.symlink('../../blobs/1', snapshot / 'LICENSE')
    assert own_file(epath.Path(snapshot), 'LICENSE').read_text() == 'blob'
    os.symlink('../../../secret', snapshot / 'NOTICE')
    with pytest.raises(ConversionError):
        own_file(epath.Path(snapshot), 'NOTICE')


@pytest.mark.parametrize(
    'config',
    [
        b'',
        b'{',
        b'[]',
        b'null',
        b'\xff',
        b'[' * 100_000,
        {'model_type': ['a']},
        {'model_type': 'llama', 'vocab_size': 'x'},
    ],
    ids=str,
)
def test_a_config_that_is_torn_or_absurd_is_refused(folder, config):
    (folder / 'config.json').write_bytes(config if isinstance(config, bytes) else json.dumps(config).encode())
    with pytest.raises(Exception) as error:
        HuggingFaceModel(folder)
    assert type(error.value).__name__ in ('ConversionError', 'DamagedFile') and 'config.json' in str(error.value)


SIZES = {'vocab_size': 40, 'num_hidden_layers': 2, 'hidden_size': 16, 'num_attention_heads': 4, 'intermediate_size': 24}
LLAMA = SIZES | {'model_type': 'llama', 'num_key_value_heads': 2, 'rms_norm_eps': 1e-5, 'hidden_act': 'silu'}


@pytest.mark.parametrize('key', [*LLAMA, 'rope_scaling', 'rope_theta', 'layer_types', 'head_dim', 'rope_parameters'])
@pytest.mark.parametrize('value', [0, -1, 10**9, 10**400, 1.5, 1e308, 'x', [], [1], {}, {'a': 1}, True])
def test_absurd_values_of_a_config_are_refused_at_once(folder, key, value):
    save_file({'model.norm.weight': np.zeros(16, np.float32)}, folder / 'model.safetensors')
    (folder / 'config.json').write_text(json.dumps(LLAMA | {key: value}))
    with pytest.raises(ConversionError):
        HuggingFaceModel(folder)


@pytest.mark.parametrize('index', [b'{', b'{}', b'{"weight_map": [1]}', b'{"weight_map": {"a": "../secret"}}'])
def test_an_index_that_is_torn_or_leads_out_of_the_folder_is_refused(folder, index):
    (folder / 'config.json').write_text(json.dumps(LLAMA))
    (folder / 'model.safetensors.index.json').write_bytes(index)
    with pytest.raises(Exception, match=r'index.json|secret, outside of the folder') as error:
        HuggingFaceModel(folder)
    assert type(error.value).__name__ in ('ConversionError', 'DamagedFile')


@pytest.mark.parametrize(
    'arguments',
    [
        ['own', '--from', '../../name=FILE', '--format', 'alpaca'],
        ['../../name', '--from', 'train=FILE', '--format', 'alpaca'],
        ['rte', '--from', '../../name=FILE'],
    ],
)
def test_examples_are_written_into_the_folder_of_prepared_data_only(tmp_path, capsys, arguments):
    (tmp_path / 'x.jsonl').write_text('{"instruction": "a", "output": "b"}\n')
    arguments = [argument.replace('FILE', str(tmp_path / 'x.jsonl')) for argument in arguments]
    assert main.main(['data', 'prepare', *arguments, f'--data_dir={tmp_path / "a" / "b" / "c"}']) == 2
    assert "'../../name'" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ['x.jsonl']


def test_what_is_copied_from_a_bucket_lies_where_only_its_user_writes(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    folder = cache_folder('streams')
    assert str(folder).startswith(str(tmp_path / 'cache')) and stat.S_IMODE(os.stat(folder).st_mode) == 0o700
