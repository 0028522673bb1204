"""Sentiment: is an opinion favourable?"""

from __future__ import annotations

import re
from collections.abc import Mapping

from etils import epy

from flan_jax.catalogue.declaration import Choice, Cluster, Dataset, Keep, Splits, Tail, Template, inverted
from flan_jax.tasks.cleaning import ONE_LINE, Rules, clean

with epy.lazy_imports():
    import tensorflow as tf

CLUSTER = Cluster(
    name='sentiment',
    title='Sentiment',
)

_OPTIONS = ('negative', 'positive')


def _literally(replacements: Mapping[str, str]) -> Rules:
    """Rules that replace every key by its value."""
    return tuple((re.escape(old), new) for old, new in replacements.items())


def _beginning(text: tf.Tensor) -> tf.Tensor:
    """The first 40 characters of a text, or the first half of a shorter one."""
    half = tf.strings.length(text, unit='UTF8_CHAR') // 2
    return tf.strings.strip(tf.strings.substr(text, 0, tf.minimum(half, 40), unit='UTF8_CHAR'))


def _length(text: tf.Tensor) -> tf.Tensor:
    """The number of words of a text, written in digits."""
    return tf.strings.as_string(tf.size(tf.strings.split(text)))


# Punctuation that the source file holds as control characters, its Windows-1252 bytes having been read as Latin-1.
_PUNCTUATION = _literally({chr(code): bytes([code]).decode('cp1252') for code in (0x84, 0x85, *range(0x91, 0x98))})


_film_review = clean('text', ((r' *<br\s*/?\s*> *', '\n'), *_PUNCTUATION))


IMDB_REVIEWS = Dataset(
    name='imdb_reviews',
    cluster=CLUSTER,
    paper_name='IMDB',
    source='imdb_reviews/plain_text:1.0.0',
    splits=Splits(validation=Tail(200), test='test'),
    fields={'text': _film_review, 'beginning': lambda ex: _beginning(_film_review(ex))},
    # Labels: 0 neg, 1 pos.
    answer=Choice(options=_OPTIONS),
    templates=(
        Template('{text}\n\nIs this movie review positive or negative?\n\n{options}'),
        Template('What is the sentiment of the following movie review?\n\n{text}\n\n{options}'),
        inverted('Write a movie review whose verdict is {answer}.', '{text}'),
        Template('Review: {text}\n\n{options}\n\nSentiment:'),
        Template('{text}\n\nDid the reviewer like the movie? Answer "positive" or "negative".\n\n{options}'),
        Template("{text}\n\nOverall, the reviewer's opinion of the movie is\n{options}"),
        Template('{options}\n\nClassify the sentiment of this review.\n\n{text}'),
        inverted(
            'A {answer} movie review begins with "{beginning}" and then breaks off. Write the whole review, including that '
            'beginning.',
            '{text}',
        ),
        Template(
            'Judge what the author of this review thinks of the movie as a whole, ignoring praise or criticism of single '
            'points.\n\n{text}\n\n{options}'
        ),
        Template(
            'I am wondering whether to watch a movie, and a friend sent me this review:\n\n{text}\n\nWould you call it positive '
            'or negative?\n\n{options}'
        ),
    ),
    long_fields=('text',),
    metrics=('accuracy',),
    licence='not stated; the publisher asks for a citation',
    citation='Maas et al. 2011: Learning word vectors for sentiment analysis.',
)


# HTML entities, '&amp;' last: '&amp;lt;' is '&lt;'.
_ENTITIES = _literally({'&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&'})

_tweet = clean('text', (*_ENTITIES, *ONE_LINE))


SENTIMENT140 = Dataset(
    name='sentiment140',
    cluster=CLUSTER,
    paper_name='Sent140',
    source='sentiment140:1.0.0',
    splits=Splits(validation=Tail(200), test='test'),
    fields={'text': _tweet, 'length': lambda ex: _length(_tweet(ex))},
    # Polarity: 0 negative, 2 neutral (see `keep`), 4 positive.
    answer=Choice(options=_OPTIONS, label=lambda ex: tf.cast(ex['polarity'] > 2, tf.int64)),
    keep=Keep('neutral tweets (polarity 2, in the test split only) fit no option', lambda ex: ex['polarity'] != 2),
    templates=(
        Template('Tweet: {text}\n\nIs the sentiment of this tweet negative or positive?\n{options}'),
        Template('What is the sentiment of the following tweet?\n\n{text}\n\n{options}'),
        inverted('Write a tweet with {answer} sentiment.', '{text}'),
        Template('{text}\n\nThe sentiment of the message above is\n\n{options}'),
        Template('How does the person who posted this feel?\n\n{text}\n\n{options}'),
        Template('{options}\n\nClassify this tweet by its sentiment.\n\nTweet: {text}\nSentiment:'),
        Template('Ignoring links and user names, what feeling does this tweet express?\n\n{text}\n\n{options}'),
        inverted(
            'Write a message of at most 140 characters for a social network.\n\nSentiment: {answer}\nNumber of words: {length}',
            '{text}',
        ),
        Template('Does the following post sound positive or negative?\n{text}\n{options}'),
        Template(
            'You moderate a social network and tag posts by their tone. How would you tag this one?\n\n{text}\n\n{options}'
        ),
    ),
    metrics=('accuracy',),
    licence='not stated; published for academic use',
    citation='Go, Bhayani and Huang 2009: Twitter sentiment classification using distant supervision.',
    note='The original code counted the neutral tweets of the test split as negative; here they are left out, which '
    'leaves 359 of 498 test examples.',
)


