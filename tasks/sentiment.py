"""Sentiment: is an opinion favourable?"""

import re
from collections.abc import Mapping

import tensorflow as tf

from flan_jax.catalogue.declaration import Choice, Cluster, Dataset, Keep, Splits, Tail, Template, TfdsExample

CLUSTER = Cluster(
    name='sentiment',
    title='Sentiment',
)

_OPTIONS = ('negative', 'positive')


def _replace(text: tf.Tensor, replacements: Mapping[str, str]) -> tf.Tensor:
    """The text with every key replaced by its value, in the given order."""
    for old, new in replacements.items():
        text = tf.strings.regex_replace(text, re.escape(old), new)
    return text


def _beginning(text: tf.Tensor) -> tf.Tensor:
    """The first 40 characters of a text, or the first half of a shorter one."""
    half = tf.strings.length(text, unit='UTF8_CHAR') // 2
    return tf.strings.strip(tf.strings.substr(text, 0, tf.minimum(half, 40), unit='UTF8_CHAR'))


def _length(text: tf.Tensor) -> tf.Tensor:
    """The number of words of a text, written in digits."""
    return tf.strings.as_string(tf.size(tf.strings.split(text)))


# Punctuation that the source file holds as control characters, its Windows-1252 bytes having been read as Latin-1.
_PUNCTUATION = {chr(code): bytes([code]).decode('cp1252') for code in (0x84, 0x85, *range(0x91, 0x98))}


def _film_review(ex: TfdsExample) -> tf.Tensor:
    """The review with line breaks in place of HTML's, and its punctuation mended."""
    text = tf.strings.regex_replace(ex['text'], r' *<br\s*/?\s*> *', '\n')
    return tf.strings.strip(_replace(text, _PUNCTUATION))


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
        Template('{text}\n\nIs this film review positive or negative?\n\n{options}'),
        Template('What is the sentiment of the following movie review?\n{options}\n\n{text}'),
        Template(
            'Somebody watched a film and then wrote this about it on the web:\n\n{text}\n\nWhich word sums up what the '
            'writer thought of the film?\n\n{options}'
        ),
        Template('Label the review with its sentiment.\n\nReview: {text}\n\n{options}\n\nSentiment:'),
        Template(
            'A film magazine sorts the letters of its readers into two piles. On which pile does the letter below belong?'
            '\n\n{options}\n\nDear editors,\n\n{text}'
        ),
        Template("{text}\n\nAll in all, the reviewer's opinion of the film is\n{options}"),
        Template(
            'I am not sure whether to watch a certain film. This is what I was told about it:\n\n{text}\n\nWould you say '
            'that the film left a good or a bad impression? Use "positive" for good and "negative" for bad.\n\n{options}'
        ),
        Template(
            'Read the text and judge the attitude that its author takes to the film as a whole, leaving aside praise or '
            'blame for single points.\n\nText:\n{text}\n\n{options}'
        ),
        Template(
            'Write a review of a film, as a visitor of a film website might. Its verdict should be {answer}.',
            '{text}',
            inverted=True,
        ),
        Template(
            'On a website only the beginning of a film review can be seen: {beginning}...\n\nIts verdict is {answer}. '
            'Write the review in full, from the first word on.',
            '{text}',
            inverted=True,
        ),
    ),
    long_fields=('text',),
    metrics=('accuracy',),
    licence='not stated; the publisher asks for a citation',
    citation='Maas et al. 2011: Learning word vectors for sentiment analysis.',
)


_ENTITIES = {'&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&'}  # '&amp;' last: '&amp;lt;' is '&lt;'


def _tweet(ex: TfdsExample) -> tf.Tensor:
    """The tweet with its HTML entities written out, and single blanks where emoticons were taken out."""
    return tf.strings.strip(tf.strings.regex_replace(_replace(ex['text'], _ENTITIES), r'\s+', ' '))


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
        Template('Tweet: {text}\n\nIs the tweet negative or positive?\n{options}'),
        Template('What sort of mood was the person who posted this in?\n\n{text}\n\n{options}'),
        Template('{text}\n\nThe sentiment of the message above is\n\n{options}'),
        Template(
            'You look after a social network and tag what people post by its tone. Which tag does this post get?\n\n'
            '{options}\n\nPost: {text}'
        ),
        Template(
            'Leaving aside any links and user names, what feeling does the following tweet express?\n\n"{text}"\n\n'
            '{options}'
        ),
        Template('Classify by sentiment.\n{options}\n\nInput: {text}\nOutput:'),
        Template('A friend of yours has just tweeted: {text}\n\nHow does your friend feel?\n\n{options}'),
        Template(
            'If you heard somebody say the words below, would you take them for a positive or a negative remark?\n'
            '{text}\n{options}'
        ),
        Template('Write a tweet with {answer} sentiment.', '{text}', inverted=True),
        Template(
            'Make up a message of at most 140 characters for a social network.\n\nMood: {answer}\nNumber of words: '
            '{length}',
            '{text}',
            inverted=True,
        ),
    ),
    metrics=('accuracy',),
    licence='not stated; published for academic use',
    citation='Go, Bhayani and Huang 2009: Twitter sentiment classification using distant supervision.',
    note='The original code counted the neutral tweets of the test split as negative; here they are left out, which '
    'leaves 359 of 498 test examples.',
)


