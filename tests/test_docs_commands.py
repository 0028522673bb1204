"""Every command on every page is one that the program takes: read by the real parsers, its configuration made.

Pages of `WALKED` are run line by line by another test. All others say, in a comment that begins with `PARSED`, why
their commands are read here and not run.
"""

import argparse
import pathlib
import re
import shlex

import pytest

from flan_jax.command import configuration, main
from flan_jax.command.bindings import read_bindings

ROOT = pathlib.Path(__file__).parents[1]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in [*sorted((ROOT / 'docs').glob('*.md')), *sorted(ROOT.glob('*.md')), ROOT / 'benchmarks' / 'README.md']
}

WALKED = {
    'README.md': 'test_readme.py',
    'docs/evaluation.md': 'test_readme.py',
    'docs/look.md': 'test_readme.py',
    'docs/own_dataset.md': 'test_own_dataset.py',
}
"""Page to the file of tests/ that runs its commands."""

PARSED = '<!-- commands parsed, not run: '

_PARSING = ('parse_args', 'parse_known_args', 'parse_intermixed_args', 'parse_known_intermixed_args')


def commands_in(text):
    """The lines of blocks, fenced or indented, that begin with a command; those that go on are joined."""
    is_fenced = False
    for line in text.replace('\\\n', ' ').splitlines():
        is_fenced ^= line.startswith('```')
        if (is_fenced or line.startswith('    ')) and re.match(r'\s*([A-Z_]+=\S+ )*(flan-jax|python|make) ', line):
            yield line.strip()


COMMANDS = [(page, line) for page, text in PAGES.items() for line in commands_in(text)]


class Parsed(BaseException):
    """Ends a command when its arguments are read."""


@pytest.fixture(scope='module')
def parsed():
    """Reads a command line with the program's own parser and returns what it found; nothing is done."""
    patch, depth = pytest.MonkeyPatch(), [0]

    def stopping_after(method):
        def parse(self, *args, **kwargs):
            depth[0] += 1
            try:
                found = method(self, *args, **kwargs)
            finally:
                depth[0] -= 1
            if depth[0]:
                return found  # a parser within a parser
            raise Parsed(*found if isinstance(found, tuple) else (found, []))

        return parse

    for name in _PARSING:
        patch.setattr(argparse.ArgumentParser, name, stopping_after(getattr(argparse.ArgumentParser, name)))

    def read(words):
        try:
            status = main.main(words)
        except Parsed as ended:
            return ended.args
        raise AssertionError(f'ended with status {status} before its arguments were read')

    yield read
    patch.undo()


def test_there_are_commands_on_pages_and_every_page_says_what_becomes_of_them():
    assert len(COMMANDS) > 120
    for page in {page for page, _ in COMMANDS}:
        text = PAGES[page]
        if page in WALKED:
            assert pathlib.Path(page).name in (ROOT / 'tests' / WALKED[page]).read_text() and PARSED not in text
        else:
            assert re.search(re.escape(PARSED) + r'\S.+ -->', text), f'{page} does not say why its commands are not run'


SPANS = sorted({(page, span) for page, text in PAGES.items() for span in re.findall(r'(?<!`)`(flan-jax [^`]+)`', text)})


@pytest.mark.parametrize(('page', 'span'), SPANS, ids=[f'{page}:{span[:60]}' for page, span in SPANS])
def test_a_command_within_a_sentence_has_no_option_that_is_not_there(page, span, parsed, capsys):
    """It may leave out what is required."""
    words = shlex.split(re.sub(r'[][]|\.\.\.', '', ' '.join(span.split())))
    if words[1:] in (['--help'], ['--version']) or not re.fullmatch(r'[a-z_]+', words[1]):
        return
    try:
        _, others = parsed(words[1:])
    except SystemExit:
        said = capsys.readouterr().err
        assert 'the following arguments are required' in said or 'expected' in said, said
    else:
        read_bindings(others)


@pytest.mark.parametrize('page', [page for page in PAGES if '```python' in PAGES[page]])
def test_python_on_a_page_is_python(page):
    for block in re.findall(r'```python[^\n]*\n(.*?)```', PAGES[page], re.DOTALL):
        compile(block, page, 'exec')


@pytest.mark.parametrize(('page', 'line'), COMMANDS, ids=[f'{page}:{line[:60]}' for page, line in COMMANDS])
def test_a_command_is_one_that_the_program_takes(page, line, parsed, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv('TFDS_DATA_DIR', 'out/samples')
    words = shlex.split(line, comments=True)
    while '=' in words[0]:
        words.pop(0)
    words = words[: next((place for place, word in enumerate(words) if word in ('|', '>', '&&', '&')), None)]
    if words[0] == 'make':
        return  # see test_docs.py
    if words[0] == 'python':
        assert words[1] == '-m' or any((folder / words[1]).is_file() for folder in (ROOT, (ROOT / page).parent))
        return
    if words == ['flan-jax', '--help']:
        return
    try:
        options, others = parsed(words[1:])
    except SystemExit:
        pytest.fail(f'{line}\n{capsys.readouterr().err}')
    bindings = read_bindings(others)
    files = getattr(options, 'gin_file', None) or []
    if files and all(file.startswith('gin/') for file in files) and words[1] in main.RUN_COMMANDS:
        configuration.load(files, bindings)


def test_a_dataset_is_prepared_in_one_way_in_one_folder():
    """The commands of one page or run file would else refuse what those of another have prepared, or tune on it."""
    comments = [re.sub(r'^#', ' ', path.read_text(), flags=re.MULTILINE) for path in (ROOT / 'gin/runs').glob('*.gin')]
    lines = [line for text in [*PAGES.values(), *comments] for line in commands_in(text) if ' data prepare ' in line]
    ways = {}
    for words in map(shlex.split, lines):
        where = [word for word in words if word.startswith('--data_dir=out/')]
        if where and not words[3].startswith('-'):
            ways.setdefault((words[3], *where), set()).add(tuple(words))
    assert ('lima', '--data_dir=out/samples') in ways
    assert not [of_one for of_one in ways.values() if len(of_one) > 1]