_snippet = clean('sentence')  # tokenised and lower-cased as published


SST2 = Dataset(
    name='sst2',
    cluster=CLUSTER,
    paper_name='SST-2',
    source='glue/sst2:2.0.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields={'text': _snippet, 'length': lambda ex: _length(_snippet(ex))},
    # Labels: 0 negative, 1 positive.
    answer=Choice(options=_OPTIONS),
    templates=(
        Template('Review: {text}\n\nIs the sentiment of this movie review negative or positive?\n{options}'),
        Template('What is the sentiment of this sentence from a movie review?\n\n{text}\n\n{options}'),
        inverted('Write a phrase or a sentence from a movie review that has {answer} sentiment.', '{text}'),
        Template('"{text}"\n\nDo these words from a movie review sound negative or positive?\n\n{options}'),
        Template(
            'Did the critic who wrote this like the movie? Answer "positive" or "negative".\n\n{text}\n\n{options}'
        ),
        Template('{options}\n\nDescribe the tone of this excerpt from a review.\n\n{text}'),
        Template('Sentiment analysis of movie reviews\n\nPhrase: {text}\n{options}\nSentiment:'),
        inverted(
            'Write an excerpt from a movie review, in lower case and with spaces around punctuation marks.\n\nSentiment: '
            '{answer}\nNumber of words and punctuation marks: {length}',
            '{text}',
        ),
        Template('A critic called a movie "{text}". That comment is\n{options}'),
        Template(
            'You are choosing quotes for a movie poster, which need to be positive. How would you label this quote?\n\n'
            '{text}\n\n{options}'
        ),
    ),
    metrics=('accuracy',),
    licence='not stated',
    citation='Socher et al. 2013: Recursive deep models for semantic compositionality over a sentiment treebank. '
    'Wang et al. 2019: GLUE.',
    note="Version 2.0.0 stands in for the paper's 1.0.0; only QQP differs between the two. The test split of GLUE has no "
    'labels, so the validation split is reported.',
)


# The source file is escaped like JSON; these letters and signs occur in it.
_LETTERS = _literally({rf'\u{ord(letter):04x}': letter for letter in 'àáâãäåæçèéêëìíîïñòóôõöøùúûüßÀÉÖÜ£°º½–—‘’“”€'})

# Line breaks, then quotation marks, which are doubled as in CSV, then letters.
_customer_review = clean('text', ((r' *\\n *', '\n'), (r'\\ ?""?', '"'), *_LETTERS))


YELP_POLARITY_REVIEWS = Dataset(
    name='yelp_polarity_reviews',
    cluster=CLUSTER,
    paper_name='Yelp',
    source='yelp_polarity_reviews:0.2.0',
    splits=Splits(validation=Tail(200), test='test'),
    fields={'text': _customer_review, 'beginning': lambda ex: _beginning(_customer_review(ex))},
    # Labels: 0 '1' (negative), 1 '2' (positive).
    answer=Choice(options=_OPTIONS),
    templates=(
        Template('{text}\n\nIs this review of a business negative or positive?\n\n{options}'),
        Template('What is the sentiment of the following Yelp review?\n\n{text}\n\n{options}'),
        inverted('Write a {answer} Yelp review of a restaurant, a shop or some other business.', '{text}'),
        Template('Determine the polarity of the text.\n\nText:\n{text}\n\n{options}\n\nPolarity:'),
        Template('{text}\n\nIn one word, how does the author of this review feel about the place?\n\n{options}'),
        Template('What kind of experience did this customer have?\n\n{text}\n\n{options}'),
        Template('{options}\n\nLabel this customer review with its sentiment.\n\nReview: {text}'),
        inverted(
            'Beginning of a customer review: {beginning} [...]\nSentiment: {answer}\n\nWrite the full review.', '{text}'
        ),
        Template(
            'Based on the review as a whole, and not on single remarks, would you call it positive or negative?\n\n{text}\n\n'
            '{options}'
        ),
        Template(
            'I run a small business and get more reviews than I can read. Is this one positive or negative?\n\n{text}\n\n'
            '{options}'
        ),
    ),
    long_fields=('text',),
    metrics=('accuracy',),
    licence="Yelp's dataset terms of use: academic and non-commercial use only",
    citation='Zhang, Zhao and LeCun 2015: Character-level convolutional networks for text classification.',
)

DATASETS = (IMDB_REVIEWS, SENTIMENT140, SST2, YELP_POLARITY_REVIEWS)
