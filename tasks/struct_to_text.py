"""Structure to text: express structured data in words."""

from __future__ import annotations

from etils import epy

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

with epy.lazy_imports():
    import tensorflow as tf

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
        Template('Write a sentence that contains all of these concepts: {concepts}.'),
        Template('Concepts: {concepts}\nSentence:'),
        inverted(
            'Which {number} concepts was this sentence written from? Give their basic forms, separated by commas.\n\n{answer}',
            '{concepts}',
        ),
        Template('{concepts}\n\nDescribe an everyday scene in one sentence, using all of the words above.'),
        Template(
            'Combine the following words into a sentence that makes sense. You may change their form and order.\n\n{concepts}'
        ),
        Template('Use every one of these {number} words in a single sentence.\n\n{concepts}'),
        Template('Write a plausible sentence about {concepts}.'),
        inverted(
            '{answer}\n\nList the {number} words that this sentence had to contain. Write them in their basic form.',
            '{concepts}',
        ),
        Template('{concepts}\n\nWhat could be going on? Answer in a sentence that mentions everything on the list.'),
        Template('A photo is tagged with these words: {concepts}. Write a caption for it.'),
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
        Template('Describe the following data in one or more sentences.\n\n{facts}'),
        Template('Facts:\n{facts}\n\nText:'),
        inverted(
            '{answer}\n\nBreak this text down into facts, one per line: first the subject, then the property, then the value.',
            '{facts}',
        ),
        Template('Turn these triples of subject, property and value into fluent English.\n\n{facts}'),
        Template('{facts}\n\nSummarize all of this information in full sentences.'),
        Template('Rewrite the table entries below as prose. Leave nothing out and add nothing.\n\n{facts}'),
        Template('What do the following facts say, taken together?\n\n{facts}'),
        inverted(
            'List the table entries that this text was written from, one per line.\n\nText: {answer}\n\nEntries:',
            '{facts}',
        ),
        Template('Verbalize this data.\n{facts}'),
        Template('You are a data journalist. What does this extract from a table tell your readers?\n\n{facts}'),
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
        Template('Write a description of a restaurant, pub or café with these attributes.\n\n{attributes}'),
        Template('Attributes: {attributes}\nDescription:'),
        inverted(
            'Extract the attributes of the venue from this description. Write them as a list like "name: ...; food: ...; near: '
            '...".\n\n{answer}',
            '{attributes}',
        ),
        Template('Turn this database entry into a short text.\n\n{attributes}'),
        Template('{attributes}\n\nPut all of this information into a sentence or two.'),
        Template('How would a city guide describe a venue with the following features?\n\n{attributes}'),
        Template('Say this in full sentences, without leaving anything out.\n\n{attributes}'),
        inverted(
            'Description: {answer}\n\nFill in a form about this venue. The form has entries for name, type, food, price range, '
            'customer rating, area, family friendly and near. Skip those that the description does not mention, and separate '
            'the others with semicolons.',
            '{attributes}',
        ),
        Template('Tell visitors about a place to eat or drink, and mention all of this: {attributes}'),
        Template(
            'A friend asks you about a place to eat, and your phone shows this: {attributes}\n\nWhat do you tell your friend?'
        ),
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
        Template('Write a text that states the following facts.\n\n{facts}'),
        Template('Triples:\n{facts}\n\nText:'),
        inverted(
            'Extract the facts from this text. Write each of them on its own line as "subject - property - value".\n\n{answer}',
            '{facts}',
        ),
        Template('Turn this knowledge base entry into fluent English.\n\n{facts}'),
        Template('{facts}\n\nHow can this be said in ordinary sentences?'),
        Template('Express the content of these triples in as few sentences as possible.\n{facts}'),
        Template('Write a short encyclopedia entry that contains all of these facts and no others.\n\n{facts}'),
        inverted(
            '{answer}\n\nWhich subject - property - value triples does this text express? Write one per line.',
            '{facts}',
        ),
        Template('What is being stated here? Answer in plain sentences.\n\n{facts}'),
        Template(
            'You are editing an article, and your co-author has left only these notes for a paragraph:\n\n{facts}\n\nWrite the paragraph.'
        ),
    ),
    metrics=('rouge',),
    licence='CC BY-NC-SA 4.0',
    citation='Gardent et al. 2017: Creating training corpora for NLG micro-planners. Gehrmann et al. 2021: The GEM '
    'benchmark.',
    note=f'{_VERSION_NOTE} Reported on validation, as in the original code.',
)

DATASETS = (COMMON_GEN, DART, E2E_NLG, WEB_NLG_EN)
