"""Structure to text: say in words what a record holds."""

import tensorflow as tf

from flan_jax.catalogue.declaration import (
    Cluster,
    Dataset,
    FreeText,
    Keep,
    Splits,
    Tail,
    Template,
    TfdsExample,
    inverted,
)
from flan_jax.tasks.cleaning import ONE_LINE, clean, rewrite

CLUSTER = Cluster(
    name='struct_to_text',
    title='Struct to text',
)


def _tidy(text: tf.Tensor) -> tf.Tensor:
    """Text without tabs, doubled blanks and blanks at either end."""
    return rewrite(text, ONE_LINE)


_text = clean('target', ONE_LINE)


def _all_texts(ex: TfdsExample) -> tf.Tensor:
    """The target and all references, each once. Training examples have no references of their own."""
    texts = _tidy(tf.concat([[ex['target']], ex['references']], axis=0))
    return tf.unique(tf.boolean_mask(texts, texts != ''))[0]


def _plain_names(text: tf.Tensor) -> tf.Tensor:
    """The names of E2E's attributes, which DART has as well, in ordinary words."""
    for name, plain in (('eatType', 'type'), ('priceRange', 'price range'), ('familyFriendly', 'family friendly')):
        text = tf.strings.regex_replace(text, rf'\b{name}\b', plain)
    return text


def _lines(texts: tf.Tensor) -> tf.Tensor:
    """Strings [n], one to a line."""
    return tf.strings.reduce_join(texts, separator='\n')


def _concepts(ex: TfdsExample) -> tf.Tensor:
    """CommonGen's words with commas in between."""
    return tf.strings.reduce_join(ex['concepts'], separator=', ')


def _number_of_concepts(ex: TfdsExample) -> tf.Tensor:
    """How many words CommonGen gives, in digits."""
    return tf.strings.as_string(tf.size(ex['concepts']))


def _table_facts(ex: TfdsExample) -> tf.Tensor:
    """DART's triples, one to a line, without the marks for a table and its title, and with blanks in the names."""
    facts = tf.strings.regex_replace(_plain_names(ex['tripleset']), r'^\[TABLECONTEXT\] \[TITLE\]', 'TABLE TITLE')
    facts = tf.strings.regex_replace(facts, r'\[(TABLECONTEXT|TITLE)\]|"', '')
    return _lines(_tidy(tf.strings.regex_replace(facts, '_', ' ')))


def _attributes(ex: TfdsExample) -> tf.Tensor:
    """E2E's 'eatType[pub], near[The Mill]' as 'type: pub; near: The Mill'."""
    text = _plain_names(ex['meaning_representation'])
    for mark, plain in ((r'\[', ': '), (r'\],', '; '), (r'\]', '')):
        text = tf.strings.regex_replace(text, mark, plain)
    return _tidy(text)


def _knowledge_facts(ex: TfdsExample) -> tf.Tensor:
    """WebNLG's 'Alan_Bean | birthPlace | "Texas"', one to a line, as 'Alan Bean - birth place - Texas'."""
    facts = tf.strings.regex_replace(ex['input'], r'["_]+', ' ')
    parts = [_tidy(tf.strings.regex_replace(facts, r'^(.*) \| (.*) \| (.*)$', rf'\{part}')) for part in (1, 2, 3)]
    parts[1] = _plain_relation(parts[1])
    return _lines(tf.strings.join(parts, ' - '))


def _plain_relation(name: tf.Tensor) -> tf.Tensor:
    """'birthPlace' as 'birth place'; names with an abbreviation in them, such as 'ISBN number', stay as they are."""
    words = tf.strings.lower(tf.strings.regex_replace(name, r'([\pL\pN])(\p{Lu})', r'\1 \2'))
    return tf.where(tf.strings.regex_full_match(name, r'.*\p{Lu}\p{Lu}.*'), name, words)


_ANSWER = FreeText(answer=_text, references=_all_texts)

