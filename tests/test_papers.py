"""docs/papers.md names every study there is, and commands and files that exist."""

import pathlib
import re

from flan_jax.command import main
from flan_jax.command.study_table import studies

ROOT = pathlib.Path(__file__).parents[1]
PAGE = (ROOT / 'docs' / 'papers.md').read_text()
ROWS = [
    [cell.strip() for cell in line.strip('|').split('|')]
    for line in PAGE.splitlines()
    if line.startswith('|') and not line.startswith('|---')
]
STATES = ('whole here', 'small here', 'compiled', 'cannot', 'not yet')


def test_the_map_names_every_study_and_no_other():
    named = re.findall(r'flan-jax reproduce ([\w.]+)', PAGE)
    assert sorted(named) == sorted(study.id for study in studies())


def test_every_command_and_file_is_there():
    commands = re.findall(r'flan-jax (\w+)', PAGE)
    assert set(commands) <= set(main.COMMANDS) and len(commands) > 15
    for file in re.findall(r'gin/[\w/.]+\.gin', PAGE):
        assert (ROOT / file).is_file(), file
    for page in re.findall(r'\]\(([\w.]+\.md)\)', PAGE):
        assert (ROOT / 'docs' / page).is_file(), page


def test_every_row_has_a_state_and_a_reason_where_there_is_no_command():
    rows = [row for row in ROWS if row[0] not in ('table or figure', 'method')]
    assert len(rows) > 25
    for _, command, state in rows:
        assert any(known in state for known in STATES), state
        assert command or re.match(r'(cannot|not yet): \w+', state), state
