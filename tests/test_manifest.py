"""A manifest keeps apart runs whose weights differ, and only those."""

import dataclasses

import pytest

from flan_jax import manifest
from flan_jax.data.settings import Data
from flan_jax.model.config import Rotary, lamda
from flan_jax.packing.settings import Stream
from flan_jax.packing.stream import StreamManifest
from flan_jax.run import Run
from flan_jax.training.settings import Training
from flan_jax.tuning.lora import Lora

STREAM = StreamManifest(
    **{field.name: () for field in dataclasses.fields(StreamManifest)}
    | {'recipe': {'held_out': 'sentiment', 'seed': 0}}
)

SAME_WEIGHTS = {
    'training': [
        Training(log_every=3),
        Training(checkpoints=3),
        Training(keep_checkpoints=7),
        Training(microbatches=2),
        Training(remat='full'),
    ],
    'stream': [Stream(directory='elsewhere')],
}
OTHER_WEIGHTS = {
    'data': [Data(tfds_data_dir='data', held_out='paraphrase'), Data(tfds_data_dir='data', mixture='sentiment')],
    'model': [lamda(num_layers=3, d_model=64, vocab_size=512, head_dim=32)],
    'training': [Training(learning_rate=0.5), Training(seed=1), Training(weight_decay=0.1), Training(batch_size=8)],
    'stream': [Stream(seed=1), Stream(input_length=512)],
    'tuning': [Lora(rank=4)],
    'initial_checkpoint': ['elsewhere/1'],
}


def made(run, stream=STREAM):
    return manifest.make(run, command='flan-jax run', gin_text='', stream=stream)


def pairs(changes):
    return [pytest.param(part, value, id=f'{part} {value}') for part, values in changes.items() for value in values]


@pytest.fixture
def run(tmp_path):
    return Run(
        model_dir=str(tmp_path),
        data=Data(tfds_data_dir='data', held_out='sentiment'),
        stream=Stream(),
        model=lamda(num_layers=2, d_model=64, vocab_size=512, head_dim=32),
        initial_checkpoint='base/1',
    )


@pytest.mark.parametrize(('part', 'value'), pairs(SAME_WEIGHTS))
def test_what_changes_no_weights_may_change(run, part, value):
    now = dataclasses.replace(run, **{part: value})
    manifest.write(run.model_dir, made(run))
    manifest.write(run.model_dir, made(now))
    manifest.check_same_run(run.model_dir, now)
    assert manifest.run_fingerprint(run, STREAM) == manifest.run_fingerprint(now, STREAM)


@pytest.mark.parametrize(('part', 'value'), pairs(OTHER_WEIGHTS))
def test_a_model_is_evaluated_with_the_settings_it_was_tuned_with(run, part, value):
    manifest.write(run.model_dir, made(run))
    with pytest.raises(manifest.ManifestError, match=f'{part}.*: .* before, .* now'):
        manifest.check_same_run(run.model_dir, dataclasses.replace(run, **{part: value}))


@pytest.mark.parametrize(('part', 'value'), pairs({k: v for k, v in OTHER_WEIGHTS.items() if k != 'data'}))
def test_other_settings_of_the_weights_are_another_run(run, part, value):
    now = dataclasses.replace(run, **{part: value})
    assert manifest.run_fingerprint(run, STREAM) != manifest.run_fingerprint(now, STREAM)
    manifest.write(run.model_dir, made(run))
    with pytest.raises(manifest.ManifestError, match=f'{part}.*: .* before, .* now'):
        manifest.write(run.model_dir, made(now))


def test_other_data_or_another_base_are_another_run(run):
    other = dataclasses.replace(STREAM, recipe=dict(STREAM.recipe, seed=1))
    fingerprints = [
        manifest.run_fingerprint(run, STREAM),
        manifest.run_fingerprint(run, other),
        manifest.run_fingerprint(run, STREAM, base='0123456789abcdef'),
    ]
    assert len(set(fingerprints)) == 3
    manifest.write(run.model_dir, made(run))
    with pytest.raises(manifest.ManifestError, match='data.seed: 0 before, 1 now'):
        manifest.write(run.model_dir, made(run, other))


def test_a_run_that_only_evaluates_may_do_so_with_any_settings(run):
    now = dataclasses.replace(run, data=Data(tfds_data_dir='data', held_out='paraphrase'))
    manifest.check_same_run(run.model_dir, now)
    manifest.write(run.model_dir, made(run, stream=None))
    manifest.check_same_run(run.model_dir, now)
    manifest.write(run.model_dir, made(now, stream=None))


def test_a_manifest_of_an_earlier_version_is_refused(run, tmp_path):
    (tmp_path / manifest.FILE).write_text('{"experiment": {}, "stream": null}')
    with pytest.raises(manifest.ManifestError, match='by an earlier version'):
        manifest.write(run.model_dir, made(run))


def test_a_run_of_a_time_without_trained_lengths_goes_on(run):
    """They bound nothing: neither resuming nor the fingerprint of the weights depends on them."""
    known = dataclasses.replace(run, model=dataclasses.replace(run.model, position=Rotary(trained_length=4096)))
    before = made(dataclasses.replace(known, model=dataclasses.replace(run.model, position=Rotary())))
    del before['run']['model']['position']['trained_length']
    manifest.write(run.model_dir, before)
    manifest.check_same_run(run.model_dir, known)
    manifest.write(run.model_dir, made(known))
    assert manifest.read(run.model_dir)['run']['model']['position']['trained_length'] == 4096
    other = dataclasses.replace(known, model=dataclasses.replace(run.model, position=Rotary(base=5e5)))
    with pytest.raises(manifest.ManifestError, match='model.position.base: 10000.0 before, 500000.0 now'):
        manifest.check_same_run(run.model_dir, other)