_SPLITS = Splits(validation=Tail(200), test='validation')

_VERSION_NOTE = (
    'TFDS 1.1.0 in place of the 1.0.0 of 2021: the release that added GEM’s challenge sets, which are not used.'
)

COMMON_GEN = Dataset(
    name='common_gen',
    cluster=CLUSTER,
    paper_name='CommonGen',
    source='gem/common_gen:1.1.0',
    splits=_SPLITS,
    fields={'concepts': _concepts, 'number': _number_of_concepts},
    answer=_ANSWER,
    templates=(
        Template('{concepts}\n\nDescribe a scene in which all of the above occur. One sentence will do.'),
        Template('Word list: {concepts}\nSentence:'),
        inverted(
            'Which {number} words are the key to this sentence? Give each in its basic form, with commas in between.'
            '\n\n{answer}',
            '{concepts}',
        ),
        Template(
            'On the blackboard a teacher has written these words: {concepts}. Answer as a good pupil would, with a '
            'sentence that leaves none of them out.'
        ),
        Template(
            'Use every one of the {number} words below, in whatever order and form you need, to say something that '
            'makes sense.\n\n{concepts}'
        ),
        Template('A photo on a website is tagged with {concepts}. What could its caption be?'),
        Template('Bring the following together in a single, plausible sentence: {concepts}.'),
        inverted(
            '{answer}\n\nThat is what somebody wrote when given {number} words that had to be used. Which words could '
            'they have been?',
            '{concepts}',
        ),
        Template('An author wants to open a story with a line in which {concepts} all have a part. Suggest one.'),
        Template('Say something from everyday life with the help of these words.\n{concepts}'),
    ),
    metrics=('rouge',),
    licence='MIT',
    citation='Lin et al. 2020: CommonGen: a constrained text generation challenge for generative commonsense '
    'reasoning. Gehrmann et al. 2021: The GEM benchmark.',
    note=f'{_VERSION_NOTE} Reported on validation, since GEM hides the references of the test split.',
)

DART = Dataset(
    name='dart',
    cluster=CLUSTER,
    paper_name='DART',
    source='gem/dart:1.1.0',
    splits=_SPLITS,
    fields={'facts': _table_facts},
    answer=_ANSWER,
    templates=(
        Template('Somebody has taken these facts out of a table:\n{facts}\n\nPut them back together in a sentence.'),
        Template('{facts}\n\nIn plain English:'),
        inverted(
            '{answer}\n\nBreak this statement down into its basic facts. Write one fact to a line: first the thing, '
            'then the property, then the value.',
            '{facts}',
        ),
        Template(
            'Each of the following lines names a thing, one of its properties, and the value of that property. What do '
            'the lines say, taken together?\n\n{facts}'
        ),
        Template(
            'An analyst hands you an extract from her data and asks what it tells us.\n\n{facts}\n\nAnswer her in full '
            'sentences, and cover every line.'
        ),
        Template('Verbalise this data.\n{facts}'),
        Template(
            'Imagine that you are on the phone and want to pass this information on to a friend who cannot see it.\n\n'
            '{facts}\n\nWhat do you say?'
        ),
        inverted('The entries of a table have been summed up like this:\n\n{answer}\n\nList the entries.', '{facts}'),
        Template('Rewrite the notes below as prose, with no facts other than the ones given.\n\n{facts}'),
        Template('What could a reporter write who had nothing to go on but the following?\n\n{facts}'),
    ),
    metrics=('rouge',),
    licence='MIT',
    citation='Nan, Radev et al. 2021: DART: open-domain structured data record to text generation. Gehrmann et al. 2021: The '
    'GEM benchmark.',
    # The scripts that come with DART skip such records as well.
    keep=Keep('records without a sentence', lambda ex: _text(ex) != ''),
    note=f'{_VERSION_NOTE} Reported on validation, as in the original code.',
)

