"""The command answers at once where it can, and explains itself where it cannot go on."""

import os
import subprocess
import sys

import pytest

from flan_jax.command import main

PROC = ['--gin_file=gin/runs/tiny.gin', '--gin.MODEL_DIR=run']


def run_python(code):
    return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout


def test_help_needs_neither_jax_nor_tensorflow():
    code = "import sys; from flan_jax.command.main import main; main(['--help']); print(*sorted(sys.modules))"
    out = run_python(code)
    steps = [line.strip() for line in out.partition('first steps:')[2].splitlines() if line]
    assert steps[1:3] == [
        'flan-jax data prepare --samples --data_dir=out/samples', 'flan-jax run --gin_file=gin/runs/tiny.gin',
    ], 'the run finds what it reads'  # fmt: skip
    loaded = set(out.splitlines()[-1].split())
    assert not loaded & {'jax', 'tensorflow', 'numpy', 'flax', 'gin'}


def test_neither_catalogue_nor_events_need_keras_nor_the_catalogues_commands_any_jax(tmp_path):
    """A half, and a fifth, of the time that a command took to begin; TensorBoard has a callback for Keras."""
    code = (
        'import sys, flan_jax.command.tasks; before = {"tensorflow", "jax"} & set(sys.modules); '
        'from flan_jax import catalogue; from flan_jax.command import quiet; quiet.import_tensorflow(); '
        'catalogue.load(); print(len(before), len(catalogue.DATASETS) > 60, "keras" in sys.modules); '
        'from flan_jax.training.metrics_log import event_writer; '
        f'event_writer({str(tmp_path)!r}).write_hparams({{"steps": 3}}); '
        'print("keras" in sys.modules, "tensorboard.plugins.hparams._keras" in sys.modules)'
    )
    assert run_python(code).split() == ['0', 'True', 'False', 'False', 'False']
    assert list(tmp_path.glob('tensorboard/events*'))


def test_declarations_are_read_without_tensorflow_and_seqio():
    """Five of six seconds of a command, and it says what it said with them."""
    code = (
        'import sys; from flan_jax.command.main import main\n'
        'for action in (["search", "premise"], ["list", "--cluster=sentiment"], ["licences"]):\n'
        '    status = main(["tasks", *action]); print(f"status {status}", end="\\f")\n'
        '    assert not {"tensorflow", "seqio", "jax"} & set(sys.modules), action'
    )
    *told, nothing = run_python(code).split('\f')
    assert len(told) == 3 and not nothing
    assert all(said.endswith('status 0') and len(said.splitlines()) > 5 for said in told)


def test_no_command_and_no_room_beyond_the_data_imports_tensorflow():
    """Or a command prints pages, and loads Keras, before it does anything, and a room waits for what it never uses."""
    code = (
        'import importlib, sys; from flan_jax.command.main import COMMANDS\n'
        'rooms = ["model.decoder", "training.train", "inference.scoring"]\n'
        'for name in [*rooms, *(f"command.{name}" for name in COMMANDS)]:\n'
        '    importlib.import_module(f"flan_jax.{name}")\n'
        '    assert not {"tensorflow", "seqio"} & set(sys.modules), name\n'
        'print(len(COMMANDS) > 20)'
    )
    assert run_python(code).split() == ['True']


def test_help_names_every_command(capsys):
    assert main.main(['--help']) == 0
    out = capsys.readouterr().out
    assert main.COMMANDS and all(f'  {name} ' in out for name in main.COMMANDS)


