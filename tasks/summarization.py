"""Summarization: a long text in few words.

Most templates for long articles put the question before the article, so that truncating the inputs keeps the question.
"""

from __future__ import annotations

from etils import epy

from flan_jax.catalogue.declaration import Choice, Cluster, Dataset, FreeText, Keep, Splits, Tail, Template, inverted
from flan_jax.tasks.cleaning import ONE_LINE, PARAGRAPHS, clean, rewrite

with epy.lazy_imports():
    import tensorflow as tf

CLUSTER = Cluster(
    name='summarization',
    title='Summarization',
)

_DETOKENIZED = (
    (r'-lrb-\s*', '('),
    (r'\s*-rrb-', ')'),
    (r'``\s*', '"'),
    (r"\s*''", '"'),
    (r"\s+([,.;:?!%)]|(?:n't|'(?:s|re|ve|ll|d|m))\b)", r'\1'),
    *ONE_LINE,
)

# In AG News a blank replaces the '&' of an HTML entity, and a backslash a line break.
_AG_NEWS = (
    (r'(?:&|\b)lt;.*?(?:&|\b)gt;', ' '),
    (r'(?:^|[ &])#(?:39|145|146);', "'"),
    (r'(?:^|[ &])(?:quot|#147|#148);', '"'),
    (r'[ &](?:amp|#38);', '&'),
    (r'[ &]#36;', '$'),
    (r'[ &](?:#151|#x2014);', ' - '),
    (r'[ &](?:nbsp|hellip|[lg]t);', ' '),
    (r'\\([$#&"])', r'\1'),
    (r'\\', ' '),
    *ONE_LINE,
    (r' ,( )', r',\1'),
)

# Up to TFDS 3.1 the builder adds full stops after a blank, later without: both become the later form.
_ADDED_STOPS = (
    (r'[ \t]+\.(\s|$)', r'.\1'),
    (r':\.(\s)', r':\1'),
)

# The text before the first sentence of an article is removed, and nothing after it:
# 'By. A Reporter. PUBLISHED: 14:11 EST, 25 October 2013. |. UPDATED: 15:36 EST, 25 October 2013. ',
# 'LONDON, England (CNN) -- ', 'PARIS, France -- ', '(CNN)'.
_CNN_DAILYMAIL = (
    *ONE_LINE,
    *_ADDED_STOPS,
    (r'^(?:By\b.{0,150}?)?(?:\|?\.?\s*(?:PUBLISHED|UPDATED|Last updated at)\b.{0,40}?\b20\d\d\b\.?\s+)+', ''),
    (r'^By\.\s[^.]{2,60}\.\s+', ''),
    (
        r'^(?:(?:(?:[A-Z][^\s()]*|of|the|and|de)\s+){0,6}\([A-Z][^()]{1,30}\)'
        r"|[A-Z][A-Z .'-]{2,30}(?:[,.] [A-Z][A-Za-z .'-]{1,30})?)\s*--\s+",
        '',
    ),
    (r'^(?:[A-Z][^\s()]*\s+){0,4}\(CNN\)([A-Z"\'])', r'\1'),
)

# Sections of which only the full stop remains are removed together with it.
_WIKI_LINGUA = (
    *ONE_LINE,
    (r'\.(?:\s\.)+(\s|$)', r'.\1'),
    (r'^\.\s', ''),
)

_SAMSUM = (
    (r'<file_other>', '[file]'),
    (r'<(?:file_)?([a-z]+)>', r'[\1]'),
    *PARAGRAPHS,
)


def _has_text(*names):
    """A test for `Keep`: none of the features is blank."""
    return lambda ex: tf.reduce_all([tf.strings.length(tf.strings.strip(ex[name])) > 0 for name in names])


def _numbered(texts, before='', after='. ', between='\n'):
    """Strings [n] as one string, each behind its number."""
    numbers = tf.strings.as_string(tf.range(1, tf.size(texts) + 1))
    return tf.strings.reduce_join(tf.strings.join([before, numbers, after, texts]), separator=between)


def _articles(ex):
    """The articles of a Multi-News example, strings [n]."""
    articles = rewrite(tf.strings.split(ex['document'], '|||||'), PARAGRAPHS)
    return tf.boolean_mask(articles, tf.strings.length(articles) > 0)


def _opinions(name):
    """A field: the first ten opinions of an example, strings [n]."""
    return lambda ex: rewrite(ex[name]['value'][:10], _DETOKENIZED)


