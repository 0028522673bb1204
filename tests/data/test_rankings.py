"""Preferences and rankings: rows are read, ties are counted, and every response stands in the stream with its score."""

import dataclasses
import json

import numpy as np
import pytest

from flan_jax import catalogue
from flan_jax.data.example_files import ExampleError
from flan_jax.data.formats.alpaca import Alpaca
from flan_jax.data.formats.chat_template import ChatTemplate
from flan_jax.data.formats.dialogue import Dialogue
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.tulu import Tulu
from flan_jax.data.instruction_files import known_formats
from flan_jax.data.instruction_files.conversation import Conversation
from flan_jax.data.mixtures import tuning_mixture
from flan_jax.data.own_instructions import Instructions
from flan_jax.data.prepare_instructions import prepare_instructions
from flan_jax.data.settings import Data
from flan_jax.errors import UserError
from flan_jax.packing.columns import read_column, write_column
from flan_jax.packing.pack import stream_recipe, write_stream
from flan_jax.packing.settings import Stream
from flan_jax.packing.stream import PackedStream
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests.conftest import REAL_DATA

Q, A = {'role': 'user', 'content': 'Who?'}, {'role': 'assistant', 'content': 'Ann.'}
RANKED = Conversation('Who?', 'Ann.', rejected=('Bob.', 'Hm.'), scores=(9.0, 2.0, 2.0))
CHAT = (
    '{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}'
    '{% if add_generation_prompt %}<assistant>{% endif %}'
)


@pytest.mark.parametrize(
    'row',
    [
        {'prompt': 'Who?', 'responses': ['Bob.', 'Ann.', 'Hm.'], 'scores': [2, 9, 2.0]},
        {'query': 'Who?', 'responses': ['Bob.', 'Hm.', 'Ann.'], 'scores': [2, 2, 9]},
        {'messages': [Q], 'responses': [A, {'role': 'assistant', 'content': 'Bob.'}, 'Hm.'], 'scores': [9, 2, 2]},
        {
            'instruction': 'Who?',
            'completions': [
                {'response': 'Ann.', 'overall_score': 9},
                {'response': 'Bob.', 'overall_score': 2},
                {'response': 'Hm.', 'overall_score': 2},
            ],
        },
    ],
)
def test_rankings_of_every_kind_are_read(row):
    assert known_formats()['ranked'].read('here', row) == RANKED


def test_a_rank_is_a_score_that_falls():
    row = {'prompt': 'Who?', 'answers': [{'answer': 'Hm.', 'rank': 2}, {'answer': 'Ann.', 'rank': 1}]}
    assert known_formats()['ranked'].read('', row) == Conversation('Who?', 'Ann.', rejected=('Hm.',), scores=(-1, -2))


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        ({'prompt': 'Who?', 'responses': ['a']}, 'here: responses has 1 entries; must be 2 to 64'),
        ({'prompt': 'Who?', 'responses': ['a'] * 65}, 'has 65 entries'),
        ({'prompt': 'Who?', 'responses': ['a', 'b']}, 'response 1: no score'),
        ({'prompt': 'Who?', 'responses': ['a', 'b'], 'scores': [1]}, 'one number for each of 2'),
        ({'prompt': 'Who?', 'responses': ['a', 'b'], 'scores': [1, float('nan')]}, 'nan is not a finite number'),
        ({'prompt': 'Who?', 'responses': ['a', 'b'], 'scores': [1, '2']}, "'2' is not a finite number"),
        ({'prompt': 'Who?', 'responses': ['a', 3], 'scores': [1, 2]}, 'responses 2: expected a text .* found 3'),
        ({'prompt': 'Who?'}, 'expected prompt, a text or messages'),
        ({'prompt': [Q, A], 'responses': ['a', 'b'], 'scores': [1, 2]}, 'must take turns'),
    ],
)
def test_a_ranking_that_does_not_fit_is_refused(row, message):
    with pytest.raises(ExampleError, match=message):
        known_formats()['ranked'].read('here', row)


def test_pairs_without_a_prompt_and_ties_of_pairs():
    read = known_formats()['preference'].read
    row = {'chosen': [Q, A], 'rejected': [Q, {'role': 'assistant', 'content': 'Hm.'}]}
    assert read('', row) == Conversation('Who?', 'Ann.', rejected=('Hm.',), scores=(1.0, 0.0))
    assert not read('', row | {'score_chosen': 8.0, 'score_rejected': 5.0}).is_tie
    assert read('', row | {'score_chosen': 8.0, 'score_rejected': 8.0}).is_tie
    assert read('', {'prompt': 'Who?', 'chosen': 'Ann.', 'rejected': 'Ann.'}).is_tie


