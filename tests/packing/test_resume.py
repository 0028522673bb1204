"""Packing that is killed goes on: finished parts are not packed again, and the stream is the same bit for bit."""

import hashlib
import itertools
import shutil
import signal
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_jax.data.formats.chat_template import ChatTemplate
from flan_jax.data.parts import Part
from flan_jax.data.settings import Data
from flan_jax.packing import readers, resumable
from flan_jax.packing.best_fit import BestFitPacker
from flan_jax.packing.pack import write_stream
from flan_jax.packing.sequence_files import file_name
from flan_jax.packing.settings import Stream
from flan_jax.packing.stream import PackedStream
from tests import forked
from tests.data.chat_templates import text_of
from tests.packing.test_best_fit import LENGTH, examples


class Killed(BaseException):
    """As SIGKILL: nothing that would run at an error runs afterwards."""


@given(examples, st.data())
def test_a_packer_goes_on_with_the_open_sequences_of_another(found, data):
    cut = data.draw(st.integers(0, len(found)))
    whole, first, second = (BestFitPacker(LENGTH, LENGTH, 3) for _ in range(3))
    fits = [ex for ex in found if len(ex) <= LENGTH]
    expected = [sequence.to_bytes() for ex in fits if (sequence := whole.add(ex))]
    before = [sequence.to_bytes() for ex in fits[:cut] if (sequence := first.add(ex))]
    second.reopen(first.open)
    after = [sequence.to_bytes() for ex in fits[cut:] if (sequence := second.add(ex))]
    assert before + after == expected
    assert [s.to_bytes() for s in second.flush()] == [s.to_bytes() for s in whole.flush()]


def settings(directory, **changes):
    sizes = {'sequence_length': 160, 'input_length': 96, 'target_length': 32, 'targets_per_sequence': 64, 'window': 4}
    return Stream(directory=str(directory), **sizes | changes)


DRAWN = {'lettered': 0.5, 'shuffled': 0.5, 'few_shot': 0.5, 'max_shots': 2, 'few_shot_length': 96}
PACKINGS = {
    'a mixture': ({'mixture': 'rte+sst2'}, {}, 40, {}),
    'whole epochs': ({'mixture': 'sst2'}, {'epochs': 3}, None, {}),
    'drawn layouts': (
        {'mixture': 'drawn', 'parts': (Part(name='a', mixture='trec', **DRAWN),)},
        {},
        16,
        {},
    ),
    'one dataset': ({'mixture': 'sst2'}, {}, 16, {}),
    'a chat template': ({'mixture': 'rte'}, {}, 16, {'prompt_format': ChatTemplate(text_of('olmo2'))}),
    'text': ({'mixture': 'text:README.md'}, {}, 16, {}),
}


def pack(samples_dir, directory, kind, progress=lambda count: None):
    data, stream, count, more = PACKINGS[kind]
    return write_stream(Data(tfds_data_dir=samples_dir, **data), settings(directory, **stream), count, progress, **more)


def kill_after(count):
    left = itertools.count(count, -1)

    def progress(sequences):
        if sequences and next(left) == 0:
            raise Killed

    return progress


@pytest.mark.parametrize('kind', [kind for kind in PACKINGS if kind != 'one dataset'])
def test_packing_goes_on_where_it_was_bit_for_bit(kind, samples_dir, tmp_path, monkeypatch):
    """Killed in the middle of a part; what was in parts is not tokenised again."""
    monkeypatch.setattr(resumable, 'SEQUENCES_PER_PART', 4)
    whole = pack(samples_dir, tmp_path / 'whole', kind)
    read = []
    to_examples = readers.to_examples
    monkeypatch.setattr(
        readers, 'to_examples', lambda *given: map(lambda ex: read.append(1) or ex, to_examples(*given))
    )
    total = len(PackedStream(whole))
    assert total >= 10
    with pytest.raises(Killed):
        pack(samples_dir, tmp_path / 'killed', kind, kill_after(total - 2))
    before = len(read)
    found = pack(samples_dir, tmp_path / 'killed', kind)
    assert found.name == whole.name
    a, b = (hashlib.sha256((folder / file_name(0)).read_bytes()).digest() for folder in (whole, found))
    assert a == b and PackedStream(whole).manifest == PackedStream(found).manifest
    assert [path.name for path in (tmp_path / 'killed').iterdir()] == [found.name]
    assert len(read) - before < before / 2, 'the end alone is read anew'


def test_sigkill_in_the_middle(samples_dir, tmp_path, monkeypatch):
    """A process of its own, killed when it has written a part; its lock is gone with it."""
    child = forked.Process('tests.packing.pack_slowly', [samples_dir, tmp_path / 'killed'])
    while child.poll() is None and not list(tmp_path.glob(f'killed/.*.parts/{resumable.STATE}')):
        time.sleep(0.01)
    child.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL, child.said()
    monkeypatch.setattr(resumable, 'SEQUENCES_PER_PART', 4)
    whole, found = (pack(samples_dir, tmp_path / name, 'one dataset') for name in ('whole', 'killed'))
    assert (whole / file_name(0)).read_bytes() == (found / file_name(0)).read_bytes()


@pytest.fixture(scope='module')
def killed(samples_dir, tmp_path_factory):
    """The folder of a packing that was killed, and the stream that it would have become."""
    folder = tmp_path_factory.mktemp('packing')
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(resumable, 'SEQUENCES_PER_PART', 4)
        pack(samples_dir, folder / 'killed', 'one dataset', kill_after(9))
    return folder / 'killed', pack(samples_dir, folder / 'whole', 'one dataset')


@pytest.mark.parametrize('damage', ['truncate', 'flip', 'empty'])
@pytest.mark.parametrize('file', [resumable.STATE, '4'])
def test_damaged_parts_are_named_and_packed_anew(file, damage, killed, samples_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(resumable, 'SEQUENCES_PER_PART', 4)
    before, whole = killed
    shutil.copytree(before, tmp_path / 'killed')
    (path,) = tmp_path.glob(f'killed/.*.parts/{file}')
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    content[len(content) // 2] ^= 4
    path.write_bytes(
        {'truncate': content[: len(content) // 2], 'flip': content, 'empty': content[:0]}[damage].tobytes()
    )
    found = pack(samples_dir, tmp_path / 'killed', 'one dataset')
    assert 'packing starts anew' in ' '.join(capsys.readouterr().err.split())
    assert (whole / file_name(0)).read_bytes() == (found / file_name(0)).read_bytes()


def test_two_processes_may_pack_the_same(samples_dir, tmp_path, monkeypatch):
    """The second finds the parts locked, and packs by itself."""
    monkeypatch.setattr(resumable, 'SEQUENCES_PER_PART', 4)
    other = []

    def once(_):
        if not other:
            other.append(None)
            other[0] = pack(samples_dir, tmp_path / 'streams', 'one dataset')

    found = pack(samples_dir, tmp_path / 'streams', 'one dataset', once)
    assert other == [found] and len(PackedStream(found)) == 16
    assert [path.name for path in (tmp_path / 'streams').iterdir()] == [found.name]