def _has_opinions(name):
    """A test for `Keep`: there is at least one opinion."""
    return lambda ex: tf.size(ex[name]['value']) > 0


def _is_whole(ex):
    """Whether no word or digit of a Gigaword example is masked."""
    text = tf.strings.join([ex['document'], ex['summary']], ' ')
    return tf.logical_not(tf.strings.regex_full_match(text, r'.*(?:#|\b(?:UNK|unk)\b).*'))


_arguments = _opinions('_argument_sentences')
_reviews = _opinions('_critics')

_MANUAL_FOLDER = 'into downloads/manual under the TFDS data directory.'

AESLC = Dataset(
    name='aeslc',
    cluster=CLUSTER,
    paper_name='AESLC',
    source='aeslc:1.0.0',
    splits=Splits(validation='validation'),
    fields={'email': clean('email_body', ONE_LINE)},
    answer=FreeText(answer=clean('subject_line', ONE_LINE)),
    keep=Keep('an email without body or subject', _has_text('email_body', 'subject_line')),
    templates=(
        Template('Write a subject line for this email.\n\n{email}'),
        Template('Email: {email}\n\nSubject:'),
        inverted('Write an email with the subject line "{answer}".', '{email}'),
        Template('{email}\n\nWhat is a good subject line for the email above?'),
        Template('What is this email about? Answer in a few words.\n\n{email}'),
        Template('Summarize the following message in one short phrase.\n\n{email}'),
        Template('Body of an email: {email}\n\nSuggest a short title that tells the recipient what it is about.'),
        inverted('Subject: {answer}\n\nWrite the body of a business email with this subject.', '{email}'),
        Template('What subject was the following email most likely sent with?\n\n{email}'),
        Template('A colleague asks you to fill in the subject field of this email:\n\n{email}\n\nWhat do you write?'),
    ),
    long_fields=('email',),
    metrics=('rouge',),
    licence='CC BY-NC-SA 4.0',
    citation='Zhang and Tetreault 2019: This email could save your life: Introducing the task of email subject line '
    'generation.',
    note='The template is chosen on the first 200 validation examples; the original code takes the last 200. Line breaks, '
    'which the corpus puts after every sentence, become blanks.',
)

AG_NEWS_SUBSET = Dataset(
    name='ag_news_subset',
    cluster=CLUSTER,
    paper_name='AG News',
    source='ag_news_subset:1.0.0',
    splits=Splits(validation=Tail(200), test='test'),
    fields={'title': clean('title', _AG_NEWS), 'text': clean('description', _AG_NEWS)},
    # Labels: 0 World, 1 Sports, 2 Business, 3 Sci/Tech.
    answer=Choice(options=('World', 'Sports', 'Business', 'Science/Tech')),
    templates=(
        Template('What is the topic of this news article?\n\n{title}\n{text}\n\n{options}'),
        Template('Headline: {title}\nStory: {text}\n{options}\nCategory:'),
        inverted(
            'This is how a story in the {answer} section of a news site begins:\n\n{text}\n\nGive the story a headline.',
            '{title}',
        ),
        Template('{text}\n\nWhich section of a newspaper does this report belong in?\n\n{options}'),
        Template('Classify the following news report by its topic.\n\n{text}\n\n{options}'),
        Template('Is this about world affairs, sports, business, or science and technology?\n\n{text}\n\n{options}'),
        Template('{options}\n\nTag the following news report with its subject.\n\n{title}\n\n{text}'),
        inverted(
            'Write the opening of a news report. It will appear under {answer} with the headline "{title}".', '{text}'
        ),
        Template('{title}\n\n{text}\n\nWhat subject does this article cover?\n{options}'),
        Template(
            'You are an editor at a news site. In which section do you publish this article?\n\n{title}\n\n{text}\n\n{options}'
        ),
    ),
    long_fields=('text',),
    metrics=('accuracy',),
    licence='research and other non-commercial use, as the AG corpus states',
    citation='Zhang et al. 2015: Character-level convolutional networks for text classification.',
    note='A classification of topics, though the paper lists it under summarization.',
)

