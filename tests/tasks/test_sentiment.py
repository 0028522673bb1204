"""Sentiment: defects of the original that must not come back, and the order of the labels."""

import pytest
import tensorflow as tf

from flan_jax.data import rendering, source
from flan_jax.data.prepared_source import PreparedSource
from flan_jax.data.preview import rendered_examples
from flan_jax.tasks.sentiment import DATASETS, IMDB_REVIEWS, SENTIMENT140, SST2, YELP_POLARITY_REVIEWS


def read(dataset, **ex):
    """The values of a hand-made example."""
    return rendering.read_values(dataset, {name: tf.constant(value) for name, value in ex.items()})


def text_of(dataset, text):
    label = {'polarity': 0} if dataset is SENTIMENT140 else {'label': 0}
    feature = 'sentence' if dataset is SST2 else 'text'
    return read(dataset, **{feature: text}, **label)['text'].numpy().decode()


def answers(dataset, data_dir):
    """Sample text to rendered answer."""
    return {
        ex.fields['text']: ex.answer
        for split in source.split_slices(dataset, data_dir)
        for ex in rendered_examples(dataset, split, data_dir)
    }


def test_sentiment140_neutral_tweets_are_dropped(samples_dir):
    raw = PreparedSource(SENTIMENT140, samples_dir).get_dataset('test', shuffle=False)
    neutral = {ex['text'].decode() for ex in raw.as_numpy_iterator() if ex['polarity'] == 2}
    kept = {ex.fields['text'] for ex in rendered_examples(SENTIMENT140, 'test', samples_dir)}
    assert len(neutral) == 2 and len(kept) == 8
    assert not neutral & kept


@pytest.mark.parametrize('polarity, kept', [(0, True), (2, False), (4, True)])
def test_sentiment140_keeps_by_polarity(polarity, kept):
    assert bool(SENTIMENT140.keep.test({'polarity': tf.constant(polarity)})) == kept


@pytest.mark.parametrize('polarity, answer', [(0, b'negative'), (4, b'positive')])
def test_sentiment140_polarity_four_is_positive(polarity, answer):
    assert read(SENTIMENT140, text='well, well', polarity=polarity)['answer'] == answer


def test_sentiment140_entities_are_written_out():
    raw = 'bread &amp; jam  for &quot;tea&quot;, i &lt;3 it, &amp;lt; stays '
    assert text_of(SENTIMENT140, raw) == 'bread & jam for "tea", i <3 it, &lt; stays'


def test_imdb_line_breaks_are_not_html():
    assert text_of(IMDB_REVIEWS, 'Fine. <br /><br />Really.<br/>Go!') == 'Fine.\n\nReally.\nGo!'


def test_imdb_punctuation_is_no_control_character():
    assert text_of(IMDB_REVIEWS, 'Slow \x96 but \x93good\x94\x85') == 'Slow – but “good”…'


def test_yelp_escapes_are_undone():
    raw = r'She said \""no\"". \n\nHe said \"yes\". The entr\u00e9e was \""nice\""'
    assert text_of(YELP_POLARITY_REVIEWS, raw) == 'She said "no".\n\nHe said "yes". The entrée was "nice"'


def test_sst2_blanks_at_the_ends_are_cut():
    assert text_of(SST2, ' a small , quiet joy . ') == 'a small , quiet joy .'


def test_sst2_length_counts_punctuation():
    assert read(SST2, sentence='a small , quiet joy . ', label=1)['length'] == b'6'


@pytest.mark.parametrize(
    'dataset, beginning, answer',
    [
        (IMDB_REVIEWS, 'What a waste of a rainy Sunday.', 'negative'),
        (IMDB_REVIEWS, 'Good old-fashioned fun!', 'positive'),
        (SENTIMENT140, 'missed the last bus', 'negative'),
        (SENTIMENT140, 'passed my driving test', 'positive'),
        (SST2, 'a sad waste of talent', 'negative'),
        (SST2, 'a warm and generous little film', 'positive'),
        (YELP_POLARITY_REVIEWS, 'The pizza was burnt', 'negative'),
        (YELP_POLARITY_REVIEWS, 'Best noodles in town!', 'positive'),
    ],
)
def test_labels_are_in_the_order_of_the_source(dataset, beginning, answer, samples_dir):
    [found] = [found for text, found in answers(dataset, samples_dir).items() if text.startswith(beginning)]
    assert found == answer


@pytest.mark.parametrize('dataset', [IMDB_REVIEWS, YELP_POLARITY_REVIEWS], ids=lambda dataset: dataset.name)
def test_the_beginning_does_not_give_the_review_away(dataset, samples_dir):
    for ex in rendered_examples(dataset, 'test', samples_dir):
        beginning, text = ex.fields['beginning'], ex.fields['text']
        assert text.startswith(beginning) and 30 < len(beginning) <= 40


@pytest.mark.parametrize('text, beginning', [('Closed', 'Clo'), ('Très, très bon', 'Très, t')])
def test_the_beginning_of_a_short_text_is_its_first_half(text, beginning):
    assert read(YELP_POLARITY_REVIEWS, text=text, label=1)['beginning'].numpy().decode() == beginning


@pytest.mark.parametrize('dataset', DATASETS, ids=lambda dataset: dataset.name)
def test_inverted_templates_say_which_sentiment_is_wanted(dataset, samples_dir):
    for ex in rendered_examples(dataset, 'test', samples_dir):
        for template, (inputs, targets) in zip(dataset.templates, ex.prompts):
            assert not template.inverted or (ex.answer in inputs and targets == ex.fields['text'])
