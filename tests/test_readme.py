"""Every command of the pages below runs, on samples and for a few steps where it would run long."""

import json
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

from flan_jax import catalogue
from flan_jax.command import main
from flan_jax.convert.write import write_model
from flan_jax.data import own_instructions
from tests.command.converted_base import CONFIG
from tests.convert.tokenizers_trained import write_llama3
from tests.toy import random_params

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / 'README.md').read_text()
PAGES = README + ''.join((ROOT / 'docs' / page).read_text() for page in ('evaluation.md', 'look.md'))
BLOCKS = re.findall(r'```sh\n(.*?)```', PAGES, flags=re.DOTALL)
EXAMPLES = re.findall(r'```python\n(.*?)```', README, flags=re.DOTALL)
COMMANDS = [line.partition(' #')[0].strip() for block in BLOCKS for line in block.splitlines()]

FEW_STEPS = {
    'MIXTURE_OR_TASK_NAME': 'coreference+sentiment',
    'TRAIN_STEPS': 2,
    'BATCH_SIZE': 2,
    'EVAL_LIMIT': 1,
    'EVAL_TASKS': "('rte',)",
    'Evaluation.templates': '(0, 1)',
    'SEQUENCE_LENGTH': 512,
    'Stream.input_length': 384,
    'Stream.target_length': 128,
    'Stream.targets_per_sequence': 128,
    'Run.model': '@lamda()',
    'lamda.num_layers': 1,
    'lamda.d_model': 16,
    'lamda.head_dim': 8,
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory, samples_dir):
    """A folder like the one the reader is in: samples where data would be, files of rows and a model of her own."""
    folder = tmp_path_factory.mktemp('reader')
    shutil.copytree(samples_dir, folder / 'out' / 'tfds')
    shutil.rmtree(folder / 'out' / 'tfds' / 'story_cloze')  # the reader prepares it from her own files
    shutil.copytree(samples_dir, folder / 'out' / 'samples')
    (folder / 'out' / 'tiny').symlink_to('sentiment')  # one run less: pages ask for either
    for file in (ROOT / 'tasks/samples/story_cloze/2016').glob('*.jsonl'):
        shutil.copy(file, folder)
    (folder / 'downloads/model').mkdir(parents=True)
    write_model(folder / 'downloads/model', CONFIG, random_params(CONFIG))
    write_llama3(folder / 'downloads/model')
    (folder / 'alpaca.json').write_text(json.dumps([{'instruction': 'Name a fruit.', 'output': 'A fig.'}] * 3))
    return folder


@pytest.mark.parametrize('target', [command for command in COMMANDS if command.startswith('make')])
def test_make_knows_what_the_readme_asks_of_it(target):
    """Continuous integration runs these very targets; here only that they are there."""
    found = subprocess.run(['make', '--dry-run', *target.split()[1:]], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


def test_the_flan_jax_commands_run(folder, monkeypatch, capfd):
    """All in one process, which has read its libraries; tests/test_own_dataset.py starts the command itself."""
    monkeypatch.chdir(folder)
    ran = 0
    for command in COMMANDS:
        if command.startswith('export'):
            name, _, value = command.removeprefix('export ').partition('=')
            monkeypatch.setenv(name, value)
        elif command.startswith('flan-jax'):
            check(command, capfd)
            ran += 1
    assert ran == PAGES.count('\nflan-jax ')
    for example in EXAMPLES:
        found = {}
        exec(example, found)
        assert isinstance(found['answer'], str) and len(found['scores']) == len(found['asked'].options) == 2


def check(command, capfd):
    """Runs one command; downloads may fail for want of a network, but must then say so dataset by dataset."""
    words = shlex.split(command)
    if words[1] in ('run', 'report') and '--gin_file' in command:
        words += [f'--gin.{name}={value}' for name, value in FEW_STEPS.items()]
    if words[1] == 'tune':
        words += ['--length=800', '--batch_size=1']
    if words[1] == 'evaluate' and '--gin_file' not in command:
        words += ['--limit=1', '--templates=0']
    if words[1:3] == ['tasks', 'site']:
        words += ['--cluster=sentiment']
    if words[1] == 'reproduce' and '--list' not in words:
        words += [f'--gin.{name}={value}' for name, value in FEW_STEPS.items() if name != 'EVAL_TASKS']
        words += ['--clusters=coreference']
    status = main.main(words[1:])
    for name in list(own_instructions._DECLARED):  # as in a process of its own, the next command declares them anew
        del catalogue.DATASETS[name], own_instructions._DECLARED[name]
    said = ''.join(capfd.readouterr())
    if words[1:3] == ['data', 'download']:
        assert 'datasets are ready in' in said and all(name in said for name in words[3:]), said
    else:
        assert status == 0, f'{command}\n{said}'


def test_every_file_the_readme_links_to_is_there():
    links = [link for link in re.findall(r'\]\(([^)#]+)\)', README) if '://' not in link]
    assert links
    for link in links:
        assert (ROOT / link).exists(), link