ROWS = [
    {'prompt': f'Count to {n}.', 'responses': [' '.join(['one'] * k) for k in range(1, n)], 'scores': list(range(1, n))}
    for n in range(3, 8)
]
TIE = {'prompt': 'Say it.', 'responses': ['a', 'b'], 'scores': [4, 4]}
STREAM = Stream(sequence_length=128, input_length=40, target_length=12, targets_per_sequence=None, window=4)


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
    """A folder with rankings of two to six responses, and of as many chains without scores."""
    folder = tmp_path_factory.mktemp('ranked')
    (folder / 'x.jsonl').write_text('\n'.join(map(json.dumps, [*ROWS, TIE])))
    (folder / 'y.jsonl').write_text(json.dumps({'prompt': 'Add.', 'completion': 'Yes.'}))
    written = prepare_instructions(Instructions(name='counts'), {'train': folder / 'x.jsonl'}, 'ranked', str(folder))
    prepare_instructions(Instructions(name='chains'), {'train': folder / 'y.jsonl'}, 'prompt_completion', str(folder))
    assert written.ties_dropped == 1 and written.dataset.ranking.most == 6
    return str(folder)


def packed(data_dir, folder, ranked=True, prompt_format=Flan(), sequences=6, **changes):
    settings = dataclasses.replace(STREAM, directory=str(folder), **changes)
    data = Data(tfds_data_dir=data_dir, mixture='counts')
    return PackedStream(write_stream(data, settings, sequences, prompt_format=prompt_format, ranked=ranked))


@pytest.mark.parametrize('prompt_format', [Flan(), Alpaca(), Tulu(), ChatTemplate(CHAT)], ids=lambda f: f.name)
def test_every_prompt_stands_once_with_all_its_responses(prepared, tmp_path, prompt_format):
    stream = packed(prepared, tmp_path, prompt_format=prompt_format, input_length=80, sequence_length=256)
    vocabulary, rows, seen = Vocabulary(), {row['prompt']: row for row in ROWS}, set()
    for example in (ex for sequence in stream.sequences(range(len(stream))) for ex in sequence.examples()):
        matching = [prompt for prompt in rows if prompt in vocabulary.decode(example.prompt.tolist())]
        row = rows[matching[0]]
        assert len(example.responses) == len(row['responses']) == len(example.annotations['score'])
        by_score = dict(zip(row['scores'], row['responses']))
        for ids, score in zip(example.responses, example.annotations['score']):
            alone = prompt_format.encode_asked(vocabulary, Dialogue(row['prompt'], by_score[score]))
            assert (example.prompt.tolist(), ids.tolist()) == (alone.prompt, alone.response)
        assert example.annotations['score'][0] == max(row['scores'])
        seen.add(row['prompt'])
    assert seen == set(rows)


def test_the_manifest_knows_trees_and_batches_their_scores(prepared, tmp_path):
    stream = packed(prepared, tmp_path)
    assert not stream.manifest.chains
    batch = stream.batch(0, 6)
    assert batch['score'].shape == batch['example_ids'].shape == (6, stream.manifest.responses_per_sequence)
    sequences = [sequence.examples() for sequence in stream.sequences(range(6))]
    scores = np.concatenate([example.annotations['score'] for examples in sequences for example in examples])
    np.testing.assert_array_equal(batch['score'][batch['example_ids'] >= 0], scores)
    assert max(map(len, sequences)) > 1  # several trees share a sequence


def test_next_token_takes_the_best_response_as_a_chain(prepared, tmp_path):
    stream, trees = packed(prepared, tmp_path, ranked=False), packed(prepared, tmp_path)
    assert stream.manifest.chains and stream.folder != trees.folder
    best = {row['responses'][-1] for row in ROWS}
    for sequence in stream.sequences(range(len(stream))):
        for example in sequence.examples():
            assert Vocabulary().decode(example.responses[0].tolist()) in best


def test_an_epoch_holds_every_tree_once_and_ends_in_padding(prepared, tmp_path):
    stream = packed(prepared, tmp_path, sequences=None, epochs=1)
    trees = [ex for sequence in stream.sequences(range(len(stream))) for ex in sequence.examples()]
    assert sorted(len(tree.responses) for tree in trees) == [2, 3, 4, 5, 6]
    write_column(stream, 'reference', 'model', np.ones((len(stream), stream.manifest.responses_per_sequence)))
    stream = stream.with_columns({'reference': read_column(stream, 'reference', 'model')})
    last = stream.batch(0, 2 * len(stream), indices=range(len(stream), 2 * len(stream)))
    assert set(last) == set(stream.batch(0, len(stream)))
    assert not last['weights'].any() and (last['example_ids'] == -1).all() and not last['score'].any()
    assert not last['reference'].any() and stream.batch(0, len(stream))['reference'].all()


