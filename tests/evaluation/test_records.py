"""Records are found again only by what they depend on, and only where they are whole."""

import dataclasses
import json
import math
import tempfile

import jax
import numpy as np
import pytest
from etils import epath
from hypothesis import given
from hypothesis import strategies as st

from flan_jax.evaluation import records
from flan_jax.evaluation.eval_set import EvalExample
from flan_jax.evaluation.evaluator import example_record
from flan_jax.evaluation.judges.exact import judgement
from flan_jax.evaluation.model_identity import checkpoint_identity
from flan_jax.evaluation.option_scores import SCORES, WITH_EOS, WITHOUT_EOS, option_scores
from flan_jax.evaluation.records import ModelRecords, RecordKey, RecordsError
from flan_jax.evaluation.results import results
from flan_jax.training import checkpoints


def key_of(dataset='rte', template=0, split='test', shots=0, variant=''):
    return RecordKey(dataset, variant, template, split, shots)


def ranked_record(key, example, right, scores, options=('yes', 'no'), group=''):
    """A record of an example whose options have the same value under every way to rank them."""
    found = EvalExample(example, 'prompt', np.array([1]), (options[right],), options, group=group)
    values = [{'text': text} | dict.fromkeys(SCORES, score) for text, score in zip(options, scores)]
    return example_record(key, found) | {'options': values}


def written_record(key, example, prediction, reference):
    found = EvalExample(example, 'prompt', np.array([1]), (reference,))
    return example_record(key, found) | {'prediction': prediction}


def test_records_survive_storage(tmp_path):
    folder, key = epath.Path(tmp_path), key_of(template=3)
    found = [ranked_record(key, 0, 1, (0.5, -0.25)) | {'prompt': 'line\u2028separator\nnew line'}]
    records.write(folder, key, found)
    assert records.read(folder, key) == [record | {'num_records': 1} for record in found]
    assert records.complete(folder) == [key]


def test_a_key_is_told_by_its_records(tmp_path):
    keys = [key_of(), key_of(shots=2), key_of(template=1, split='validation', variant='en-fr')]
    for key in keys:
        records.write(epath.Path(tmp_path), key, [ranked_record(key, 0, 0, (1, 0))])
    assert set(records.complete(epath.Path(tmp_path))) == set(keys)


@pytest.mark.parametrize('keep', ['nothing', 'half a line', 'all lines but one', 'all but the last end of line'])
def test_records_that_are_cut_are_not_complete(tmp_path, keep):
    folder, key = epath.Path(tmp_path), key_of()
    records.write(folder, key, [ranked_record(key, i, 0, (1, 0)) for i in range(3)])
    path = folder / key.file
    text = path.read_text()
    cut = {'nothing': 0, 'half a line': 50, 'all lines but one': text.rindex('\n', 0, -1) + 1}
    path.write_text(text[: cut.get(keep, len(text) - 1)])
    assert records.complete(folder) == []
    with pytest.raises(RecordsError, match=f'{key.file} is damaged: .*cut short'):
        records.read(folder, key)


@given(st.data())
def test_any_changed_byte_is_named_and_never_a_score(data):
    """A flip of any bits of any byte, one byte more, or one less; whatever the answers are."""
    answers = data.draw(st.lists(st.text(st.characters(exclude_categories=['Cs'])), min_size=1, max_size=3))
    key = key_of('natural_questions')
    with tempfile.TemporaryDirectory() as path:
        folder = epath.Path(path)
        records.write(folder, key, [written_record(key, i, answer, 'no') for i, answer in enumerate(answers)])
        whole = (folder / key.file).read_bytes()
        place = data.draw(st.integers(0, len(whole) - 1))
        flipped = bytes([whole[place] ^ data.draw(st.integers(1, 255))])
        for middle in (flipped, whole[place : place + 1] + flipped, b''):
            (folder / key.file).write_bytes(whole[:place] + middle + whole[place + 1 :])
            assert records.complete(folder) == []
            for read in (
                lambda: records.read(folder, key),
                lambda: records.sound(folder),
                lambda: results([key], lambda _: folder, 'sum'),
            ):
                with pytest.raises(RecordsError, match=f'{key.file} is damaged'):
                    read()
        (folder / key.file).write_bytes(whole)
        assert [record['prediction'] for record in records.read(folder, key)] == answers


