"""Processes that write one path at the same time. Each is started anew, so it imports no more than it writes with."""

import multiprocessing

from flan_jax.files import publish, unfinished_folder, write_whole

MARKER = 'done.json'


def write_folder(destination, number, meet):
    """Writes a folder of files that all hold its number; whether it was the one that published."""
    with unfinished_folder(destination) as folder:
        (folder / 'inner').mkdir()
        for name in ('a', 'inner/b', MARKER):
            (folder / name).write_text(str(number))
        meet.wait()
        return publish(folder, destination, MARKER)


def write_file(path, number, meet):
    """Writes a long file again and again."""
    meet.wait()
    for _ in range(50):
        write_whole(path, str(number) * 100_000)
    return True


def in_two_processes(function, path):
    """What a function gives in two processes that run side by side."""
    with multiprocessing.get_context('spawn').Manager() as manager:
        meet = manager.Barrier(2)
        with multiprocessing.get_context('spawn').Pool(2) as pool:
            return pool.starmap(function, [(path, number, meet) for number in (1, 2)], chunksize=1)