@pytest.mark.parametrize('name', main.COMMANDS)
def test_every_command_is_a_module_that_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main.main([name, '--help'])
    assert ended.value.code == 0
    assert f'flan-jax {name}' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['trian'], "unknown command 'trian'; did you mean train?"),
        (['train', '--gin_file=gin/runs/tinny.gin'], 'did you mean gin/runs/tiny.gin'),
        (['train', '--gin_file=gin/runs/tiny.gin', '--gin.TRAIN_STEP=3'], 'did you mean TRAIN_STEPS'),
        (['train', '--gin_file=gin/runs/tiny.gin', '--gin.Training.step=3'], 'did you mean steps'),
        (['train', '--gin_file=gin/runs/tiny.gin', '--gin.Trainings.steps=3'], 'did you mean Training'),
        (['train', '--gin_file=gin/runs/tiny.gin', 'TRAIN_STEPS=3'], "cannot read 'TRAIN_STEPS=3'"),
        (['train', '--gin.TRAIN_STEPS=3'], 'not set: Run.model_dir, Run.data, Run.stream, Run.model; '),
        (['train', '--gin_file=gin/runs/defaults.gin'], 'required settings are missing: MODEL_DIR, TFDS_DATA_DIR'),
        (['train', '--gin_file=gin/runs/tiny.gin', '--gin.MODEL_DIR=/proc/nothing'], "'/proc/nothing' cannot be"),
        (['evaluate', *PROC, '--gin.Evaluation.base_dir=/proc/no'], "Evaluation.base_dir='/proc/no' cannot be written"),
        (['pack', *PROC, '--gin.Stream.directory=/proc/no'], "Stream.directory='/proc/no' cannot be written"),
        (['train', '--gin_file=gin/runs/tiny.gin', '--gin.SEQUENCE_LENGTH=100'], 'raise SEQUENCE_LENGTH'),
        (['data', 'prepare', 'rte'], 'give one of --samples'),
        (['data', 'prepare', 'rtee', '--from', 'train=x.jsonl'], "unknown dataset 'rtee'; did you mean rte"),
        (['data', 'prepare', 'rte', '--from', 'x.jsonl'], 'SPLIT=FILE'),
        (['data', 'prepare', 'rte', '--from', 'train=no.jsonl'], 'no.jsonl: no such file'),
    ],
)
def test_bad_input_gets_one_clear_line(capsys, monkeypatch, tmp_path, arguments, message):
    monkeypatch.delenv('TFDS_DATA_DIR', raising=False)
    monkeypatch.chdir(tmp_path)
    assert main.main(arguments) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob('*.json*'))


def test_all_checks_of_the_doctor_pass(capsys):
    assert main.main(['doctor']) == 0


@pytest.mark.parametrize(
    'arguments',
    [
        ['tasks', 'show', 'rte', '--limi=3'],
        ['data', 'status', '--data_di=x'],
        ['doctor', '--nothin'],
        ['serve', 'MODEL', '--por=0'],
        ['judge', 'a', 'b', '--verdict=c'],
        ['evaluate', 'MODEL', '--tasks=rte', '--shot=1'],
        ['convert', '--from=hf', '--to=flan', 'a', 'b', '--vocab=c'],
    ],
)
def test_options_are_not_abbreviated(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main.main(arguments)
    assert ended.value.code == 2
    assert f'unrecognized arguments: {arguments[-1]}' in capsys.readouterr().err


def test_text_that_the_locale_has_no_letters_for_is_spelt(tmp_path):
    """In an ASCII locale, which Python would replace by UTF-8 where it may; files stay UTF-8."""
    ascii_only = {'LC_ALL': 'C', 'PYTHONUTF8': '0', 'PYTHONCOERCECLOCALE': '0'}
    environment = {name: value for name, value in os.environ.items() if name not in ('LANG', 'PYTHONIOENCODING')}
    for asked, spelt in ((['tasks', 'licences'], '\\u'), (['reproduce', '--list'], '\\u')):
        done = subprocess.run(
            [sys.executable, '-m', 'flan_jax', *asked], capture_output=True, env=environment | ascii_only
        )
        assert done.returncode == 0, done.stderr.decode()
        assert spelt in done.stdout.decode('ascii')
    code = (
        'import pathlib, sys; from flan_jax.files import read_json, write_whole\n'
        'write_whole(sys.argv[1], \'{"a": "\\u00fc"}\'); print(ascii(read_json(sys.argv[1], "")["a"]))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, f'{tmp_path}/file.json'],
        capture_output=True, text=True, env=environment | ascii_only,
    )  # fmt: skip
    assert done.stdout == "'\\xfc'\n", done.stderr
    assert (tmp_path / 'file.json').read_text('utf-8') == '{"a": "\u00fc"}'