def test_long_responses_are_counted_and_large_trees_refused(prepared, tmp_path):
    stream = packed(prepared, tmp_path, target_length=3)
    cuts = stream.manifest.cuts['counts']
    assert 0 < cuts['targets_cut'] < cuts['examples'] and cuts['dropped'] == 0
    with pytest.raises(UserError, match='cannot hold a prompt .* with 6 responses .* raise it to 112'):
        packed(prepared, tmp_path, sequence_length=100)
    with pytest.raises(UserError, match='Stream.targets_per_sequence=60 is less than 6 responses .* raise it to 72'):
        packed(prepared, tmp_path, targets_per_sequence=60)


def test_a_prompt_loses_its_first_turns_or_is_dropped_but_never_its_end(tmp_path):
    turns = [{'role': role, 'content': f'{role} one two'} for role in ('user', 'assistant')] * 5
    rows = [{'prompt': [*turns, Q], 'chosen': 'Ann.', 'rejected': 'Hm.'}]
    rows.append({'prompt': 'word ' * 60, 'chosen': 'Ann.', 'rejected': 'Hm.'})
    (tmp_path / 'x.jsonl').write_text('\n'.join(map(json.dumps, rows)))
    prepare_instructions(Instructions(name='counts2'), {'train': tmp_path / 'x.jsonl'}, 'preference', str(tmp_path))
    settings = dataclasses.replace(STREAM, directory=str(tmp_path))
    data = Data(tfds_data_dir=str(tmp_path), mixture='counts2')
    stream = PackedStream(write_stream(data, settings, 2, prompt_format=Tulu(), ranked=True))
    catalogue.DATASETS.pop('counts2')
    cuts = stream.manifest.cuts['counts2']
    assert cuts['dropped'] > 0 and cuts['shortened'] == cuts['examples'] - cuts['dropped']
    for example in stream.sequences([0])[0].examples():
        assert Vocabulary().decode(example.prompt.tolist()).endswith('Who?\n<|assistant|>\n')


def test_what_has_no_scores_cannot_be_ranked(prepared):
    with pytest.raises(UserError, match='chains have no scored responses'):
        tuning_mixture(Data(tfds_data_dir=prepared, mixture='counts+chains'), ranked=True)
    with pytest.raises(UserError, match='needs datasets of the catalogue'):
        tuning_mixture(Data(tfds_data_dir=prepared, mixture='text:x.txt'), ranked=True)


def test_a_recipe_says_that_it_is_ranked_only_where_it_is(prepared):
    data = Data(tfds_data_dir=prepared, mixture='counts')
    recipes = [stream_recipe(tuning_mixture(data, ranked=ranked), data, STREAM, 4) for ranked in (False, True)]
    assert recipes[1] == recipes[0] | {'ranked': True} and 'ranked' not in recipes[0]


def test_the_shared_preferences_are_prepared_as_they_are(tmp_path):
    file = REAL_DATA.parent / 'instructions' / 'preferences_en.json'
    if not file.is_file():
        pytest.skip('no real preferences beside the repository (../shared/instructions)')
    written = prepare_instructions(Instructions(name='real_pairs'), {'train': file}, 'preference', str(tmp_path))
    catalogue.DATASETS.pop('real_pairs')
    assert written.dataset.ranking.most == 2 and written.ties_dropped == 0


def test_after_the_end_of_a_ranked_stream_comes_padding_with_the_same_arrays(prepared, tmp_path):
    stream = packed(prepared, tmp_path, sequences=3)
    values = np.ones((3, stream.manifest.responses_per_sequence), np.float32)
    write_column(stream, 'reference', 'of_a_model', values)
    stream = stream.with_columns({'reference': read_column(stream, 'reference', 'of_a_model')})
    first, last = stream.batch(0, batch_size=2), stream.batch(1, batch_size=2)
    nothing = stream.batch(1, batch_size=2, indices=[1])
    shapes = {name: (array.shape[1:], array.dtype) for name, array in first.items()}
    for batch in (last, nothing):
        assert {name: (array.shape[1:], array.dtype) for name, array in batch.items()} == shapes
    for name in ('weights', 'score', 'reference'):
        assert last[name][0].any() and not last[name][1].any() and not nothing[name].any()
    assert (last['example_ids'][1] == -1).all() and (nothing['example_ids'] == -1).all()