E2E_NLG = Dataset(
    name='e2e_nlg',
    cluster=CLUSTER,
    paper_name='E2ENLG',
    source='gem/e2e_nlg:1.1.0',
    splits=_SPLITS,
    fields={'attributes': _attributes},
    answer=_ANSWER,
    templates=(
        Template(
            'Here is what we know about a place to eat or drink.\n{attributes}\n\nPut it into words for a city guide.'
        ),
        Template('Turn this entry of a restaurant database into running text.\n\n{attributes}'),
        inverted(
            '{answer}\n\nWhat does this say about the venue? Write it as a list of attributes and values, such as '
            '"name: ...; food: ...; near: ...".',
            '{attributes}',
        ),
        Template(
            'A friend asks you about a place, and all that your phone shows is "{attributes}". What do you tell your '
            'friend?'
        ),
        Template(
            '{attributes}\n\nTell all of this, in a sentence or two, to somebody who is looking for a place to eat.'
        ),
        Template('Listing:\n{attributes}\n\nDescription:'),
        Template(
            'You write notices about local venues for a tourist office. A notice says what is on the form that the '
            'venue has sent in, and nothing else.\n\nForm:\n{attributes}\n\nNotice:'
        ),
        inverted(
            'Fill in the form about a venue from the review. It has room for name, type, food, price range, customer '
            'rating, area, family friendly, and near; leave out what the review does not mention, and put semicolons '
            'between the entries.\n\nReview: {answer}\n\nForm:',
            '{attributes}',
        ),
        Template('How would you describe a venue with these features?\n\n{attributes}'),
        Template('Say this in full sentences and leave nothing out.\n{attributes}'),
    ),
    metrics=('rouge',),
    licence='CC BY-SA 4.0',
    citation='Novikova et al. 2017: The E2E dataset: new challenges for end-to-end generation. Dušek et al. 2019: '
    'Semantic noise matters for neural natural language generation. Gehrmann et al. 2021: The GEM benchmark.',
    note=f'{_VERSION_NOTE} Reported on validation, as in the original code.',
)

WEB_NLG_EN = Dataset(
    name='web_nlg_en',
    cluster=CLUSTER,
    paper_name='WEBNLG',
    source='gem/web_nlg_en:1.1.0',
    splits=_SPLITS,
    fields={'facts': _knowledge_facts},
    answer=_ANSWER,
    templates=(
        Template('A knowledge base holds the following:\n{facts}\n\nTell it in flowing English.'),
        Template('Write a short text for an encyclopedia that states all of these facts, and only these.\n\n{facts}'),
        inverted(
            'Extract the facts from this text. Write each of them on a line of its own, as "subject - property - '
            'value".\n\n{answer}',
            '{facts}',
        ),
        Template('{facts}\n\nHow can this be said in ordinary sentences?'),
        Template('Subject - property - value\n{facts}\n\nText:'),
        Template(
            'A quiz host wants to share these facts with the audience, but not as a list:\n\n{facts}\n\nWhat should '
            'the host say?'
        ),
        Template('Express the content of these triples in as few sentences as it takes.\n{facts}'),
        inverted(
            '{answer}\n\nWhich entries must a knowledge base contain for a program to produce the text above? List '
            'them, with a dash between subject, property and value.',
            '{facts}',
        ),
        Template(
            'You are editing an article. In the place of one paragraph your co-author has left nothing but key '
            'points.\n\n{facts}\n\nWrite the paragraph.'
        ),
        Template('What is being stated here? Answer in words, not in triples.\n{facts}'),
    ),
    metrics=('rouge',),
    licence='CC BY-NC-SA 4.0',
    citation='Gardent et al. 2017: Creating training corpora for NLG micro-planners. Gehrmann et al. 2021: The GEM '
    'benchmark.',
    note=f'{_VERSION_NOTE} Reported on validation, as in the original code.',
)

DATASETS = (COMMON_GEN, DART, E2E_NLG, WEB_NLG_EN)
