"""Readers that are opened ahead in threads give what each gives when it is opened alone."""

import itertools
import subprocess
import sys
import threading
import time
from concurrent import futures

import pytest

from flan_jax.data.cuts import Cuts
from flan_jax.data.mixtures import tuning_mixture
from flan_jax.data.settings import Data
from flan_jax.packing.opener import Opener
from flan_jax.packing.readers import Readers
from flan_jax.packing.settings import Stream


def test_tasks_that_are_opened_together_give_what_each_gives_alone(samples_dir):
    """SeqIO keeps seeds in a global variable, which threads would take from one another."""
    tasks = tuning_mixture(Data(mixture='rte+sst2+cb+trec', tfds_data_dir=samples_dir)).seqio.tasks

    def opened(chosen):
        readers = Readers(tasks, Stream(), [Cuts() for _ in tasks])
        return {task: readers.open(task, 7 + task) for task in chosen}

    def read(examples):
        return [(ex.prompt.tolist(), ex.responses[0].tolist(), ex.template) for ex in itertools.islice(examples, 40)]

    together = opened(range(len(tasks)))
    assert {task: read(examples) for task, examples in together.items()} == {
        task: read(opened([task])[task]) for task in range(len(tasks))
    }


def test_an_error_is_raised_where_the_item_is_asked_for():
    def fails():
        yield from ()
        raise LookupError('of the second')

    opener = Opener()
    sound, broken, empty = opener.open(lambda: iter([1, 2])), opener.open(fails), opener.open(lambda: iter(()))
    assert (list(sound), list(empty)) == ([1, 2], [])
    with pytest.raises(LookupError, match='of the second'):
        next(broken)
    opener.close()


def test_what_no_thread_has_begun_is_not_opened_after_close():
    begun, may_go_on, made = threading.Semaphore(0), threading.Event(), []

    def make(index):
        begun.release()
        may_go_on.wait()
        made.append(index)
        return iter([index])

    opener = Opener()
    opened = [opener.open(lambda index=index: make(index)) for index in range(100)]
    begun.acquire()

    def go_on_once_it_closes():
        while not opener._closed:
            time.sleep(0.01)
        may_go_on.set()

    threading.Thread(target=go_on_once_it_closes).start()
    opener.close()
    assert made == [0] and next(opened[0]) == 0  # others that threads had were waiting for it
    for index in range(1, 100):
        with pytest.raises(futures.CancelledError):
            next(opened[index])


HALF_READ = """
from flan_jax.packing.opener import Opener
import time

def make(index):
    time.sleep(0.05)
    print('opened', index, flush=True)
    return iter([index])

opener = Opener()
opened = [opener.open(lambda index=index: make(index)) for index in range(200)]
print(next(opened[0]))
raise LookupError('not caught')
"""


def test_a_process_that_ends_before_all_is_opened_opens_no_more():
    ended = subprocess.run([sys.executable, '-c', HALF_READ], capture_output=True, text=True, timeout=60)
    assert ended.stderr.strip().endswith('LookupError: not caught')
    assert 1 <= ended.stdout.count('opened') < 100