CNN_DAILYMAIL = Dataset(
    name='cnn_dailymail',
    cluster=CLUSTER,
    paper_name='CNN-DM',
    source='cnn_dailymail:3.4.0',
    splits=Splits(validation='validation'),
    fields={'article': clean('article', _CNN_DAILYMAIL)},
    answer=FreeText(answer=clean('highlights', (*PARAGRAPHS, *_ADDED_STOPS))),
    templates=(
        Template('Summarize the article.\n\n{article}'),
        Template('News article: {article}\n\nHighlights:'),
        inverted('These are the highlights of a news article.\n\n{answer}\n\nWrite the article.', '{article}'),
        Template('Write down the main points of this news article, one per line.\n\n{article}'),
        Template('What are the highlights of the following report?\n\n{article}'),
        Template('Summarize the text below in a few short sentences.\n\n{article}'),
        Template('{article}\n\nWhat are the most important facts reported above?'),
        inverted('Write a full news story that is based on these key points.\n\n{answer}', '{article}'),
        Template(
            'Condense this report into a few brief statements, each on its own line.\n\nReport: {article}\n\nSummary:'
        ),
        Template(
            'You write the box of key facts that a news site shows next to each story. Write the box for this one.\n\n{article}'
        ),
    ),
    long_fields=('article',),
    metrics=('rouge',),
    licence='not stated; the articles belong to CNN and the Daily Mail',
    citation='Hermann et al. 2015: Teaching machines to read and comprehend. See et al. 2017: Get to the point: '
    'Summarization with pointer-generator networks.',
    note='Version 3.4.0; the original code uses 3.1.0, whose text differs by a blank before the full stops that the '
    'builder adds. Bylines and datelines are removed; the original code kept them and lost the article.',
)

GIGAWORD = Dataset(
    name='gigaword',
    cluster=CLUSTER,
    paper_name='Gigaword',
    source='gigaword:1.2.0',
    splits=Splits(validation='validation'),
    fields={'sentence': clean('document', _DETOKENIZED)},
    answer=FreeText(answer=clean('summary', _DETOKENIZED)),
    keep=Keep('words masked as UNK or digits masked as #', _is_whole),
    templates=(
        Template('Write a headline for a news story that starts with this sentence.\n\n{sentence}'),
        Template('Sentence: {sentence}\nHeadline:'),
        inverted('Headline: {answer}\n\nWrite the first sentence of the news story under this headline.', '{sentence}'),
        Template('Summarize this sentence in as few words as possible.\n\n{sentence}'),
        Template('{sentence}\n\nHow would a newspaper put this in a headline?'),
        Template('Shorten the following to the length of a headline.\n{sentence}'),
        Template('{sentence}\n\nThese are the first words of an article. What could its title be?'),
        inverted('Expand "{answer}" into one complete sentence of news.', '{sentence}'),
        Template(
            'What should a news ticker, with room for only a few words, show for this piece of news?\n\n{sentence}'
        ),
        Template(
            'You are an editor at a news agency, and this report has just come in:\n\n{sentence}\n\nWhat headline do you give it?'
        ),
    ),
    long_fields=('sentence',),
    metrics=('rouge',),
    licence='not stated for the pairs of sentence and headline; the articles are under the terms of the Linguistic '
    'Data Consortium',
    citation='Graff et al. 2003: English Gigaword. Rush et al. 2015: A neural attention model for abstractive sentence '
    'summarization.',
    note='Examples with a masked word or digit, about a third, are left out as in the original code, so scores are not '
    'comparable with those on the whole test set. Blanks before punctuation are removed.',
)

