"""Which checkpoint of a run is the newest is Orbax's to say; what is damaged is found by digests, and never loaded."""

import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from orbax.checkpoint._src.serialization.jax_array_handlers import ArrayHandler

from flan_jax.command.reference import reference_before
from flan_jax.training import checkpoints
from flan_jax.training.checkpoints import CheckpointError
from flan_jax.training.digests import digests


@pytest.fixture
def run(tmp_path):
    """The folder of a run with checkpoints of steps 3, 20 and 100."""
    for step in (3, 20, 100):
        checkpoints.save_params(tmp_path / checkpoints.FOLDER / str(step), {'a': jnp.ones(3)}, {})
    return tmp_path


def test_the_newest_checkpoint_has_the_highest_step(run, tmp_path):
    (run / checkpoints.FOLDER / '400.orbax-checkpoint-tmp-1').mkdir()
    assert checkpoints.latest_folder(run).name == '100'
    assert checkpoints.latest_folder(tmp_path / 'nothing') is None


def test_a_reference_model_is_known_past_a_damaged_checkpoint(tmp_path):
    for step in (1, 2):
        said = {'reference': f'model {step}'}
        checkpoints.save_params(tmp_path / checkpoints.FOLDER / str(step), {'a': jnp.ones(3)}, said)
    assert reference_before(tmp_path) == 'model 2'
    shutil.rmtree(tmp_path / checkpoints.FOLDER / '2' / 'params')
    assert checkpoints.latest_step(tmp_path) == 2 and reference_before(tmp_path) == 'model 1'
    assert reference_before(tmp_path / 'nothing') is None


def test_on_a_bucket_a_checkpoint_that_is_not_committed_does_not_count(run, monkeypatch):
    """There folders cannot be renamed: one has its final name while it is written, and a file says when it is whole."""
    monkeypatch.setattr('orbax.checkpoint._src.path.gcs_utils.is_gcs_path', lambda path: True)
    assert checkpoints.latest_folder(run).name == '100'
    (run / checkpoints.FOLDER / '100' / 'commit_success.txt').unlink()
    assert checkpoints.latest_folder(run).name == '20'


