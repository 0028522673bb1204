"""Pages name commands, files and pages that exist, and none is left out of the site."""

import pathlib
import re

import pytest

from flan_jax.command import main

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [*sorted((ROOT / 'docs').glob('*.md')), *sorted(ROOT.glob('*.md')), ROOT / 'benchmarks' / 'README.md']


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
class TestPage:
    def test_links_lead_somewhere(self, page):
        for target in re.findall(r'\]\((?!https?:|#)([^)#\s]+)', page.read_text()):
            assert (page.parent / target).exists(), target

    def test_commands_are_those_of_the_program(self, page):
        named = re.findall(r'(?:^|`|\s)flan-jax ([a-z]\w+)', page.read_text(), re.MULTILINE)
        assert set(named) <= set(main.COMMANDS), set(named) - set(main.COMMANDS)

    def test_configurations_are_there(self, page):
        named = re.findall(r'(?<![\w/])gin/[\w/.]+\.gin', page.read_text())
        assert [file for file in named if not (ROOT / file).is_file()] == []

    def test_make_has_the_targets(self, page):
        targets = re.findall(r'^(\w+):', (ROOT / 'Makefile').read_text(), re.MULTILINE)
        named = re.findall(r'(?:^|`)make (\w+)(?=`|\s*(?:#|$))', page.read_text(), re.MULTILINE)
        assert set(named) <= set(targets)


def test_the_site_has_every_page():
    listed = re.findall(r'^(\w+)$', (ROOT / 'docs' / 'index.md').read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(page.stem for page in (ROOT / 'docs').glob('*.md') if page.stem != 'index')