def _snippet(ex: TfdsExample) -> tf.Tensor:
    """The sentence or part of one, tokenised and lower-cased as published."""
    return tf.strings.strip(ex['sentence'])


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
        Template('"{text}"\n\nDo these words from a film review sound negative or positive?\n\n{options}'),
        Template('Here is an extract from a film review:\n{text}\n\nWhat is its sentiment?\n{options}'),
        Template(
            'Did the critic who wrote the line below enjoy what was on the screen? Answer "positive" for yes and '
            '"negative" for no.\n\n{text}\n\n{options}'
        ),
        Template(
            'A distributor is collecting quotations about a new film: praise for the poster, complaints for the archive. '
            'How should this quotation be filed?\n\n{options}\n\nQuotation: {text}'
        ),
        Template('{options}\n\nWhich of the two describes the tone of what a reviewer wrote here?\n\n{text}'),
        Template('Critic: {text}\n\nListener: Was that a positive or a negative comment?\n\n{options}'),
        Template('Sentiment analysis of movie reviews, phrase by phrase.\n\nPhrase: {text}\n{options}\nSentiment:'),
        Template('Said of a film, "{text}" is\n{options}'),
        Template('Write a phrase or a sentence that says something {answer} about a film.', '{text}', inverted=True),
        Template(
            'Invent a fragment of a film review, all in lower case and with blanks around commas and full stops.\n\n'
            'Sentiment: {answer}\nNumber of words and punctuation marks: {length}',
            '{text}',
            inverted=True,
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
_LETTERS = {rf'\u{ord(letter):04x}': letter for letter in 'àáâãäåæçèéêëìíîïñòóôõöøùúûüßÀÉÖÜ£°º½–—‘’“”€'}


def _customer_review(ex: TfdsExample) -> tf.Tensor:
    r"""The review with the source file's escapes undone: \n, \"" (a quote, doubled as in CSV) and \u00e9."""
    text = tf.strings.regex_replace(ex['text'], r' *\\n *', '\n')
    text = tf.strings.regex_replace(text, r'\\ ?""?', '"')
    return tf.strings.strip(_replace(text, _LETTERS))


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
        Template('Review of a business: {text}\n\nIs the review negative or positive?\n{options}'),
        Template('What kind of experience did this customer have?\n\n{text}\n\n{options}'),
        Template(
            'Before going anywhere new, I look the place up on Yelp. This time I found the following.\n\n{text}\n\nIs that '
            'a recommendation or a warning? Answer "positive" for a recommendation and "negative" for a warning.'
            '\n\n{options}'
        ),
        Template('Determine the polarity of the text.\n\n{options}\n\nText:\n{text}\n\nPolarity:'),
        Template('{text}\n\nIn one word, how does the author of this review feel about the place?\n\n{options}'),
        Template(
            'I run a small company and get more comments from customers than I can read. Please sort this one for me.\n\n'
            '{options}\n\nComment: {text}'
        ),
        Template('Read what a customer wrote:\n"{text}"\n\nTaken as a whole, this is\n{options}'),
        Template(
            'Sentiment is about the overall judgement, not about single remarks. With that in mind, decide which '
            'sentiment fits the Yelp review below.\n\n{text}\n\n{options}'
        ),
        Template(
            'Imagine that you have been to a restaurant, a shop or some other business, and that your impression of it '
            'was {answer}. Write the review that you would put on Yelp.',
            '{text}',
            inverted=True,
        ),
        Template(
            'Preview: {beginning} [...]\nSentiment: {answer}\n\nCompose the customer review to which the preview and the '
            'sentiment belong.',
            '{text}',
            inverted=True,
        ),
    ),
    long_fields=('text',),
    metrics=('accuracy',),
    licence="Yelp's dataset terms of use: academic and non-commercial use only",
    citation='Zhang, Zhao and LeCun 2015: Character-level convolutional networks for text classification.',
)

DATASETS = (IMDB_REVIEWS, SENTIMENT140, SST2, YELP_POLARITY_REVIEWS)
