"""What is damaged on disk is named, with what to do about it, and never half used."""

import json
import os

import numpy as np
import pytest
from etils import epath

from flan_jax import manifest
from flan_jax.errors import UserError
from flan_jax.evaluation import contamination, records, samples
from flan_jax.evaluation.records import RecordKey
from flan_jax.evaluation.samples import Answered, Question
from flan_jax.packing.example import Example, PackedSequence
from flan_jax.packing.sequence_files import file_name
from flan_jax.packing.stream import MANIFEST_FILE, PackedStream, StreamManifest, write
from flan_jax.rollouts import rollout
from flan_jax.rollouts.rollout import Rollout
from flan_jax.training import metrics_log

TORN = [b'', b'{"run": {', b'\xff\xfe\x00', b'[]', b'null', b'{}']
"""Contents of files that were cut short or overwritten."""


def opened(read, *arguments):
    """What reading gives, or its message; any other error fails the test."""
    try:
        return read(*arguments)
    except UserError as error:
        return str(error)


@pytest.mark.parametrize('content', TORN)
def test_a_torn_manifest_is_named(tmp_path, content):
    (tmp_path / manifest.FILE).write_bytes(content)
    message = opened(manifest.read, tmp_path)
    assert str(tmp_path / manifest.FILE) in message and ('is damaged' in message or content == b'{}')


@pytest.mark.parametrize('content', TORN[1:-1])
def test_a_torn_line_of_the_metrics_is_named(tmp_path, content):
    (tmp_path / metrics_log.FILE).write_bytes(b'{"step": 1, "loss": 2.0}\n' + content + b'\n')
    assert f'{metrics_log.FILE}, line 2 is damaged' in opened(metrics_log.read, tmp_path)


@pytest.mark.parametrize('content', TORN)
def test_a_torn_certificate_is_named_or_made_again(tmp_path, content):
    (tmp_path / contamination.FILE).write_bytes(content)
    found = opened(contamination.read, tmp_path, {'method': 1})
    assert found is None if content == b'{}' else f'{contamination.FILE} is damaged' in found


KEY = RecordKey('rte', '', 0, 'test')


@pytest.fixture
def recorded(tmp_path):
    folder = epath.Path(tmp_path)
    key = {'dataset': 'rte', 'variant': '', 'template': 0, 'split': 'test', 'shots': 0}
    records.write(folder, KEY, [key | {'example': example} for example in range(3)])
    return folder


@pytest.mark.parametrize('content', TORN)
def test_records_that_are_torn_are_none(recorded, content):
    assert records.complete(recorded) == [KEY]
    whole = (recorded / KEY.file).read_bytes()
    for torn in (content, content + b'\n', content + whole[10:], whole[:-1]):
        (recorded / KEY.file).write_bytes(torn)
        assert records.complete(recorded) == []
        assert f'{KEY.file} is damaged' in opened(records.read, recorded, KEY)


def test_a_damaged_record_is_named(recorded):
    whole = (recorded / KEY.file).read_bytes()
    (recorded / KEY.file).write_bytes(whole.replace(b'"example": 1', b'"example": 7'))
    assert f'{KEY.file} is damaged: line 2' in opened(records.read, recorded, KEY)


@pytest.mark.parametrize('content', TORN[:-1])
def test_torn_settings_of_records_are_named(recorded, content):
    (recorded / records.SETTINGS_FILE).write_bytes(content)
    assert f'{records.SETTINGS_FILE} is damaged' in opened(records.settings_of, recorded)


MADE = {'recipe': {}, 'tasks': ['a'], 'clusters': ['a'], 'cluster_of_task': [0], 'sequences': 8, 'sequence_length': 64}
MADE |= {'max_targets': 16, 'examples': [8], 'density': 1.0, 'target_share': 0.5, 'epochs': {}}


@pytest.fixture
def stream(tmp_path):
    """The folder of a stream of eight sequences."""
    tokens = np.random.default_rng(0).integers(1, 1000, (8, 64)).astype(np.int32)
    sequences = [PackedSequence.of([Example(row[:48], (row[48:],), 0, 0)]) for row in tokens]
    write(epath.Path(tmp_path / 'stream'), sequences, lambda: StreamManifest(**MADE))
    return tmp_path / 'stream'


def read_all(folder):
    found = PackedStream(folder)
    return [sequence.to_bytes() for sequence in found.sequences(range(len(found)))]


@pytest.mark.parametrize('content', [*TORN, b'{"recipe": {}, "sequences": 8}'])
def test_a_torn_manifest_of_a_stream_is_named(stream, content):
    (stream / MANIFEST_FILE).write_bytes(content)
    assert f'{MANIFEST_FILE} is damaged' in opened(read_all, stream)


def test_a_stream_whose_sequences_are_missing_or_cut_short_is_named(stream):
    size = (stream / file_name(0)).stat().st_size
    for length in (size - 1, size // 2, 1, 0):
        os.truncate(stream / file_name(0), length)
        assert 'the same sequences are packed again' in opened(read_all, stream), length
    (stream / file_name(0)).unlink()
    assert f'{file_name(0)} is missing' in opened(read_all, stream)


def test_a_flipped_bit_in_a_stream_is_named_or_changes_nothing(stream):
    whole, sound = (stream / file_name(0)).read_bytes(), read_all(stream)
    named = 0
    filled = np.flatnonzero(np.frombuffer(whole, np.uint8))  # most of the file pads blocks
    for place in np.random.default_rng(1).choice(filled, 60).tolist():
        (stream / file_name(0)).write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        found = opened(read_all, stream)
        named += found != sound
        assert found == sound or 'packed again' in found, place
    assert named > 0


@pytest.mark.parametrize('content', [torn for torn in TORN if torn])
def test_torn_rollouts_are_named(tmp_path, content):
    tokens = np.array([3, 1], np.int32)
    of_round = [
        Rollout(Answered(Question('one\u2028?'), ('a', 'b')), Example(tokens, (tokens, tokens)), (0.5, 1.0))
    ] * 2
    rollout.write(tmp_path, 3, of_round)
    assert [found.answered for found in rollout.read(tmp_path, 3)] == [found.answered for found in of_round]
    assert rollout.read(tmp_path, 4) is None and rollout.verify(tmp_path) == 2
    (path,) = (tmp_path / rollout.FOLDER).iterdir()
    path.write_bytes(path.read_bytes() + content)
    for reads in (lambda: rollout.read(tmp_path, 3), lambda: rollout.verify(tmp_path)):
        with pytest.raises(UserError, match='round_00003.jsonl, line 3 is damaged.* generates that round again'):
            reads()


@pytest.mark.parametrize('content', TORN)
def test_torn_samples_are_named(tmp_path, content):
    made_of = {'questions': 1}
    samples.require_same(tmp_path, made_of)
    (tmp_path / 'samples_00000.jsonl').write_bytes(b'{')
    with pytest.raises(UserError, match='samples_00000.jsonl is damaged'):
        samples.read(tmp_path)
    (tmp_path / samples.SETTINGS_FILE).write_bytes(content)
    with pytest.raises(UserError, match='settings.json is damaged'):
        samples.read(tmp_path)
    with pytest.raises(UserError, match='settings.json is damaged|another questions'):
        samples.require_same(tmp_path, made_of)


def test_metrics_that_are_sound_are_read(tmp_path):
    lines = [{'step': 1, 'loss': 2.0}, {'step': 2, 'loss': 1.0}]
    (tmp_path / metrics_log.FILE).write_text(''.join(json.dumps(line) + '\n' for line in lines))
    assert metrics_log.read(tmp_path) == lines
