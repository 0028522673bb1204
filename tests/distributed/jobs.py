"""Jobs of several processes on this machine."""

import os
import socket
import subprocess
import sys

from tests import forked


def start(count, module, *arguments, anew=False):
    """Starts the processes of a job, each `python -m module arguments`; forked, or anew as users start them."""
    with socket.socket() as free:
        free.bind(('localhost', 0))
        address = f'localhost:{free.getsockname()[1]}'
    job = {'JAX_COORDINATOR_ADDRESS': address, 'JAX_NUM_PROCESSES': str(count), 'JAX_PLATFORMS': 'cpu'}
    environments = [os.environ | job | {'JAX_PROCESS_ID': str(index)} for index in range(count)]
    start_one = _started_anew if anew else forked.Process
    return [start_one(module, arguments, environment) for environment in environments]


def _started_anew(module, arguments, environment):
    command, pipe = [sys.executable, '-m', module, *arguments], subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def ends_of(job, seconds=180):
    """Exit status, standard output and standard error of every process, none of which may hang."""
    try:
        outputs = [process.communicate(timeout=seconds) for process in job]
    finally:
        for process in job:
            process.kill()
    return [(process.returncode, *output) for process, output in zip(job, outputs)]