MULTI_NEWS = Dataset(
    name='multi_news',
    cluster=CLUSTER,
    paper_name='Multi-News',
    source='multi_news:2.1.0',
    splits=Splits(validation='validation'),
    fields={
        'articles': lambda ex: _numbered(_articles(ex), before='Article ', after=':\n', between='\n\n'),
        'first_article': lambda ex: _articles(ex)[0],
    },
    # Every summary starts with a dash.
    answer=FreeText(answer=clean('summary', ((r'^[–-]\s*', ''), *PARAGRAPHS))),
    keep=Keep(
        'no article, or no summary',
        lambda ex: tf.logical_and(tf.size(_articles(ex)) > 0, _has_text('summary')(ex)),
    ),
    templates=(
        Template('Summarize the following articles, which report on the same story.\n\n{articles}'),
        Template('Sources:\n\n{articles}\n\nSummary:'),
        inverted(
            'This is a summary of the news about an event:\n\n{answer}\n\nWrite one of the articles it may be based on.',
            '{first_article}',
        ),
        Template('Write one summary that covers all of these articles.\n\n{articles}'),
        Template('{articles}\n\nWhat is the story told in the articles above?'),
        Template('Several news outlets have reported on one event. What happened, according to them?\n\n{articles}'),
        Template(
            'Read the sources below, then retell the news in a paragraph.\n\n{articles}\n\nThe news in a paragraph:'
        ),
        inverted(
            'Write a news report that could have been one of the sources of the following summary.\n\n{answer}',
            '{first_article}',
        ),
        Template(
            'Combine this news coverage into a single short text, with the details that each article adds.\n\n{articles}'
        ),
        Template('You write a daily news digest for busy readers. Write the entry for this story.\n\n{articles}'),
    ),
    long_fields=('articles', 'first_article'),
    metrics=('rouge',),
    licence='for non-commercial research and educational purposes only',
    citation='Fabbri et al. 2019: Multi-News: A large-scale multi-document summarization dataset and abstractive '
    'hierarchical model.',
    note="Version 2.1.0, the authors' cleaned files; the addresses of 1.0.0, which the original code used, are not "
    'valid any more.',
)

NEWSROOM = Dataset(
    name='newsroom',
    cluster=CLUSTER,
    paper_name='Newsroom',
    source='newsroom:1.0.0',
    splits=Splits(validation='validation'),
    fields={'title': clean('title', ONE_LINE), 'text': clean('text', PARAGRAPHS)},
    answer=FreeText(answer=clean('summary', ONE_LINE)),
    keep=Keep('an article without title, text or summary', _has_text('title', 'text', 'summary')),
    templates=(
        Template('Summarize this article in a sentence or two.\n\n{text}'),
        Template('Title: {title}\n\n{text}\n\nSummary:'),
        inverted('An article can be summed up like this: {answer}\n\nSuggest a headline for it.', '{title}'),
        Template('What is the main message of the following article?\n\n{text}'),
        Template('Article: {text}\n\nGive a brief summary of the article.'),
        Template(
            'Write the short description that appears below the headline "{title}" when this article is shared online.\n\n{text}'
        ),
        Template('{text}\n\nIn short, what does the text above say?'),
        inverted('Write an article entitled "{title}". In short, it should say the following:\n\n{answer}', '{text}'),
        Template(
            'Headline: {title}\n\nArticle: {text}\n\nWrite a teaser that tells readers in a line or two what to expect.'
        ),
        Template('A friend has no time to read "{title}" and asks what it says. What do you reply?\n\n{text}'),
    ),
    long_fields=('text',),
    metrics=('rouge',),
    licence='research use, under an agreement that the publisher asks for',
    citation='Grusky et al. 2018: Newsroom: A dataset of 1.3 million summaries with diverse extractive strategies.',
    manual_step='Register at https://summari.es/download/, download the dataset, and put train.jsonl, dev.jsonl and '
    f'test.jsonl {_MANUAL_FOLDER}',
)

SAMSUM = Dataset(
    name='samsum',
    cluster=CLUSTER,
    paper_name='SamSum',
    source='samsum:1.0.0',
    splits=Splits(validation='validation'),
    fields={'dialogue': clean('dialogue', _SAMSUM)},
    answer=FreeText(answer=clean('summary', ONE_LINE)),
    keep=Keep('an empty dialogue or summary', _has_text('dialogue', 'summary')),
    templates=(
        Template('Summarize this conversation.\n\n{dialogue}'),
        Template('Dialogue:\n{dialogue}\n\nSummary:'),
        inverted('Write a chat that could be summarized as follows.\n\n{answer}', '{dialogue}'),
        Template('{dialogue}\n\nWhat was this chat about?'),
        Template('Read the messages below and describe briefly what happens.\n\n{dialogue}'),
        Template('Retell the main points of the following exchange in the third person.\n\n{dialogue}'),
        Template('What do these people talk about, and what do they decide, if anything?\n\n{dialogue}'),
        inverted(
            '{answer}\n\nWrite the text messages behind this, each on its own line after the name of the sender.',
            '{dialogue}',
        ),
        Template('Below is a chat log.\n\n{dialogue}\n\nWrite a short note that records what was said.'),
        Template(
            'A friend missed these messages in your group chat:\n\n{dialogue}\n\nTell them in a sentence or two what they missed.'
        ),
    ),
    long_fields=('dialogue',),
    metrics=('rouge',),
    licence='CC BY-NC-ND 4.0',
    citation='Gliwa et al. 2019: SAMSum corpus: A human-annotated dialogue dataset for abstractive summarization.',
    manual_step='Download https://arxiv.org/src/1911.12237v2/anc/corpus.7z, unpack it, and put train.json, val.json '
    f'and test.json {_MANUAL_FOLDER}',
    note='Tags for what was sent, such as <file_photo>, become [photo]; the original code deletes them, sometimes with '
    'the text between two of them.',
)

