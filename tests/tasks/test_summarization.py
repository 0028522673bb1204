"""Summarization: defects of the original that must not come back, and the order of the labels."""

import re

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from flan_jax.catalogue import declaration as declaration
from flan_jax.data import rendering
from flan_jax.data.prepared_source import PreparedSource
from flan_jax.data.preview import rendered_examples
from flan_jax.tasks import summarization

BODY = 'The bridge (built in 1890) will close on Monday. "We had no choice," a spokesman told (CNN) -- he gave no date.'

HEADERS = [
    '',
    '(CNN) -- ',
    '(CNN)',
    'London (CNN)',
    'LONDON, England (CNN)      -- ',
    'ST. PETERSBURG, Florida (CNN) -- ',
    'NEW DELHI, India (Reuters)  -- ',
    '(Mental Floss) -- ',
    'PARIS, France -- ',
    'By . A Reporter . PUBLISHED: . 14:11 EST, 25 October 2013 . | . UPDATED: . 15:36 EST, 25 October 2013 . ',
    'By. A Reporter. PUBLISHED:. 14:11 EST, 25 October 2013. |. UPDATED:. 15:36 EST, 25 October 2013. ',
    'By. A Reporter, Transport Editor. and B. Reporter. PUBLISHED:. 03:39 EST, 8 May 2012. ',
    'PUBLISHED:. 03:39 EST, 8 May 2012. |. UPDATED:. 18:10 EST, 9 May 2014. ',
    'By Daily Mail Reporter. Last updated at 1:21 PM on 25th November 2011. ',
    'By. A Reporter. ',
]


def values_of(dataset, **features):
    """What a hand-made example holds, as Python strings."""
    values = rendering.read_values(dataset, tf.nest.map_structure(tf.constant, features))
    return {name: value.numpy().decode() for name, value in values.items() if value.shape.rank == 0}


def article_of(text):
    return values_of(summarization.CNN_DAILYMAIL, article=text, highlights='It closes .')['article']


def keeps(dataset, **features):
    return bool(dataset.keep.test(tf.nest.map_structure(tf.constant, features)))


def opinions(*texts):
    return {'key': [str(index) for index in range(len(texts))], 'value': list(texts)}


@pytest.mark.parametrize('header', HEADERS)
def test_cnn_dailymail_keeps_the_body_after_the_byline(header):
    assert article_of(header + BODY) == BODY


@pytest.mark.parametrize(
    'text',
    [
        'By the time the story was published in 2013. Nobody cared.',
        'The Cable News Network (CNN) said on Monday that it would hire.',
        'NASA lost a probe in 2012 . 2013 went better (much better) -- until May.',
        "Editor's note: A reporter looks back. (CNN) -- It was raining.",
    ],
)
def test_cnn_dailymail_takes_only_headers(text):
    assert article_of(text) == text.replace(' . ', '. ')


def test_cnn_dailymail_sample_articles_end_as_in_the_source(samples_dir):
    raw = PreparedSource(summarization.CNN_DAILYMAIL, samples_dir).get_dataset('train', shuffle=False)
    examples = rendered_examples(summarization.CNN_DAILYMAIL, 'train', samples_dir)
    for article, ex in zip((ex['article'].decode() for ex in raw.as_numpy_iterator()), examples, strict=True):
        assert article.endswith(ex.fields['article'])
        assert 0 < len(article) - len(ex.fields['article']) < 120


def test_cnn_dailymail_highlights_stay_on_lines_of_their_own():
    values = values_of(summarization.CNN_DAILYMAIL, article=BODY, highlights='Bridge closes .\n"No choice"\nNo date.')
    assert values['answer'] == 'Bridge closes.\n"No choice"\nNo date.'


def test_ag_news_forward_templates_ask_for_a_topic_and_never_for_a_text():
    forward = summarization.AG_NEWS_SUBSET.forward_templates.values()
    assert len(forward) == 8
    for template in forward:
        assert not re.search(r'\b(?:summar\w*|sum up|write|suggest|give|main point)\b', template.inputs, re.I)
        assert template.targets == '{answer}'


def test_ag_news_options_are_in_the_order_of_the_labels(samples_dir):
    names = tfds.builder('ag_news_subset', data_dir=samples_dir).info.features['label'].names
    assert names == ['World', 'Sports', 'Business', 'Sci/Tech']
    assert summarization.AG_NEWS_SUBSET.answer.options == ('World', 'Sports', 'Business', 'Science/Tech')
    answers = {
        ex.fields['title']: ex.answer for ex in rendered_examples(summarization.AG_NEWS_SUBSET, 'test', samples_dir)
    }
    assert answers['Parliament Approves Peace Accord'] == 'World'
    assert answers['Skiers Sweep Podium in Downhill'] == 'Sports'
    assert answers['Carmaker to Close Two Plants'] == 'Business'
    assert answers['Gene Helps Wheat Survive Drought, Study Finds'] == 'Science/Tech'