def test_ctrl_c_while_a_checkpoint_is_read_is_no_damage(run, monkeypatch):
    whole = ArrayHandler.deserialize

    async def interrupted(*arguments, **options):
        signal.raise_signal(signal.SIGINT)
        return await whole(*arguments, **options)

    monkeypatch.setattr(ArrayHandler, 'deserialize', interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.load_params(run / checkpoints.FOLDER / '20', {'a': jnp.zeros(3)})


def test_a_checkpoint_may_be_read_by_any_thread(run):
    """Only the main one may handle signals."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        loaded = pool.submit(checkpoints.load_params, run / checkpoints.FOLDER / '20', {'a': jnp.zeros(3)}).result()
    assert (loaded['a'] == 1).all()


def arrays():
    random = np.random.default_rng(0)
    kinds = {'f': np.float32, 'i': np.int32, 'b': jnp.bfloat16, 'h': np.float16, 'u': np.uint8}
    shapes = {'0': (), '1': (5,), '2': (3, 4), '3': (2, 3, 5)}
    return {k + n: jnp.asarray(random.integers(0, 100, s), t) for k, t in kinds.items() for n, s in shapes.items()}


def flipped(array, place):
    """An array with one bit turned."""
    data = bytearray(np.asarray(array).tobytes())
    data[place // 8] ^= 1 << place % 8
    return jnp.asarray(np.frombuffer(bytes(data), array.dtype).reshape(array.shape))


def test_every_flipped_bit_changes_its_arrays_digest_and_no_other():
    whole = arrays()
    sound = digests(whole)
    assert len(set(sound.values())) == len(sound)
    for name, array in whole.items():
        for place in range(8 * array.nbytes):
            found = digests({name: flipped(array, place)})
            assert found.keys() == {name} and found[name] != sound[name]


def test_numbers_in_other_places_have_another_digest():
    array = jnp.arange(24, dtype=jnp.float32).reshape(4, 6)
    others = [array[::-1], array[:, ::-1], array.at[0].set(array[1]).at[1].set(array[0]), array.T, array.ravel()]
    assert len({digests({'a': other})['a'] for other in (array, *others)}) == 6


def test_a_digest_does_not_depend_on_how_an_array_is_cut_over_devices():
    code = """
import jax, numpy as np
from jax.sharding import NamedSharding, PartitionSpec as P
from flan_jax.training.digests import digests
array = np.random.default_rng(0).normal(size=(8, 12)).astype(np.float32)
mesh = jax.make_mesh((2, 2), ('a', 'b'))
cuts = [P(), P('a'), P(None, 'b'), P('a', 'b'), P(('a', 'b'), None)]
print(*{digests({'x': jax.device_put(array, NamedSharding(mesh, cut))})['x'] for cut in cuts})
"""
    four = os.environ['XLA_FLAGS'] + ' --xla_force_host_platform_device_count=4'
    flags = {'XLA_FLAGS': four, 'JAX_PLATFORMS': 'cpu', 'NPROC': '64'}
    done = subprocess.run(
        [sys.executable, '-c', code], env=os.environ | flags, capture_output=True, text=True, check=True
    )
    array = np.random.default_rng(0).normal(size=(8, 12)).astype(np.float32)
    assert done.stdout.split() == [digests({'x': jnp.asarray(array)})['x']]


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    """The folder of a checkpoint, and its arrays."""
    params = {name: jax.random.normal(jax.random.key(i), (16, 8)) for i, name in enumerate(('a/kernel', 'b'))}
    folder = tmp_path_factory.mktemp('saved') / '1'
    checkpoints.save_params(folder, params, {'run': 'x'})
    return folder, params


def layout(params, dtype=None):
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return {name: jax.ShapeDtypeStruct(v.shape, dtype or v.dtype, sharding=device) for name, v in params.items()}


@pytest.mark.parametrize('dtype', [None, jnp.bfloat16])
def test_what_was_saved_is_loaded_in_any_dtype(saved, dtype):
    folder, params = saved
    loaded = checkpoints.load_params(folder, layout(params, dtype))
    for name, value in params.items():
        np.testing.assert_array_equal(loaded[name], value.astype(dtype or value.dtype))
    assert checkpoints.verify(folder) == 2 and checkpoints.metadata(folder) == {'run': 'x'}


def test_damage_is_named_and_never_loaded(saved, tmp_path):
    """A bit is changed, or a file cut, in every file of a checkpoint; what is not seen has changed nothing."""
    folder, params = saved
    files = [
        file.relative_to(folder) for file in pathlib.Path(folder).rglob('*') if file.is_file() and file.stat().st_size
    ]
    refused = 0
    for number, file in enumerate(files):
        content = pathlib.Path(folder, file).read_bytes()
        middle = len(content) // 2
        for damaged in (
            b'',
            content[:middle],
            content[:middle] + bytes([content[middle] ^ 64]) + content[middle + 1 :],
        ):
            copy = tmp_path / f'{number}-{len(damaged)}-{damaged[-1:].hex()}' / '1'
            shutil.copytree(folder, copy)
            (copy / file).write_bytes(damaged)
            try:
                loaded = checkpoints.load_params(copy, layout(params))
            except CheckpointError as error:
                refused += 1
                assert str(copy) in str(error)
            else:
                assert all(np.array_equal(loaded[name], params[name]) for name in params), file
    assert refused > len(files) // 2


@pytest.mark.parametrize('dtype', [None, jnp.bfloat16])
def test_an_array_that_is_not_as_saved_is_named(saved, tmp_path, dtype):
    """As a flipped bit that the files' own checks do not see."""
    _, params = saved
    said = digests({'params': params})
    other = params | {'b': params['b'].at[3, 3].add(1e-6)}
    checkpoints.ocp.save_checkpointables(tmp_path / '1', {'params': other}, custom_metadata={'word_digests': said})
    for check in (
        lambda: checkpoints.load_params(tmp_path / '1', layout(params, dtype)),
        lambda: checkpoints.verify(tmp_path / '1'),
    ):
        with pytest.raises(CheckpointError, match=r'1 is damaged: params/b is not as saved'):
            check()
