"""A packed sequence and a stream as people see them: what is shown is what training reads."""

import html
import itertools
import re

import numpy as np
import pytest

from flan_jax.command import main
from flan_jax.packing.example import Example, PackedSequence
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.packing.stream import PackedStream, StreamManifest, write
from flan_jax.reports.packed.page import sequence_page, statistics_page
from flan_jax.reports.packed.statistics import histogram, statistics
from flan_jax.reports.packed.view import sequence_view, token_texts
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests.reports.pages import runs_no_code_of_data

VOCABULARY = Vocabulary()
TASKS, CLUSTERS, CLUSTER_OF = ['rte', 'sst2', 'trec'], ['a', 'b'], [0, 1, 0]
LENGTH = 48


def ids(text):
    return np.array([*VOCABULARY.encode(text), VOCABULARY.eos_id])


def chain(task, prompt, response, weights=None):
    return Example(ids(prompt), (ids(response),), task, 3, None if weights is None else (weights,))


CHAIN = chain(0, 'Is it <b>true</b>?', 'yes')
WEIGHTED = chain(1, 'A good film.', 'It is', np.array([1.0, 0.5, 0.0, 0.0][: len(ids('It is'))], np.float32))
TREE = Example(ids('Which?'), (ids('this one'), ids('no')), 2, -1, annotations={'score': (1.0, -2.0)})
SEQUENCES = [[CHAIN, WEIGHTED], [WEIGHTED], [CHAIN, CHAIN]]


@pytest.fixture
def stream(tmp_path):
    packed = [PackedSequence.of(examples) for examples in SEQUENCES]
    recipe = {'vocabulary': VOCABULARY.fingerprint, 'rates': {'rte': 2.0, 'sst2': 1.0, 'trec': 1.0}}
    manifest = StreamManifest(
        recipe=recipe, tasks=TASKS, clusters=CLUSTERS, cluster_of_task=CLUSTER_OF, sequences=len(packed),
        sequence_length=LENGTH, max_targets=LENGTH, examples=[3, 2, 0], density=0.5, target_share=0.2, epochs={},
    )  # fmt: skip
    write(tmp_path / 'stream', packed, lambda: manifest)
    return PackedStream(tmp_path / 'stream')


def test_tokens_say_together_what_was_encoded_characters_of_several_bytes_too():
    text = 'Wie heißt der Fluß, élan ☃ {answer}\n\nOPTIONS:\n- yes'
    assert ''.join(token_texts(VOCABULARY, ids(text))) == f' {text}</s>'
    unpaired = VOCABULARY.encode('☃')[:-1]
    assert len(token_texts(VOCABULARY, [*unpaired, *ids('yes')])) == len(unpaired) + len(ids('yes'))


@pytest.mark.parametrize('examples', [*SEQUENCES, [CHAIN, TREE], [TREE, CHAIN]])
def test_places_positions_and_weights_are_those_that_training_lays_out(examples):
    view = sequence_view(examples, VOCABULARY, TASKS, LENGTH)
    arrays = lay_out([examples], Shape(1, LENGTH, LENGTH))
    tokens = [token for piece in view.pieces for token in piece.tokens]
    assert [token.place for token in tokens] == list(range(view.used)) == list(range(sum(map(len, examples))))
    for name, attribute in (('positions', 'position'), ('segment_ids', 'segment')):
        assert [getattr(token, attribute) for token in tokens] == arrays[name][0, : view.used].tolist()
    weights = [token.weight for piece in view.pieces if piece.response for token in piece.tokens]
    assert weights == arrays['weights'][0, : len(weights)].tolist() and sum(weights) == arrays['weights'].sum()
    assert not any(token.weight for piece in view.pieces if not piece.response for token in piece.tokens)


def test_responses_of_a_tree_go_on_from_the_prompt_with_their_scores():
    prompt, first, second = sequence_view([CHAIN, TREE], VOCABULARY, TASKS, LENGTH).trees[1].pieces
    after = prompt.tokens[-1].position + 1
    assert prompt.tokens[0].position == 0 and first.tokens[0].position == second.tokens[0].position == after
    assert len({piece.tokens[0].segment for piece in (prompt, first, second)}) == 3
    assert (first.annotations, second.annotations) == ({'score': 1.0}, {'score': -2.0})


def test_the_page_shows_every_token_padding_and_no_markup_of_the_data():
    view = sequence_view([CHAIN, TREE], VOCABULARY, TASKS, LENGTH)
    page = sequence_page('<i>x</i>', view)
    assert runs_no_code_of_data(page, scripts=0)
    texts = re.findall(r'<span class="token[^>]*>(.*?)</span>', page, flags=re.DOTALL)
    shown = ''.join(map(html.unescape, texts)).replace('↵\n', '\n')
    assert shown == ''.join(piece.text for piece in view.pieces) and '<b>true</b>' in shown
    assert page.count('class="token learned"') == view.learned
    assert f'tokens {view.used} to {LENGTH - 1}' in page


def test_shares_of_clusters_are_those_of_the_batches_that_training_reads(stream):
    found = statistics(stream, {'a': 2.0, 'b': 1.0})
    batch = stream.batch(0, len(SEQUENCES))
    weights = [batch['weights'][batch['cluster_ids'] == cluster].sum() for cluster in (0, 1)]
    examples = [example for sequence in SEQUENCES for example in sequence]
    for place, share in enumerate(found.shares):
        of_cluster = [example for example in examples if CLUSTER_OF[example.task] == place]
        assert share.examples == pytest.approx(len(of_cluster) / len(examples))
        assert share.tokens == pytest.approx(sum(map(len, of_cluster)) / sum(map(len, examples)))
        assert share.learned == pytest.approx(weights[place] / sum(weights))
        assert share.planned == (0.75, 0.25)[place]
    assert found.shares[0].loss == pytest.approx(2 * weights[0] / (2 * weights[0] + weights[1]))
    used = [sum(map(len, sequence)) for sequence in SEQUENCES]
    assert (found.fullest, found.emptiest) == (max(used), min(used))
    assert found.efficiency == pytest.approx(sum(map(len, examples)) / (len(SEQUENCES) * LENGTH))
    assert runs_no_code_of_data(statistics_page('x', found), scripts=0)


def test_a_histogram_counts_every_length_once():
    lengths = np.random.default_rng(0).integers(1, 300, 500)
    found = histogram(lengths)
    assert sum(b.count for b in found) == 500
    assert all(b.count == ((b.low <= lengths) & (lengths <= b.high)).sum() for b in found)
    assert all(left.high + 1 == right.low for left, right in itertools.pairwise(found))


def test_the_command_prints_and_writes_both_views(stream, tmp_path, capsys):
    page = tmp_path / 'page.html'
    assert main.main(['show', str(stream.folder), '--row=0', f'--html={page}']) == 0
    printed = capsys.readouterr().out
    assert 'Is it <b>true</b>?' in printed and 'example 2: sst2, template 3' in printed and 'padding' in printed
    assert 'Example 2: sst2' in page.read_text()
    assert main.main(['show', str(stream.folder)]) == 0
    assert '75.00' in capsys.readouterr().out


@pytest.mark.parametrize(
    'arguments, says', [(['--row=3'], 'sequences 0 to 2'), (['--row=0', '--vocabulary=/nowhere'], 'no such')]
)
def test_what_is_not_there_is_refused(stream, capsys, arguments, says):
    assert main.main(['show', str(stream.folder), *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_folder_that_is_neither_stream_nor_run_is_refused(tmp_path, capsys):
    assert main.main(['show', str(tmp_path)]) == 2
    assert 'neither' in capsys.readouterr().err