@pytest.mark.parametrize(
    'raw, clean',
    [
        ('a bank #39;s  quot;record quot; \\$5 bln', 'a bank\'s "record" $5 bln'),
        (' quot;Must not hide, quot; says S amp;P', '"Must not hide," says S&P'),
        ('Co. &lt;A HREF="http://a.b/c?d=E.N target=/f"&gt;E.N&lt;/A&gt; fell', 'Co. E.N fell'),
        ('One line\\\\the next', 'One line the next'),
    ],
)
def test_ag_news_entities_become_characters(raw, clean):
    assert values_of(summarization.AG_NEWS_SUBSET, title=raw, description='Text.', label=0)['title'] == clean


@pytest.mark.parametrize(
    'raw, shown',
    [
        ('Ann: <file_gif> see you at 5 <file_photo>', 'Ann: [gif] see you at 5 [photo]'),
        ('Ann: <file_other>\r\nBob: thanks', 'Ann: [file]\nBob: thanks'),
        ('Ann: <3 you >', 'Ann: <3 you >'),
        ('Ann: 2 < 3\nBob: 5 > 4', 'Ann: 2 < 3\nBob: 5 > 4'),
    ],
)
def test_samsum_keeps_the_text_between_tags(raw, shown):
    assert values_of(summarization.SAMSUM, dialogue=raw, summary='They chat.')['dialogue'] == shown


@pytest.mark.parametrize(
    'document, summary, kept',
    [
        ('a drunk driver said the market shrunk .', 'market shrunk', True),
        ('the UNK met on monday .', 'meeting', False),
        ('a meeting took place on monday .', 'unk meets', False),
        ('they met on monday .', '<unk> meets', False),
        ('about ## people met on monday .', 'people meet', False),
        ('people met on monday .', '## meet', False),
    ],
)
def test_gigaword_examples_with_masked_words_or_digits_are_dropped(document, summary, kept):
    assert keeps(summarization.GIGAWORD, document=document, summary=summary) is kept


def test_gigaword_punctuation_is_joined_to_its_word():
    document = "china 's premier said `` we do n't know '' -lrb- yet -rrb- , officials said ."
    values = values_of(summarization.GIGAWORD, document=document, summary='premier does not know ; more to come')
    assert values['sentence'] == 'china\'s premier said "we don\'t know" (yet), officials said.'
    assert values['answer'] == 'premier does not know; more to come'


def test_multi_news_shows_numbered_articles_without_separators():
    document = '||||| First.\n \n More. ||||| Second. ||||| '
    values = values_of(summarization.MULTI_NEWS, document=document, summary='– Both happened.')
    assert values['articles'] == 'Article 1:\nFirst.\nMore.\n\nArticle 2:\nSecond.'
    assert values['first_article'] == 'First.\nMore.'
    assert values['answer'] == 'Both happened.'
    assert not keeps(summarization.MULTI_NEWS, document=' ||||| ', summary='– Nothing.')


@pytest.mark.parametrize('dataset', summarization.DATASETS, ids=lambda dataset: dataset.name)
def test_a_cue_at_the_end_is_on_its_own_line(dataset):
    for template in dataset.templates:
        cue = template.inputs.rpartition('\n')[2]
        assert not cue.endswith(':') or '{' not in cue


def test_aeslc_sentences_stay_apart():
    values = values_of(summarization.AESLC, email_body='Thanks,\nPeter\nis out.', subject_line='Out  today')
    assert (values['email'], values['answer']) == ('Thanks, Peter is out.', 'Out today')


@pytest.mark.parametrize(
    'dataset, features',
    [
        (summarization.OPINION_ABSTRACTS_IDEBATE, ('_debate_name', '_claim', '_argument_sentences', 'arguments')),
        (
            summarization.OPINION_ABSTRACTS_ROTTEN_TOMATOES,
            ('_movie_name', '_critic_consensus', '_critics', 'reviews'),
        ),
    ],
    ids=lambda value: getattr(value, 'name', ''),
)
def test_opinions_are_numbered_up_to_ten(dataset, features):
    name, summary, given, shown = features
    ex = {name: 'A name', summary: 'In sum , yes .', given: opinions(*(f'View {i} , yes .' for i in range(12)))}
    values = values_of(dataset, **ex)
    assert values[shown].splitlines() == [f'{i + 1}. View {i}, yes.' for i in range(10)]
    assert values['answer'] == 'In sum, yes.'


def test_wiki_lingua_loses_lone_full_stops():
    values = values_of(
        summarization.WIKI_LINGUA_ENGLISH_EN, source='. Turn  it off. Add .5 g.', target='Turn it off. .'
    )
    assert (values['text'], values['answer']) == ('Turn it off. Add .5 g.', 'Turn it off.')


@pytest.mark.parametrize('dataset', summarization.DATASETS, ids=lambda dataset: dataset.name)
def test_inverted_templates_are_given_the_answer(dataset):
    inverted = [template for template in dataset.templates if template.inverted]
    assert inverted
    for template in inverted:
        assert declaration.ANSWER in declaration.placeholders(template.inputs)
        assert declaration.ANSWER not in declaration.placeholders(template.targets)


def test_opinion_abstracts_tune_choose_and_report_on_different_examples(samples_dir):
    for dataset in (summarization.OPINION_ABSTRACTS_IDEBATE, summarization.OPINION_ABSTRACTS_ROTTEN_TOMATOES):
        answers = [
            ex.answer
            for split in ('train', 'validation', 'test')
            for ex in rendered_examples(dataset, split, samples_dir)
        ]
        assert len(answers) == len(set(answers)) == 18
