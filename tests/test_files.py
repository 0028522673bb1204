"""Folders that cannot take what should go there are refused before work starts."""

import pytest

from flan_jax.errors import UserError
from flan_jax.files import require_space, require_writable, write_whole


def test_a_folder_that_can_be_written_is_made_and_left_empty(tmp_path):
    require_writable(tmp_path / 'a' / 'b', 'MODEL_DIR')
    assert list((tmp_path / 'a' / 'b').iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named_with_its_macro(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match="Stream.directory='.*file/run' cannot be written"):
        require_writable(tmp_path / 'file' / 'run', 'Stream.directory')


def test_what_does_not_fit_is_told_with_its_size(tmp_path):
    require_space(tmp_path, 1, 'MODEL_DIR', 'checkpoints')
    with pytest.raises(UserError, match=r'checkpoints need 1e\+09 GB, .* GB are free; make room, or set MODEL_DIR'):
        require_space(tmp_path, 10**18, 'MODEL_DIR', 'checkpoints')


def test_buckets_have_no_end():
    require_space('gs://bucket/run', 10**18, 'MODEL_DIR', 'checkpoints')


def test_a_file_is_written_whole_and_leaves_nothing_beside_it(tmp_path):
    write_whole(tmp_path / 'a' / 'report.json', 'first')
    write_whole(tmp_path / 'a' / 'report.json', 'second')
    assert [path.name for path in (tmp_path / 'a').iterdir()] == ['report.json']
    assert (tmp_path / 'a' / 'report.json').read_text() == 'second'
