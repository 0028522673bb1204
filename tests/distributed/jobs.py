"""Jobs of several processes on this machine."""

import os
import socket

from tests import forked


def start(count, module, *arguments):
    """Starts the processes of a job, each `python -m module arguments`."""
    with socket.socket() as free:
        free.bind(('localhost', 0))
        address = f'localhost:{free.getsockname()[1]}'
    job = {'JAX_COORDINATOR_ADDRESS': address, 'JAX_NUM_PROCESSES': str(count), 'JAX_PLATFORMS': 'cpu'}
    environments = [os.environ | job | {'JAX_PROCESS_ID': str(index)} for index in range(count)]
    return [forked.Process(module, arguments, environment) for environment in environments]


def ends_of(job, seconds=180):
    """Exit status, standard output and standard error of every process, none of which may hang."""
    try:
        outputs = [process.communicate(timeout=seconds) for process in job]
    finally:
        for process in job:
            process.kill()
    return [(process.returncode, *output) for process, output in zip(job, outputs)]
