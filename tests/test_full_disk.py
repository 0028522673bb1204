"""Where a disk is full every writer says so in one line, and leaves nothing half written under a final name."""

import contextlib
import os
import pathlib
import subprocess

import jax.numpy as jnp
import numpy as np
import pytest
from etils import epath

from flan_jax.command import main
from flan_jax.errors import says_disk_is_full
from flan_jax.files import write_whole
from flan_jax.packing.example import Example, PackedSequence
from flan_jax.packing.stream import write
from flan_jax.training.checkpoints import save_params


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 KB."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder], capture_output=True)
    if mounted.returncode:
        pytest.skip('only root may mount a small disk here')
    yield folder
    subprocess.run(['umount', '-l', folder], check=True)


def write_text(folder):
    write_whole(folder / 'report.json', 'x' * 10**6)


def write_stream(folder):
    tokens = np.random.default_rng(0).integers(0, 30_000, (200, 1000)).astype(np.int32)
    write(
        epath.Path(folder / 'stream'),
        (PackedSequence.of([Example(row[:500], (row[500:],), 0, 0)]) for row in tokens),
        None,
    )


def write_checkpoint(folder):
    noise = np.random.default_rng(0).normal(size=10**6).astype(np.float32)
    save_params(folder / 'checkpoint', {'a': jnp.asarray(noise)}, {})


@pytest.mark.parametrize('writer', [write_text, write_stream, write_checkpoint])
def test_a_full_disk_is_one_line_and_nothing_half_written(small_disk, capfd, monkeypatch, writer):
    monkeypatch.setattr('flan_jax.command.report.main', lambda _: writer(small_disk))
    assert main.main(['report']) == 2
    assert 'flan-jax report: a disk is full' in capfd.readouterr().err
    assert not {'report.json', 'stream', 'checkpoint'} & set(os.listdir(small_disk))


def test_other_errors_are_not_taken_for_it(monkeypatch):
    def fail(_):
        raise OSError(2, 'No such file')

    monkeypatch.setattr('flan_jax.command.report.main', fail)
    with pytest.raises(OSError, match='No such file'):
        main.main(['report'])


def test_it_is_found_behind_other_errors():
    with contextlib.suppress(ValueError):
        try:
            pathlib.Path('/dev/full').write_text('x' * 10**6)
        except OSError as error:
            found = ValueError('Orbax could not save')
            found.__cause__ = error
            assert says_disk_is_full(found)
            raise found from error
    assert says_disk_is_full(RuntimeError('write() failed: No space left on device; writing x'))
    assert not says_disk_is_full(ValueError('x'))
