"""Summarization: a long text in few words.

Most templates for long articles ask before they show the article, so that cutting the inputs to length leaves the
question standing.
"""

import tensorflow as tf

from flan_jax.catalogue.declaration import Choice, Cluster, Dataset, FreeText, Keep, Splits, Tail, Template

CLUSTER = Cluster(
    name='summarization',
    title='Summarization',
)

# Rules for cleaning: (pattern, replacement), applied in turn.

_ONE_LINE = ((r'\s+', ' '),)

_PARAGRAPHS = (
    (r'[ \t\r]*\n\s*', '\n'),
    (r'[ \t]+', ' '),
    (r'\n([,.;:)])', r'\1'),  # a line broken before its punctuation, where a link was taken out
)

_DETOKENIZED = (
    (r'-lrb-\s*', '('),
    (r'\s*-rrb-', ')'),
    (r'``\s*', '"'),
    (r"\s*''", '"'),
    (r"\s+([,.;:?!%)]|(?:n't|'(?:s|re|ve|ll|d|m))\b)", r'\1'),
    *_ONE_LINE,
)

# In AG News a blank stands where the '&' of an HTML entity stood, and a backslash for a line break.
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
    *_ONE_LINE,
    (r' ,( )', r',\1'),
)

# Up to TFDS 3.1 a blank stands before the full stops that the builder adds, later none: both become the later form.
_ADDED_STOPS = (
    (r'[ \t]+\.(\s|$)', r'.\1'),
    (r':\.(\s)', r':\1'),
)

