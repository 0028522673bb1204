"""Signals are noted while work is under way; a second Ctrl-C ends the process at once."""

import signal
import subprocess
import sys

import pytest

from flan_jax.command import main
from flan_jax.distributed.preemption import Preempted, interruptible, termination_noted


@pytest.mark.parametrize(('received', 'status'), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_what_was_noted_is_told_by_message_and_status(received, status):
    with pytest.raises(Preempted, match='saved; run the same command again') as stopped, termination_noted() as noted:
        assert not noted()
        signal.raise_signal(received)
        assert noted()
        raise noted.stopped('saved')
    assert stopped.value.exit_status == status
    with pytest.raises(Preempted) as stopped, interruptible() as check:
        check('nothing came yet')
        signal.raise_signal(received)
        check('stopped packing')
    assert stopped.value.exit_status == status


def test_handlers_are_as_they_were_afterwards():
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    with interruptible():
        assert signal.getsignal(signal.SIGINT) != before[1]
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_ctrl_c_after_the_last_call_is_not_lost():
    with pytest.raises(KeyboardInterrupt), termination_noted():
        signal.raise_signal(signal.SIGINT)


def test_a_second_ctrl_c_ends_the_process_even_if_nobody_asks():
    code = """
import signal
from flan_jax.distributed.preemption import termination_noted
with termination_noted():
    signal.raise_signal(signal.SIGINT)
    print('noted', flush=True)
    signal.raise_signal(signal.SIGINT)
    print('went on')
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == -signal.SIGINT and done.stdout == 'noted\n'
    assert 'once more stops at once' in done.stderr and 'Traceback' not in done.stderr


def test_ctrl_c_where_nothing_is_to_be_saved_is_one_line(capsys, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr('flan_jax.command.tasks.main', interrupted)
    assert main.main(['tasks', 'list']) == 130
    assert capsys.readouterr().err == '\nflan-jax tasks: stopped; run the same command again to resume\n'
