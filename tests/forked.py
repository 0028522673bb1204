"""Processes that begin where the libraries are imported: `python -m MODULE` without the five seconds that this takes.

Each is forked from a server that has imported the libraries and done nothing else (tests/preloaded.py). It has its own
environment, folder, signals, devices and end, as one that is started anew. What a command does before it imports
anything is for tests that start it anew: tests/test_own_dataset.py, tests/command/test_chaos.py by `doctor --chaos`,
and tests/command/test_ppo.py for a job of two processes.
"""

import atexit
import contextlib
import multiprocessing
import os
import pathlib
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import weakref
from multiprocessing import forkserver

ROOT = pathlib.Path(__file__).parents[1]

_CONTEXT = multiprocessing.get_context('forkserver')
_CONTEXT.set_forkserver_preload(['tests.preloaded'])


class Process:
    """`python -m module arguments` in a process that was forked, with as much of subprocess.Popen as tests use."""

    def __init__(self, module, arguments, environment=None):
        with contextlib.chdir(ROOT):
            forkserver.ensure_running()
        folder = tempfile.mkdtemp()
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._files = [pathlib.Path(folder, name) for name in ('output', 'errors')]
        environment = dict(os.environ if environment is None else environment)
        what = module, list(map(str, arguments)), environment, os.getcwd(), self._files
        self._process = _CONTEXT.Process(target=_run, args=what)
        self._process.start()

    def poll(self):
        """The exit status, minus the signal that ended it, or None while it runs."""
        return self._process.exitcode

    returncode = property(poll)

    def send_signal(self, number):
        """Sends a signal."""
        os.kill(self._process.pid, number)

    def kill(self):
        """Kills it, where it is still there."""
        if self.poll() is None:
            self.send_signal(signal.SIGKILL)

    def communicate(self, timeout=None):
        """Waits for the end; what it said on standard output and standard error."""
        self._process.join(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout, self.said())
        return self.said()

    def said(self):
        """What it has said so far."""
        return tuple(file.read_text(errors='replace') if file.exists() else '' for file in self._files)


def run(module, arguments, environment=None, timeout=600):
    """As subprocess.run does, with text captured."""
    process = Process(module, arguments, environment)
    try:
        output, errors = process.communicate(timeout)
    finally:
        process.kill()
    return subprocess.CompletedProcess(arguments, process.returncode, output, errors)


def with_devices(count):
    """The environment of a process with so many virtual devices, a number that is fixed when JAX begins."""
    flags = f'{os.environ["XLA_FLAGS"]} --xla_force_host_platform_device_count={count}'
    return os.environ | {'XLA_FLAGS': flags}


def _run(module, arguments, environment, folder, files):
    """What the process does, to the end."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for descriptor, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name='__main__', alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # as Python does, and multiprocessing does not: JAX leaves its job there
