"""A second run in a MODEL_DIR is refused by name; the lock goes with its process, however that ends."""

import os
import socket
import subprocess
import sys

import pytest

from flan_jax.distributed.lock import FILE, only_run
from flan_jax.errors import UserError


def test_a_second_run_is_refused_and_told_who_is_there(tmp_path):
    with only_run(tmp_path):
        with (
            pytest.raises(UserError, match=f'process {os.getpid()} on {socket.gethostname()}, since 20'),
            only_run(tmp_path),
        ):
            pass
        with only_run(tmp_path / 'other'):
            pass
    with only_run(tmp_path):
        pass


def test_a_run_that_failed_leaves_no_lock(tmp_path):
    with pytest.raises(ZeroDivisionError), only_run(tmp_path):
        raise ZeroDivisionError
    with only_run(tmp_path):
        pass


def test_a_process_that_was_killed_leaves_no_lock(tmp_path):
    code = f"""
import sys, time
from flan_jax.distributed.lock import only_run
with only_run({str(tmp_path)!r}):
    print('held', flush=True)
    time.sleep(600)
"""
    child = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == 'held\n'
    with pytest.raises(UserError, match=f'process {child.pid} on'), only_run(tmp_path):
        pass
    child.kill()
    child.wait()
    with only_run(tmp_path):
        pass


@pytest.mark.parametrize('content', ['', 'torn {', '[]', '{"pid": 1}'])
def test_what_the_file_holds_does_not_matter(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    with only_run(tmp_path):
        (tmp_path / FILE).write_text(content)
        with pytest.raises(UserError, match='another process is using this folder'), only_run(tmp_path):
            pass


def test_buckets_have_no_locks(tmp_path, monkeypatch):
    monkeypatch.setattr('flan_jax.distributed.lock.in_bucket', lambda path: True)
    with only_run(tmp_path), only_run(tmp_path):
        assert not (tmp_path / FILE).exists()