def test_records_of_versions_without_checksums_are_read(tmp_path):
    key = key_of()
    lines = [json.dumps(ranked_record(key, i, 0, (1, 0)) | {'num_records': 2}) for i in range(2)]
    (tmp_path / key.file).write_text('\n'.join(lines) + '\n')
    assert records.sound(epath.Path(tmp_path)) == [key]
    assert [record['example'] for record in records.read(epath.Path(tmp_path), key)] == [0, 1]


EXAMPLES = {'dataset': 'rte', 'contents': {'test': 'a'}, 'limit': 3}
MODEL = {'weights': {'step': 64}, 'prompt_format': 'flan'}


def test_other_settings_have_another_folder(tmp_path):
    model = ModelRecords(tmp_path, 'step_64', MODEL)
    folder = model.open(EXAMPLES)
    assert records.settings_of(folder) == {'model': MODEL, 'examples': EXAMPLES}
    assert folder == model.open(dict(reversed(EXAMPLES.items())))
    others = [
        model.folder(EXAMPLES | {'contents': {'test': 'b'}}),
        model.folder(EXAMPLES | {'limit': None}),
        dataclasses.replace(model, settings=MODEL | {'prompt_format': 'plain'}).folder(EXAMPLES),
        dataclasses.replace(model, settings={'weights': {'step': 300}}).folder(EXAMPLES),
    ]
    assert len({folder, *others}) == 5


def test_a_folder_with_other_settings_is_refused(tmp_path):
    model = ModelRecords(tmp_path, 'base', MODEL)
    folder = model.open(EXAMPLES)
    (folder / records.SETTINGS_FILE).write_text('{"model": {}, "examples": {}}')
    with pytest.raises(RecordsError, match='records of other settings'):
        model.open(EXAMPLES)


def test_models_are_listed_by_step(tmp_path):
    for name in ('step_300', 'base', 'step_64', 'notes'):
        (tmp_path / records.FOLDER / name).mkdir(parents=True)
    assert records.models_in(tmp_path) == ['base', 'step_64', 'step_300']


def test_weights_that_are_saved_anew_are_other_weights(tmp_path):
    """Their folder, step and metadata are the same; a copy is the same checkpoint."""
    params, identities = {'w': jax.numpy.ones(3)}, []
    for folder in ('one', 'two'):
        path = epath.Path(tmp_path) / folder / '64'
        checkpoints.save_params(path, params, {'model': 'any'})
        identities.append(checkpoint_identity(path))
    (epath.Path(tmp_path) / 'copy').mkdir()
    import shutil

    shutil.copytree(tmp_path / 'one' / '64', tmp_path / 'copy' / '64')
    assert identities[0] != identities[1] and identities[0]['step'] == 64
    assert checkpoint_identity(tmp_path / 'copy' / '64') == identities[0]


def test_scores_of_an_option():
    scores = option_scores('café', np.array([-1.0, -2.0, -3.0]), np.array([-1.0, -1.0, -1.0]))
    assert [scores[name] for name in WITH_EOS] == [-6.0, -2.0, -1.2, -3.0]
    assert [scores[name] for name in WITHOUT_EOS] == [-3.0, -1.5, -0.6, -1.0]
    assert list(scores) == list(SCORES)


def test_an_option_that_a_format_does_not_end_has_the_same_scores_without_eos():
    scores = option_scores('café', np.array([-1.0, -2.0]), np.array([-1.0, -1.0]), num_eos=0)
    assert [scores[name] for name in WITH_EOS] == [scores[name] for name in WITHOUT_EOS] == [-3.0, -1.5, -0.6, -1.0]


def test_a_score_that_is_not_finite_is_an_error_and_not_a_prediction():
    with pytest.raises(ValueError, match='rte example 5: .* is not finite'):
        judgement(ranked_record(key_of(), 5, 0, (math.nan, -1.0)), 'sum')