# What stands before the first sentence of an article goes, and nothing behind it:
# 'By. A Reporter. PUBLISHED: 14:11 EST, 25 October 2013. |. UPDATED: 15:36 EST, 25 October 2013. ',
# 'LONDON, England (CNN) -- ', 'PARIS, France -- ', '(CNN)'.
_CNN_DAILYMAIL = (
    *_ONE_LINE,
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

# Sections of which only the full stop is left leave it behind.
_WIKI_LINGUA = (
    *_ONE_LINE,
    (r'\.(?:\s\.)+(\s|$)', r'.\1'),
    (r'^\.\s', ''),
)

_SAMSUM = (
    (r'<file_other>', '[file]'),
    (r'<(?:file_)?([a-z]+)>', r'[\1]'),
    *_PARAGRAPHS,
)


def _rewrite(text, rules):
    """The text after all rules, without blanks at either end."""
    text = tf.strings.strip(text)
    for pattern, replacement in rules:
        text = tf.strings.regex_replace(text, pattern, replacement)
    return tf.strings.strip(text)


def _clean(name, rules):
    """A field: the feature of that name, rewritten by the rules."""
    return lambda ex: _rewrite(ex[name], rules)


def _has_text(*names):
    """A test for `Keep`: none of the features is blank."""
    return lambda ex: tf.reduce_all([tf.strings.length(tf.strings.strip(ex[name])) > 0 for name in names])


def _numbered(texts, before='', after='. ', between='\n'):
    """Strings [n] as one string, each behind its number."""
    numbers = tf.strings.as_string(tf.range(1, tf.size(texts) + 1))
    return tf.strings.reduce_join(tf.strings.join([before, numbers, after, texts]), separator=between)


def _articles(ex):
    """The articles of a Multi-News example, strings [n]."""
    articles = _rewrite(tf.strings.split(ex['document'], '|||||'), _PARAGRAPHS)
    return tf.boolean_mask(articles, tf.strings.length(articles) > 0)


def _opinions(name):
    """A field: the first ten opinions of an example, strings [n]."""
    return lambda ex: _rewrite(ex[name]['value'][:10], _DETOKENIZED)


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
    fields={'email': _clean('email_body', _ONE_LINE)},
    answer=FreeText(answer=_clean('subject_line', _ONE_LINE)),
    keep=Keep('an email without body or subject', _has_text('email_body', 'subject_line')),
    templates=(
        Template('Write a subject line for this email.\n\n{email}'),
        Template('{email}\n\nWhat would be a fitting subject line for the email above?'),
        Template('Email: {email}\n\nSubject:'),
        Template(
            'A colleague is about to send the message below but has left the subject field blank. Fill it in.'
            '\n\n{email}'
        ),
        Template('In a few words, what is this email about?\n\n{email}'),
        Template(
            'Here is the body of a message sent at work:\n\n{email}\n\nSuggest a short title that lets the recipient '
            'see at a glance what it concerns.'
        ),
        Template('Read the text and sum it up in one short phrase, as in the heading of a letter.\n\nText: {email}'),
        Template(
            'Someone wants to find this message again by searching for its subject. Which subject was it most likely '
            'sent under?\n\n{email}'
        ),
        Template('Write an email with the subject line "{answer}".', '{email}', inverted=True),
        Template(
            'Subject: {answer}\n\nThis is all that is left of a business email. Make up the message that may have gone '
            'with it.',
            '{email}',
            inverted=True,
        ),
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
    fields={'title': _clean('title', _AG_NEWS), 'text': _clean('description', _AG_NEWS)},
    # Labels: 0 World, 1 Sports, 2 Business, 3 Sci/Tech.
    answer=Choice(options=('World', 'Sports', 'Business', 'Science/Tech')),
    templates=(
        Template('{text}\n\nWhich section of a newspaper does this report belong in?\n\n{options}'),
        Template('What is the topic of this news story?\n\n{title}\n{text}\n\n{options}'),
        Template('Headline: {title}\nStory: {text}\nCategory?\n{options}'),
        Template('Sort a news item under one of four headings.\n\n{options}\n\nThe item reads as follows.\n\n{text}'),
        Template(
            'An editor has to decide on which of these pages to print an article.\n{options}\n\nThe article is '
            'entitled "{title}" and starts like this: {text}\n\nName the page.'
        ),
        Template('Is this about world affairs, sports, business, or science and technology?\n\n{text}\n\n{options}'),
        Template('{title}\n\n{text}\n\nPick the subject that describes the article best.\n{options}'),
        Template(
            'News agencies tag their reports by subject, so that readers see only what interests them. Tag the report '
            'below.\n\nReport: {text}\n\n{options}'
        ),
        Template(
            'This is how a story in the {answer} section of a news site begins:\n\n{text}\n\n'
            'Give the story a headline.',
            '{title}',
            inverted=True,
        ),
        Template(
            'Write the opening of a news report. It will appear under {answer} with the headline "{title}".',
            '{text}',
            inverted=True,
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
    fields={'article': _clean('article', _CNN_DAILYMAIL)},
    answer=FreeText(answer=_clean('highlights', (*_PARAGRAPHS, *_ADDED_STOPS))),
    templates=(
        Template('Write down the main points of this news article, one per line.\n\n{article}'),
        Template('Summarize the text below in a few short sentences.\n\n{article}'),
        Template('News article: {article}\n\nHighlights:'),
        Template('A reader has only a minute. What should they take away from this story?\n\n{article}'),
        Template('What are the highlights of the following report?\n\n{article}'),
        Template(
            'You prepare the box of key facts that a news site shows beside each story. Write the box for this one.\n\n'
            '{article}'
        ),
        Template('{article}\n\nWhich facts reported above matter most?'),
        Template(
            'Condense the report that follows to its essentials, each of them a brief statement on a line of its own.'
            '\n\nReport: {article}\n\nEssentials:'
        ),
        Template(
            'These are the highlights of a news article.\n\n{answer}\n\nWrite the article.',
            '{article}',
            inverted=True,
        ),
        Template(
            'A reporter has come back with these notes:\n{answer}\n\nTurn them into a full story for the newspaper.',
            '{article}',
            inverted=True,
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
    fields={'sentence': _clean('document', _DETOKENIZED)},
    answer=FreeText(answer=_clean('summary', _DETOKENIZED)),
    keep=Keep('words masked as UNK or digits masked as #', _is_whole),
    templates=(
        Template('Write a headline for a news report that begins like this.\n\n{sentence}'),
        Template('{sentence}\n\nHow would a newspaper put this in a headline?'),
        Template('Sentence: {sentence}\nHeadline:'),
        Template('Shorten the following to the length of a headline.\n{sentence}'),
        Template('{sentence}\n\nThese are the first words of an article. What could its title be?'),
        Template(
            'A news ticker has room for only a few words at a time. What should it show for this piece of news?\n\n'
            '{sentence}'
        ),
        Template('Give the gist of the next sentence in as few words as possible. {sentence}'),
        Template(
            'You are the night editor of a news agency. A report has just come in:\n\n{sentence}\n\nWhat heading do '
            'you send it out under?'
        ),
        Template(
            'Headline: {answer}\n\nWrite the first sentence of the news story under this headline.',
            '{sentence}',
            inverted=True,
        ),
        Template('Expand "{answer}" into one complete sentence of news.', '{sentence}', inverted=True),
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
    answer=FreeText(answer=_clean('summary', ((r'^[–-]\s*', ''), *_PARAGRAPHS))),
    keep=Keep(
        'no article, or no summary',
        lambda ex: tf.logical_and(tf.size(_articles(ex)) > 0, _has_text('summary')(ex)),
    ),
    templates=(
        Template(
            'The articles below report on the same story. Write one summary that covers all of them.\n\n{articles}'
        ),
        Template('Combine this coverage into a single text.\n\n{articles}'),
        Template('{articles}\n\nWhat is the story that is told above?'),
        Template('Several newsrooms have written about one event. What happened, according to them?\n\n{articles}'),
        Template(
            'Read the sources that follow, then retell the news in a paragraph.\n\n{articles}\n\n'
            'The news in a paragraph:'
        ),
        Template(
            'You write a daily digest for readers who have no time for newspapers. Write the entry for this story.\n\n'
            '{articles}'
        ),
        Template(
            'Give a concise account of what is reported here, bringing together the details that each piece adds.\n\n'
            '{articles}'
        ),
        Template('Sources:\n\n{articles}\n\nSummary:'),
        Template(
            'This is a summary of the news about an event:\n\n{answer}\n\n'
            'Write one of the articles it may be based on.',
            '{first_article}',
            inverted=True,
        ),
        Template(
            'A digest ran the item below. Reconstruct the report from which its author learned the news.\n\n{answer}',
            '{first_article}',
            inverted=True,
        ),
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
    fields={'title': _clean('title', _ONE_LINE), 'text': _clean('text', _PARAGRAPHS)},
    answer=FreeText(answer=_clean('summary', _ONE_LINE)),
    keep=Keep('an article without title, text or summary', _has_text('title', 'text', 'summary')),
    templates=(
        Template('Summarize this article in a sentence or two.\n\n{text}'),
        Template('Title: {title}\n\n{text}\n\nSummary:'),
        Template(
            'When an article is shared online, a short description appears below its headline. Write the one for '
            '"{title}".\n\n{text}'
        ),
        Template('What is the main message of the following piece?\n\n{text}'),
        Template('I have no time to read "{title}". Tell me briefly what it says.\n\n{text}'),
        Template('Give the gist of a text from the news.\n\nText: {text}\n\nGist:'),
        Template('{text}\n\nPut the above in a nutshell.'),
        Template(
            'The front page needs a teaser: a line or two from which readers can tell what awaits them.\n\nHeadline: '
            '{title}\n\nArticle: {text}\n\nTeaser:'
        ),
        Template(
            'An article can be summed up like this: {answer}\n\nSuggest a headline for it.',
            '{title}',
            inverted=True,
        ),
        Template(
            'Write an article entitled "{title}". This is what it should say, in short:\n\n{answer}',
            '{text}',
            inverted=True,
        ),
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
    fields={'dialogue': _clean('dialogue', _SAMSUM)},
    answer=FreeText(answer=_clean('summary', _ONE_LINE)),
    keep=Keep('an empty dialogue or summary', _has_text('dialogue', 'summary')),
    templates=(
        Template('Summarize this conversation.\n\n{dialogue}'),
        Template('{dialogue}\n\nWhat was that chat about?'),
        Template('Read the messages below and say briefly what happens.\n\n{dialogue}'),
        Template('Dialogue:\n{dialogue}\n\nSummary:'),
        Template(
            'Someone was offline while these messages were written. What did they miss? Answer in a sentence or two.'
            '\n\n{dialogue}'
        ),
        Template('Retell the following exchange in the third person. Keep to the main points.\n\n{dialogue}'),
        Template('What do these people talk about, and what do they decide, if anything?\n{dialogue}'),
        Template(
            'Below is the transcript of a chat.\n\n{dialogue}\n\nWrite a short note for the file that records what was '
            'said.'
        ),
        Template('Write a chat that could be summed up as follows.\n\n{answer}', '{dialogue}', inverted=True),
        Template(
            '{answer}\n\nMake up the text messages behind this, each on its own line after the name of the sender.',
            '{dialogue}',
            inverted=True,
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
    fields={'text': _clean('source', _WIKI_LINGUA)},
    answer=FreeText(answer=_clean('target', _WIKI_LINGUA)),
    templates=(
        Template('Sum up these instructions in a few short sentences.\n\n{text}'),
        Template('{text}\n\nIn short:'),
        Template('What are the main steps described here?\n\n{text}'),
        Template(
            'The following comes from a guide.\n\n{text}\n\nReduce it to the essential pieces of advice, one brief '
            'sentence for each.'
        ),
        Template('Text: {text}\n\nSummary:'),
        Template('A friend asks for the short version of this. What do you say?\n\n{text}'),
        Template('Name what the reader is told to do, leaving out reasons, examples and side remarks.\n\n{text}'),
        Template(
            'Someone is writing a card to pin on the wall, with the key points of the how-to article below. What '
            'should the card say?\n\nHow-to article: {text}\n\nCard:'
        ),
        Template(
            'Write a passage for a how-to guide that explains each of these points in detail.\n\n{answer}',
            '{text}',
            inverted=True,
        ),
        Template(
            'The short version of some advice reads: {answer}\n\nWhat might the long version be?',
            '{text}',
            inverted=True,
        ),
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
    fields={'document': _clean('document', _PARAGRAPHS)},
    answer=FreeText(answer=_clean('summary', _ONE_LINE)),
    keep=Keep('an empty document or summary', _has_text('document', 'summary')),
    templates=(
        Template('Summarize this article in one sentence.\n\n{document}'),
        Template('Article: {document}\n\nSummary in one sentence:'),
        Template('What is the news here? Give a one-line answer.\n\n{document}'),
        Template('{document}\n\nIf all this had to be told in a single sentence, which would it be?'),
        Template(
            "On a broadcaster's website every story opens with a sentence in bold that says what it is about. Write it "
            'for this story.\n\n{document}'
        ),
        Template('A news report has lost its first sentence. Write a new one for it.\n\n{document}'),
        Template('State the main point of the text that follows.\n\n{document}\n\nMain point:'),
        Template(
            'The presenter of a radio bulletin has time for one line on each event of the day. What should she say '
            'about this?\n\n{document}'
        ),
        Template('In one sentence, an article says this:\n{answer}\n\nWrite the article.', '{document}', inverted=True),
        Template('Continue the news report.\n\n{answer}', '{document}', inverted=True),
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
        'debate': _clean('_debate_name', _ONE_LINE),
        'arguments': lambda ex: _numbered(_arguments(ex)),
        'first_argument': lambda ex: _arguments(ex)[0],
    },
    answer=FreeText(answer=_clean('_claim', _DETOKENIZED)),
    keep=Keep('a claim without arguments', _has_opinions('_argument_sentences')),
    templates=(
        Template('What claim do these arguments support?\n\n{arguments}'),
        Template('Debate: {debate}\n\nArguments:\n{arguments}\n\nClaim:'),
        Template('Sum up the following in one sentence.\n{arguments}'),
        Template(
            'In the debate "{debate}" a speaker made these remarks.\n\n{arguments}\n\n'
            'What did the speaker want to show?'
        ),
        Template('{arguments}\n\nState in a few words the conclusion to which the statements above lead.'),
        Template('Here are some sentences from a debate. Find the one point that they all make.\n\n{arguments}'),
        Template(
            'You keep the minutes of a debating club, and the topic tonight is "{debate}". Enter the next contribution '
            'as a single statement.\n\n{arguments}'
        ),
        Template('These are the notes for a speech:\n{arguments}\n\nWrite the thesis that the speech defends.'),
        Template(
            'You take part in the debate "{debate}". Argue for this claim: {answer}',
            '{first_argument}',
            inverted=True,
        ),
        Template(
            'Claim: {answer}\n\nWhich considerations speak for it? Give them as a numbered list.',
            '{arguments}',
            inverted=True,
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
        'movie': _clean('_movie_name', _ONE_LINE),
        'reviews': lambda ex: _numbered(_reviews(ex)),
        'first_review': lambda ex: _reviews(ex)[0],
    },
    answer=FreeText(answer=_clean('_critic_consensus', _DETOKENIZED)),
    keep=Keep('a film without reviews', _has_opinions('_critics')),
    templates=(
        Template('Critics wrote this about "{movie}":\n\n{reviews}\n\nSum up their opinion in a sentence or two.'),
        Template('Reviews:\n{reviews}\n\nConsensus:'),
        Template('What do critics think of the movie "{movie}"? Base your answer on these excerpts.\n\n{reviews}'),
        Template('Draw up a one-sentence verdict on a film from the views below.\n\n{reviews}'),
        Template('{reviews}\n\nWhich judgement would most of these reviewers agree with?'),
        Template(
            'A cinema is printing its programme and wants to say in a line how "{movie}" was received by the press. '
            'Write that line, going by the following quotations.\n\n{reviews}'
        ),
        Template('Not all reviewers say the same. Weigh up their comments and state what they share.\n{reviews}'),
        Template(
            'My sister is wondering whether to watch "{movie}". Here is what the papers had to say:'
            '\n\n{reviews}\n\nHow would you put it to her in brief?'
        ),
        Template(
            'The critics as a whole see the movie "{movie}" like this: {answer}\n\nWrite a comment that one of them '
            'may have made.',
            '{first_review}',
            inverted=True,
        ),
        Template(
            'Consensus on a film: {answer}\n\nMake up a numbered list of remarks by single reviewers from which this '
            'consensus could have been drawn.',
            '{reviews}',
            inverted=True,
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
