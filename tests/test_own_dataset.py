"""docs/own_dataset.md does what it shows: its files are written and its commands run, in the order of the page."""

import importlib
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Choice, Cluster, Dataset, Splits, Template
from flan_jax.catalogue.identity import declaration_fingerprint
from flan_jax.data.prepare import write_dataset
from flan_jax.data.source import prepared_builder
from flan_jax.errors import UserError

PAGE = pathlib.Path(__file__).parents[1] / 'docs' / 'own_dataset.md'

BLOCK = re.compile(r'(?:`(?P<file>[\w.]+)`:\n\n)?```(?P<language>\w*)\n(?P<text>.*?)```', re.DOTALL)


def test_the_page_does_what_it_shows(tmp_path):
    commands = ['set -e']
    for block in BLOCK.finditer(PAGE.read_text()):
        if block['file']:
            (tmp_path / block['file']).write_text(block['text'])
        else:
            assert block['language'] == 'bash'
            commands.append(block['text'])
    path = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ['PATH']])
    done = subprocess.run(
        ['bash', '-c', '\n'.join(commands)],
        cwd=tmp_path,
        env=os.environ | {'PATH': path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert 'What is it?\nOPTIONS:\n- ' in done.stdout
    report = json.loads((tmp_path / 'out' / 'riddles' / 'report.json').read_text())
    (result,) = report['results']
    assert (result['name'], result['num_examples'], result['chance']) == ('riddles', 2, 25.0)
    assert [line['task'] for line in report['mixture']] == ['riddles']
    assert (tmp_path / 'out' / 'riddles' / 'report.html').exists()


def test_a_source_that_nobody_describes_is_refused(tmp_path):
    with pytest.raises(UserError, match="TFDS has no dataset 'no_such_data:1.0.0'; set `features`"):
        write_dataset('no_such_data:1.0.0', {}, str(tmp_path), origin='')


def test_a_source_of_ones_own_may_have_a_configuration(tmp_path):
    file = tmp_path / 'examples.jsonl'
    file.write_text('{"text": "a"}\n{"text": "b"}\n')
    import tensorflow_datasets as tfds

    features = {'text': tfds.features.Text()}
    write_dataset('mine/small:2.0.1', {'train': file}, str(tmp_path / 'data'), 'test', features)
    builder = prepared_builder('mine/small:2.0.1', str(tmp_path / 'data'))
    assert builder.info.splits['train'].num_examples == 2
    assert builder.info.metadata['flan_jax_origin'] == 'test'


def test_features_do_not_keep_a_declaration_from_being_checked():
    with pytest.raises(UserError, match="unknown field 'no'"):
        Dataset(
            name='mine',
            cluster=Cluster(name='c', title='C'),
            paper_name='',
            source='mine:1.0.0',
            features={'text': object()},
            splits=Splits(),
            fields={'text': 'text'},
            answer=Choice(options=('a', 'b')),
            templates=(Template('{no} {options}'),),
            metrics=('accuracy',),
            licence='',
            citation='',
        )


def riddles(answer='answers', shown=lambda ex: ex['riddle']):
    return Dataset(
        name='asked', cluster=Cluster(name='asked', title='Asked'), paper_name='', source='asked:1.0.0',
        splits=Splits(test='test'), fields={'riddle': shown}, answer=Choice(options=answer, label='right'),
        templates=(Template('{riddle}\n{options}'),), metrics=('accuracy',), licence='CC0', citation='Yours.',
    )  # fmt: skip


def test_a_declaration_that_is_changed_has_streams_and_records_of_its_own():
    """The same data under the same templates, but another feature is the answer, or another text is shown."""
    same = [declaration_fingerprint(riddles()) for _ in range(2)]
    others = [riddles(answer='wrong'), riddles(shown='riddle'), riddles(shown=lambda ex: ex['riddle'] + '!')]
    assert same[0] == same[1] and len({*same, *map(declaration_fingerprint, others)}) == 4


MODULE = """
import functools, re

SEPARATOR = ' '
LETTERS = re.compile('[a-z]+')

@functools.cache
def tidied(text):
    return SEPARATOR.join(text.split())

def shown(ex):
    return [tidied(part) for part in ex['parts'] if LETTERS.match(part)]
"""


@pytest.mark.parametrize(('old', 'new'), [("' '", "'_'"), ('text.split()', 'text.lower().split()'), ('a-z', 'a-q')])
def test_a_declaration_is_known_by_what_its_functions_call_and_use_too(tmp_path, monkeypatch, old, new):
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for name, text in {'first': MODULE, 'second': MODULE, 'changed': MODULE.replace(old, new)}.items():
        module = f'{name}_{len(new)}'
        (tmp_path / f'{module}.py').write_text(text)
        found.append(declaration_fingerprint(riddles(shown=importlib.import_module(module).shown)))
    assert found[0] == found[1] != found[2]


def test_what_the_project_declares_is_identified_by_its_version(miniature):
    catalogue.declare()
    for ours in (catalogue.dataset('rte'), miniature.declared.DATASETS[0]):
        assert declaration_fingerprint(ours) is None