WIKI_LINGUA_ENGLISH_EN = Dataset(
    name='wiki_lingua_english_en',
    cluster=CLUSTER,
    paper_name='Wiki Lingua EN',
    source='gem/wiki_lingua_english_en:1.1.0',
    splits=Splits(validation='validation'),
    fields={'text': clean('source', _WIKI_LINGUA)},
    answer=FreeText(answer=clean('target', _WIKI_LINGUA)),
    templates=(
        Template('Summarize these instructions in a few short sentences.\n\n{text}'),
        Template('Text: {text}\n\nSummary:'),
        inverted(
            'Write a section of a how-to article that explains each of these points in detail.\n\n{answer}', '{text}'
        ),
        Template('What are the main steps described here?\n\n{text}'),
        Template('{text}\n\nIn short:'),
        Template(
            'Reduce this part of a how-to guide to its essential advice, with one brief sentence for each point.\n\n{text}'
        ),
        Template(
            'What is the reader of the following text told to do? Leave out reasons, examples and side remarks.\n\n{text}'
        ),
        inverted('This is a short version of some instructions: {answer}\n\nWrite the long version.', '{text}'),
        Template('{text}\n\nSummarize the advice given above.'),
        Template('A friend asks you for the short version of this guide. What do you say?\n\n{text}'),
    ),
    long_fields=('text',),
    metrics=('rouge',),
    licence='CC BY-NC-SA 3.0',
    citation='Ladhak et al. 2020: WikiLingua: A new benchmark dataset for cross-lingual abstractive summarization. '
    'Gehrmann et al. 2021: The GEM benchmark.',
)

XSUM = Dataset(
    name='xsum',
    cluster=CLUSTER,
    paper_name='XSum',
    source='xsum:1.1.0',
    splits=Splits(validation='validation'),
    fields={'document': clean('document', PARAGRAPHS)},
    answer=FreeText(answer=clean('summary', ONE_LINE)),
    keep=Keep('an empty document or summary', _has_text('document', 'summary')),
    templates=(
        Template('Summarize this article in one sentence.\n\n{document}'),
        Template('Article: {document}\n\nSummary in one sentence:'),
        inverted('In one sentence, an article says this:\n{answer}\n\nWrite the article.', '{document}'),
        Template('What is the main point of the following text?\n\n{document}'),
        Template('{document}\n\nWhat is this article about? Answer in a single sentence.'),
        Template('Give the news reported below in one line.\n\n{document}'),
        Template('A news report has lost its first sentence. Write a new one for it.\n\n{document}'),
        inverted('{answer}\n\nContinue this news report.', '{document}'),
        Template(
            'On a news site, every story opens with a sentence in bold that says what it is about. Write it for this story.\n\n{document}'
        ),
        Template(
            'You present the news on the radio and have time for one line about this event. What do you say?\n\n{document}'
        ),
    ),
    long_fields=('document',),
    metrics=('rouge',),
    licence='not stated; the articles belong to the BBC',
    citation="Narayan et al. 2018: Don't give me the details, just the summary! Topic-aware convolutional neural "
    'networks for extreme summarization.',
    manual_step='Run the download and extraction scripts described at '
    'https://github.com/EdinburghNLP/XSum/blob/master/XSum-Dataset/README.md, pack the folder '
    f'xsum-extracts-from-downloads as xsum-extracts-from-downloads.tar.gz, and put that {_MANUAL_FOLDER}',
    note="Version 1.1.0, which takes out the site's buttons; the original code used 1.0.0 and later a copy on the "
    'Hugging Face hub.',
)

