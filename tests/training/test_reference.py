"""Reference log-probabilities equal recomputation, and belong to one model and one stream."""

import dataclasses

import jax
import numpy as np
import pytest
from etils import epath

from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.inference.scoring import Scorer
from flan_jax.objectives.dpo import Dpo
from flan_jax.objectives.objective import LOSS
from flan_jax.packing import stream as streams
from flan_jax.packing.best_fit import pack
from flan_jax.packing.column_parts import ColumnParts
from flan_jax.packing.columns import column_file, read_column
from flan_jax.packing.example import Example
from flan_jax.packing.stream import PackedStream, StreamError, StreamManifest
from flan_jax.training import reference
from flan_jax.training.digests import digests
from flan_jax.training.initial import initial_state
from flan_jax.training.program import training_program
from flan_jax.training.reference import reference_of, with_reference
from flan_jax.training.settings import Training
from flan_jax.tuning.full import Full
from flan_jax.tuning.lora import Lora
from tests.toy import CONFIGS, LENGTH, VOCABULARY, loaded, random_params

CONFIG, EOS = CONFIGS['rotary'], 1
MESH = make_mesh(Parallelism())
TRAINING = Training(batch_size=4, steps=2)


def preferences(count, seed=0):
    """Prompts with two to four answers; one of fewer words is preferred."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        lengths = rng.choice(np.arange(1, 8), size=rng.integers(2, 5), replace=False)
        words = [rng.integers(2, VOCABULARY, length) for length in lengths]
        answers = tuple(np.append(some, EOS).astype(np.int32) for some in words)
        prompt = rng.integers(2, VOCABULARY, rng.integers(1, 12)).astype(np.int32)
        yield Example(prompt, answers, annotations={'score': tuple(map(float, -lengths))})


def write(folder, sequences, recipe='preferences', examples=None) -> PackedStream:
    """A stream of as many packed preferences, or other examples."""
    packed = list(pack(examples or preferences(20 * sequences), LENGTH, LENGTH, 4))[:sequences]
    manifest = StreamManifest(
        recipe={'mixture': recipe}, tasks=['words'], clusters=['words'], cluster_of_task=[0], sequences=sequences,
        sequence_length=LENGTH, max_targets=LENGTH, examples=[0], density=1.0, target_share=0.5, epochs={},
        chains=False, responses_per_sequence=max(len(sequence.response_lengths) for sequence in packed),
    )  # fmt: skip
    streams.write(epath.Path(folder), packed, lambda: manifest)
    return PackedStream(folder)


def base(layout):
    return {name: jax.device_put(value, layout[name].sharding) for name, value in random_params(CONFIG).items()}


def program_of(tuning, training=TRAINING):
    return training_program(CONFIG, Dpo(), tuning, training, MESH, ['words'])


@pytest.fixture
def stream(tmp_path):
    return write(tmp_path / 'stream', 10)


def test_columns_equal_recomputation(stream):
    """Ten sequences in batches of four, of which the last is not full, against each response scored by itself."""
    model = reference_of(program_of(Full()), base)
    referenced = with_reference(stream, model, 4)
    batches = [referenced.batch(step, 5) for step in range(2)]
    found = np.concatenate([batch['reference'][batch['example_ids'] >= 0] for batch in batches])
    examples = [example for sequence in stream.sequences(range(10)) for example in sequence.examples()]
    alone = [Example(ex.prompt, (response,)) for ex in examples for response in ex.responses]
    scores = Scorer(loaded(CONFIG, random_params(CONFIG)), 512).score(alone)
    np.testing.assert_allclose(found, [score[0].sum() for score in scores], rtol=0, atol=1e-5)
    assert not np.concatenate([batch['reference'][batch['example_ids'] < 0] for batch in batches]).any()


@pytest.mark.parametrize('tuning', [Full(), Lora(rank=2)], ids=['full', 'lora'])
def test_the_first_loss_is_ln_2(stream, tuning):
    program = program_of(tuning)
    referenced = with_reference(stream, reference_of(program, base), 4)
    frozen = base(program.frozen) if program.frozen else {}
    state = initial_state(program, base, frozen, encode=None, seed=0)
    _, metrics = program.step(state, frozen, referenced.batch(0, 4))
    total, count = metrics.objective[LOSS]
    np.testing.assert_allclose(total / count, np.log(2), rtol=0, atol=1e-6)


def test_a_column_is_computed_once_and_for_both_tunings(stream):
    model = reference_of(program_of(Full()), base)
    with_reference(stream, model, 4)
    file = column_file(stream, 'reference', model.fingerprint)
    before = file.read_bytes(), file.stat().mtime
    again = reference_of(program_of(Lora()), base)
    with_reference(stream, again, 2)
    assert (file.read_bytes(), file.stat().mtime) == before and again.fingerprint == model.fingerprint
    assert len(list(stream.folder.glob('*.safetensors'))) == 1


def test_a_pass_that_was_killed_goes_on(stream, monkeypatch):
    """What it had put on disk is taken as it is: here marked, so that it would show if it were computed again."""
    monkeypatch.setattr(reference, 'BATCHES_PER_PART', 1)
    model = reference_of(program_of(Full()), base)
    expected = model.log_probs(stream, range(len(stream)), 4)
    parts = ColumnParts(stream, 'reference', model.fingerprint, 4)
    assert [list(indices) for indices in parts.ranges] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    parts.write(parts.ranges[1], expected[4:8] + 100)
    with_reference(stream, model, 4)
    found = read_column(stream, 'reference', model.fingerprint).rows(list(range(10)))
    np.testing.assert_array_equal(found[4:8], expected[4:8] + 100)
    np.testing.assert_array_equal(np.delete(found, np.s_[4:8], 0), np.delete(expected, np.s_[4:8], 0))
    assert not list(stream.folder.glob('*.parts'))


def test_other_weights_and_other_streams_are_refused_with_both_fingerprints(stream, tmp_path):
    model = reference_of(program_of(Full()), base)
    with_reference(stream, model, 4)
    file = column_file(stream, 'reference', model.fingerprint)
    other = dataclasses.replace(model, params={name: value + 1e-3 for name, value in model.params.items()})
    column_file(stream, 'reference', other.fingerprint).write_bytes(file.read_bytes())
    with pytest.raises(StreamError, match=f'model {model.fingerprint} .*expected model {other.fingerprint}'):
        with_reference(stream, other, 4)
    elsewhere = write(tmp_path / 'other', 10, recipe='other')
    column_file(elsewhere, 'reference', model.fingerprint).write_bytes(file.read_bytes())
    fingerprints = f'stream {stream.manifest.fingerprint}, .* stream {elsewhere.manifest.fingerprint}'
    with pytest.raises(StreamError, match=fingerprints):
        with_reference(elsewhere, model, 4)
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(StreamError, match='cannot be read'):
        read_column(stream, 'reference', model.fingerprint)


def test_a_digest_tells_numbers_places_types_and_names_apart():
    weights = np.arange(6, dtype=np.float32).reshape(2, 3)
    changed = [weights[::-1], weights.T, weights + np.float32(1e-6), weights.astype('bfloat16'), -weights]
    found = {digests({'w': jax.numpy.asarray(value)})['w'] for value in [weights, *changed]}
    assert len(found) == 1 + len(changed)
    assert digests({'w': jax.numpy.asarray(weights.copy())}) == digests({'w': jax.numpy.asarray(weights)})
    halves = digests({name: jax.numpy.zeros(2) for name in 'ab'})
    assert set(halves) == {'a', 'b'}
