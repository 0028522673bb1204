"""Jobs of several processes on this machine."""

import os
import socket
import subprocess
import sys


def start(count, *arguments, stdout=subprocess.DEVNULL):
    """Starts the processes of a job, each `python -m arguments`."""
    with socket.socket() as free:
        free.bind(('localhost', 0))
        address = f'localhost:{free.getsockname()[1]}'
    # What LLVM optimises is the same however many processes there are; leaving it out saves time.
    flags = ('backend_optimization_level=0', 'cpu_use_fusion_emitters=false', 'cpu_parallel_codegen_split_count=1')
    fast = {'XLA_FLAGS': ' '.join(f'--xla_{flag}' for flag in flags)}
    job = {'JAX_COORDINATOR_ADDRESS': address, 'JAX_NUM_PROCESSES': str(count), 'JAX_PLATFORMS': 'cpu'}
    return [
        subprocess.Popen(
            [sys.executable, '-m', *arguments],
            env=os.environ | fast | job | {'JAX_PROCESS_ID': str(index)},
            stderr=subprocess.PIPE,
            stdout=stdout,
            text=True,
        )
        for index in range(count)
    ]


def ends_of(job, seconds=180):
    """Exit status, standard output and standard error of every process, none of which may hang."""
    try:
        outputs = [process.communicate(timeout=seconds) for process in job]
    finally:
        for process in job:
            process.kill()
    return [(process.returncode, *output) for process, output in zip(job, outputs)]