OPINION_ABSTRACTS_IDEBATE = Dataset(
    name='opinion_abstracts_idebate',
    cluster=CLUSTER,
    paper_name='Opin-Abs: iDebate',
    source='opinion_abstracts/idebate:1.0.0',
    splits=Splits(validation=Tail(100), test=Tail(500)),
    fields={
        'debate': clean('_debate_name', ONE_LINE),
        'arguments': lambda ex: _numbered(_arguments(ex)),
        'first_argument': lambda ex: _arguments(ex)[0],
    },
    answer=FreeText(answer=clean('_claim', _DETOKENIZED)),
    keep=Keep('a claim without arguments', _has_opinions('_argument_sentences')),
    templates=(
        Template('What claim do these arguments support?\n\n{arguments}'),
        Template('Debate: {debate}\n\nArguments:\n{arguments}\n\nClaim:'),
        inverted('Topic of a debate: {debate}\n\nGive an argument for this claim: {answer}', '{first_argument}'),
        Template('Summarize the following arguments in one sentence.\n\n{arguments}'),
        Template('{arguments}\n\nState in a few words the conclusion that the arguments above lead to.'),
        Template(
            'In the debate "{debate}", a speaker made these arguments.\n\n{arguments}\n\nWhat was the speaker trying to show?'
        ),
        Template('What do all of these sentences from a debate argue for?\n\n{arguments}'),
        inverted('Claim: {answer}\n\nList arguments that support this claim, and number them.', '{arguments}'),
        Template('These are the notes for a speech:\n\n{arguments}\n\nWrite the thesis of the speech.'),
        Template(
            'You are taking the minutes of the debate "{debate}". Record this contribution as a single statement.\n\n{arguments}'
        ),
    ),
    long_fields=('arguments',),
    metrics=('rouge',),
    licence='not stated',
    citation='Wang and Ling 2016: Neural network-based abstract generation for opinions and arguments.',
    note='At most ten arguments are shown, as in the original code.',
)

OPINION_ABSTRACTS_ROTTEN_TOMATOES = Dataset(
    name='opinion_abstracts_rotten_tomatoes',
    cluster=CLUSTER,
    paper_name='Opin-Abs: Movie',
    source='opinion_abstracts/rotten_tomatoes:1.0.0',
    splits=Splits(validation=Tail(100), test=Tail(500)),
    fields={
        'movie': clean('_movie_name', ONE_LINE),
        'reviews': lambda ex: _numbered(_reviews(ex)),
        'first_review': lambda ex: _reviews(ex)[0],
    },
    answer=FreeText(answer=clean('_critic_consensus', _DETOKENIZED)),
    keep=Keep('a film without reviews', _has_opinions('_critics')),
    templates=(
        Template('Summarize what critics say about the movie "{movie}" in a sentence or two.\n\n{reviews}'),
        Template('Reviews:\n{reviews}\n\nConsensus:'),
        inverted(
            'The critics as a whole see the movie "{movie}" like this: {answer}\n\nWrite a comment that one of them may have made.',
            '{first_review}',
        ),
        Template('What do critics think of the movie "{movie}"? Base your answer on these excerpts.\n\n{reviews}'),
        Template('{reviews}\n\nWhat would most of these reviewers agree on?'),
        Template('Based on the reviews below, write a one-sentence verdict on the movie.\n\n{reviews}'),
        Template(
            'Not all of these reviewers say the same thing. Write a consensus that sums up their opinions.\n\n{reviews}'
        ),
        inverted(
            'Consensus on a movie: {answer}\n\nWrite a numbered list of comments by critics that this consensus could be based on.',
            '{reviews}',
        ),
        Template('Movie: {movie}\nExcerpts from reviews:\n{reviews}\n\nWrite the critics consensus.'),
        Template(
            'A friend wants to know whether "{movie}" is any good. Sum up these reviews for your friend.\n\n{reviews}'
        ),
    ),
    long_fields=('reviews',),
    metrics=('rouge',),
    licence='not stated',
    citation='Wang and Ling 2016: Neural network-based abstract generation for opinions and arguments.',
    note='At most ten reviews are shown, as in the original code.',
)

DATASETS = (
    AESLC,
    AG_NEWS_SUBSET,
    CNN_DAILYMAIL,
    GIGAWORD,
    MULTI_NEWS,
    NEWSROOM,
    SAMSUM,
    WIKI_LINGUA_ENGLISH_EN,
    XSUM,
    OPINION_ABSTRACTS_IDEBATE,
    OPINION_ABSTRACTS_ROTTEN_TOMATOES,
)
