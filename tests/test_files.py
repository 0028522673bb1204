"""Folders are checked before work starts; files and folders are whole or not there, however many write them."""

import multiprocessing
import os

import numpy as np
import pytest
from etils import epath

from flan_jax import catalogue, files
from flan_jax.data.prepare import prepare_samples
from flan_jax.errors import UserError
from flan_jax.files import locate, only_writer, publish, require_space, require_writable, unfinished_folder, write_whole
from flan_jax.training import checkpoints
from flan_jax.training.moved_base import moved, write_moved
from tests.writers import MARKER, in_two_processes, write_file, write_folder


def test_a_folder_that_can_be_written_is_made_and_left_empty(tmp_path):
    require_writable(tmp_path / 'a' / 'b', 'MODEL_DIR')
    assert list((tmp_path / 'a' / 'b').iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named_with_its_macro(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match="Stream.directory='.*file/run' cannot be written"):
        require_writable(tmp_path / 'file' / 'run', 'Stream.directory')


def test_what_cannot_be_written_is_named_by_all_that_write(tmp_path):
    (tmp_path / 'file').write_text('')
    place = tmp_path / 'file' / 'folder'
    with pytest.raises(UserError, match="'.*file/folder' cannot be created: .*; choose another folder"):
        write_whole(place / 'x.json', '')
    with pytest.raises(UserError, match="'.*/file' cannot be created"), unfinished_folder(place):
        raise AssertionError
    with pytest.raises(UserError, match="'.*file/folder' cannot be created"):
        prepare_samples([catalogue.dataset('rte')], str(place))
    with pytest.raises(UserError, match="'.*file/folder' cannot be created"):
        checkpoints.save_params(place / '1', {'a': np.ones(2)}, {})


def test_what_does_not_fit_is_told_with_its_size(tmp_path):
    require_space(tmp_path, 1, 'MODEL_DIR', 'checkpoints')
    with pytest.raises(UserError, match=r'checkpoints need 1e\+09 GB, .* GB are free; free space, or set MODEL_DIR'):
        require_space(tmp_path, 10**18, 'MODEL_DIR', 'checkpoints')


def test_buckets_have_no_end():
    require_space('gs://bucket/run', 10**18, 'MODEL_DIR', 'checkpoints')


def test_a_bucket_is_no_folder_of_this_disk():
    assert str(files.absolute('gs://bucket/run')) == 'gs://bucket/run'
    assert files.absolute('run') == epath.Path(os.getcwd()) / 'run'


def test_a_byte_order_mark_is_no_part_of_a_text(tmp_path):
    (tmp_path / 'prompts.txt').write_bytes(b'\xef\xbb\xbfName a fruit.\r\n\xef\xbb\xbf')
    assert files.read_utf8(tmp_path / 'prompts.txt') == 'Name a fruit.\n\ufeff'


def test_a_file_is_written_whole_and_leaves_nothing_beside_it(tmp_path):
    write_whole(tmp_path / 'a' / 'report.json', 'first')
    write_whole(tmp_path / 'a' / 'report.json', 'second')
    assert [path.name for path in (tmp_path / 'a').iterdir()] == ['report.json']
    assert (tmp_path / 'a' / 'report.json').read_text() == 'second'


@pytest.mark.parametrize('attempt', range(3))
def test_of_two_writers_of_a_folder_the_first_one_wins(attempt, tmp_path):
    won = in_two_processes(write_folder, tmp_path / 'stream')
    assert sorted(won) == [False, True]
    winner = str(won.index(True) + 1)
    assert [(tmp_path / 'stream' / name).read_text() for name in ('a', 'inner/b', MARKER)] == [winner] * 3
    assert [path.name for path in tmp_path.iterdir()] == ['stream']


def test_of_two_writers_of_a_file_the_last_one_wins(tmp_path):
    assert in_two_processes(write_file, tmp_path / 'records.jsonl') == [True, True]
    assert (tmp_path / 'records.jsonl').read_text() in ('1' * 100_000, '2' * 100_000)
    assert [path.name for path in tmp_path.iterdir()] == ['records.jsonl']


def test_a_folder_that_is_not_published_is_removed_and_another_writers_is_not(tmp_path):
    with unfinished_folder(tmp_path / 'stream') as other:
        with pytest.raises(ZeroDivisionError), unfinished_folder(tmp_path / 'stream') as folder:
            (folder / 'a').write_text('1')
            raise ZeroDivisionError
        assert list(tmp_path.iterdir()) == [other]


def test_something_incomplete_in_the_way_is_named(tmp_path):
    (tmp_path / 'stream').mkdir()
    (tmp_path / 'stream' / 'a').write_text('half')
    with (
        pytest.raises(UserError, match='stream exists, but is not complete, because it has no done.json'),
        unfinished_folder(tmp_path / 'stream') as folder,
    ):
        publish(folder, tmp_path / 'stream', MARKER)
    assert (tmp_path / 'stream' / 'a').read_text() == 'half'


def test_in_a_bucket_the_marker_comes_last_and_tells_the_winner(tmp_path, monkeypatch):
    """A bucket has no rename, so files are copied; a folder on disk stands for one."""
    monkeypatch.setattr(files, 'in_bucket', lambda path: True)
    copied, destination = [], tmp_path / 'bucket' / 'stream'
    copy = type(files.epath.Path(tmp_path)).copy
    monkeypatch.setattr(
        type(files.epath.Path(tmp_path)),
        'copy',
        lambda self, target, overwrite=False: copied.append(self.name) or copy(self, target, overwrite),
    )
    for number, won in ((1, True), (2, False)):
        with unfinished_folder(destination, on_disk=True) as folder:
            assert tmp_path not in folder.parents
            (folder / 'inner').mkdir()
            for name in ('a', MARKER, 'inner/b'):
                (folder / name).write_text(str(number))
            assert publish(folder, destination, MARKER) == won
        assert not folder.exists()
    assert sorted(copied) == ['a', 'b', MARKER] and copied[-1] == MARKER
    assert (destination / 'inner' / 'b').read_text() == '1'


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path, monkeypatch):
    child = multiprocessing.get_context('spawn').Process(target=int)
    child.start()
    child.join()
    (tmp_path / 'sound.unfinished').mkdir()
    (tmp_path / '.other~elsewhere~1~ab.unfinished').mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os, 'getpid', lambda: child.pid)
        for folder in (tmp_path, tmp_path / 'evaluation' / 'base' / 'rte-1'):
            dead = files._beside(files.epath.Path(folder / 'records.jsonl'))
            (dead / 'inside').mkdir(parents=True)
    with unfinished_folder(tmp_path / 'stream') as living:
        require_writable(tmp_path, 'MODEL_DIR')
        left = {path.name for path in tmp_path.rglob('*.unfinished')}
        assert left == {'sound.unfinished', '.other~elsewhere~1~ab.unfinished', living.name}


def test_in_a_bucket_one_of_two_writers_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(files, 'in_bucket', lambda path: True)
    destination = tmp_path / 'bucket' / 'model'
    with only_writer(destination), only_writer(tmp_path / 'bucket' / 'model2'):
        refused = pytest.raises(UserError, match='model is being written by another process .see .*claim')
        with refused, only_writer(destination):
            pytest.fail('both write')
        assert len(list(destination.parent.iterdir())) == 2
    assert not list(destination.parent.iterdir())
    with only_writer(destination):  # the next one may
        pass


def test_what_lies_within_a_moved_run_is_found_and_never_a_checkpoints_own_sibling(tmp_path):
    checkpoint, base = tmp_path / 'lora/checkpoints/60', tmp_path / 'lora/base/checkpoint'
    checkpoint.mkdir(parents=True)
    base.mkdir(parents=True)
    assert locate('elsewhere/lora/base/checkpoint', checkpoint) == str(base)
    for gone in ('out/tiny/checkpoints/60', 'out/lora/checkpoints/60', '60'):
        assert locate(gone, checkpoint) == gone
    assert locate(str(base), checkpoint) == str(base)


def test_a_base_with_a_new_path_is_found_after_the_folder_around_it_was_moved(tmp_path):
    for name in ('run/checkpoints/4', 'other/checkpoint'):
        (tmp_path / 'before' / name).mkdir(parents=True)
    write_moved(tmp_path / 'before/run/checkpoints/4', 'base', tmp_path / 'before/other/checkpoint')
    (tmp_path / 'before').rename(tmp_path / 'after')
    found = moved(tmp_path / 'after/run/checkpoints/4')
    assert found == {'was': 'base', 'now': str(tmp_path / 'after/other/checkpoint')}
    assert moved(tmp_path / 'after/other/checkpoint') == {}
