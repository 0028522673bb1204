"""Coreference: which person or thing does a word refer to?"""

from __future__ import annotations

from etils import epy

from flan_jax.catalogue.declaration import Choice, Cluster, Dataset, Splits, Tail, Template, inverted
from flan_jax.tasks.cleaning import ONE_LINE, rewrite
from flan_jax.tasks.wording import by_label

with epy.lazy_imports():
    import tensorflow as tf

CLUSTER = Cluster(
    name='coreference',
    title='Coreference',
)


def _tidy(text):
    """The text with single blanks between words, and none before punctuation."""
    return rewrite(text, (*ONE_LINE, (r" ([.,;:!?]|'s\b)", r'\1')))


def _replace_first(text, word, replacement):
    """The text with the first occurrence of a word replaced."""
    return tf.strings.regex_replace(text, tf.strings.join([r'\b', word, r'\b']), replacement, replace_global=False)


def _between_asterisks(word):
    return tf.strings.join(['*', word, '*'])


DEFINITE_PRONOUN_RESOLUTION = Dataset(
    name='definite_pronoun_resolution',
    cluster=CLUSTER,
    paper_name='DPR',
    source='definite_pronoun_resolution:1.1.0',
    splits=Splits(validation=Tail(200), test='test'),
    fields={
        'sentence': 'sentence',
        'pronoun': 'pronoun',
        'first': lambda ex: ex['candidates'][0],
        'second': lambda ex: ex['candidates'][1],
        # Where the pronoun occurs more than once, its first occurrence is meant.
        'marked': lambda ex: _replace_first(ex['sentence'], ex['pronoun'], _between_asterisks(ex['pronoun'])),
        'with_gap': lambda ex: _replace_first(ex['sentence'], ex['pronoun'], '____'),
    },
    # Labels: the index of the correct candidate.
    answer=Choice(options='candidates'),
    templates=(
        Template('{sentence}\n\nWho or what does "{pronoun}" refer to in this sentence?\n\n{options}'),
        Template('Sentence: {sentence}\nPronoun: {pronoun}\n{options}\nReferent:'),
        inverted(
            'Write a sentence that contains "{first}", "{second}" and the pronoun "{pronoun}". The pronoun should clearly refer to '
            '"{answer}".',
            '{sentence}',
        ),
        Template('What is the antecedent of the word between asterisks?\n\n{marked}\n\n{options}'),
        Template('{marked}\n\nDoes *{pronoun}* refer to "{first}" or to "{second}"?\n\n{options}'),
        Template('Resolve the pronoun "{pronoun}" in the following sentence.\n\n{sentence}\n\n{options}'),
        Template('{options}\n\nWho or what does the author of this sentence mean by "{pronoun}"?\n\n{sentence}'),
        inverted('{with_gap}\n\nFill in the blank with a word that refers back to "{answer}".', '{pronoun}'),
        Template('In the sentence below, which words could "{pronoun}" be replaced with?\n\n{sentence}\n\n{options}'),
        Template(
            'A student who is learning English asks what "{pronoun}" means here: {sentence}\n\nWhat should the teacher say?\n\n{options}'
        ),
    ),
    metrics=('accuracy',),
    licence='not stated',
    citation='Rahman and Ng 2012: Resolving complex cases of definite pronouns: the Winograd schema challenge.',
)


def _parts(ex):
    """A text of Winogrande, cut in two before the gap, or before the article that belongs to it."""
    parts = tf.strings.split(tf.strings.regex_replace(ex['sentence'], r'( [Tt]he +)?_', '\n\\1_'), '\n')
    return parts[0], parts[1]


def _fill_gap(text, filler):
    """A text of Winogrande with something in place of its gap."""
    return _tidy(tf.strings.regex_replace(text, '_', filler))


def _winogrande_options(ex):
    """The end of the text with either candidate in the gap."""
    end = _parts(ex)[1]
    return tf.stack([_fill_gap(end, ex['option1']), _fill_gap(end, ex['option2'])])


def _right_candidate(ex):
    return tf.where(ex['label'] == 0, ex['option1'], ex['option2'])


WINOGRANDE = Dataset(
    name='winogrande',
    cluster=CLUSTER,
    paper_name='Winogrande',
    source='winogrande:1.2.0',
    splits=Splits(train='train_xl', validation=Tail(200), test='validation'),
    fields={
        'start': lambda ex: _tidy(_parts(ex)[0]),
        'with_gap': lambda ex: _fill_gap(ex['sentence'], '____'),
        'complete': lambda ex: _fill_gap(ex['sentence'], _right_candidate(ex)),
        'first': 'option1',
        'second': 'option2',
        'filler': _right_candidate,
    },
    revealing=('complete', 'filler'),
    # Labels: 0 option1, 1 option2.
    answer=Choice(options=_winogrande_options),
    templates=(
        Template('Complete the sentence.\n\n{start}\n\n{options}'),
        Template(
            '{with_gap}\n\nFill in the blank, and write the sentence from the filled blank to its end.\n\n{options}'
        ),
        inverted(
            'Write a sentence or two about "{first}" and "{second}" that end with these words: {answer}', '{complete}'
        ),
        Template('Continue the text in a way that makes sense.\n\n{start}\n\n{options}'),
        Template(
            'The blank in this text stands for "{first}" or "{second}": {with_gap}\n\nUse common sense to decide, and write out '
            'the rest of the text, starting at the blank.\n\n{options}'
        ),
        Template('{options}\n\nWhat is the most sensible way to continue the following text?\n\n{start}'),
        Template('Start of the text: {start}\n{options}\nRest of the text:'),
        inverted(
            'Write a sentence with a blank (____) that "{first}" and "{second}" both fit grammatically, but where only '
            '"{filler}" makes sense.',
            '{with_gap}',
        ),
        Template('How does this text end, if it makes sense?\n\n{start}\n\n{options}'),
        Template(
            'You are reading a message that breaks off here: {start}\n\nHow was it supposed to go on?\n\n{options}'
        ),
    ),
    metrics=('accuracy',),
    licence='CC BY',
    citation='Sakaguchi, Le Bras, Bhagavatula and Choi 2019: WinoGrande: an adversarial Winograd schema challenge at '
    'scale.',
    note='Version 1.2.0, the only one in TFDS; the original code used 1.1.0. An option is the candidate, with the '
    'article before the gap, and the rest of the text: their scores then tell which candidate the same words fit, '
    'as in the original and in GPT-3. All templates show the options; half of the original ones do not.',
)


def _around_pronoun(ex):
    """What stands before and after the pronoun in a text of WSC273."""
    text, start, end = ex['text'], ex['pronoun_start'], ex['pronoun_end']
    rest = tf.strings.length(text, unit='UTF8_CHAR') - end
    return tf.strings.substr(text, 0, start, unit='UTF8_CHAR'), tf.strings.substr(text, end, rest, unit='UTF8_CHAR')


def _in_place_of_pronoun(ex):
    """WSC273's candidates in the form that the pronoun's place asks for: "Ann's" or "Ann", "a gap" or "A gap"."""
    names = tf.stack([ex['option1_normalized'], ex['option2_normalized']])
    bare = tf.strings.regex_replace(names, r"'s$", '')
    # Every 'her' of WSC273 is possessive. An 'it' may stand for a possessive: Sam's drawing was hung above Tina's.
    possessive = tf.strings.regex_full_match(ex['pronoun_text'], '(?i)his|her|its|their')
    personal = tf.strings.regex_full_match(ex['pronoun_text'], '(?i)s?he|him|they|them')
    names = tf.where(possessive, tf.strings.join([bare, "'s"]), tf.where(personal, bare, names))
    capital = tf.strings.upper(tf.strings.substr(names, 0, 1))
    capitalised = tf.strings.join([capital, tf.strings.regex_replace(names, '^.', '')])
    return tf.where(tf.strings.regex_full_match(ex['pronoun_text'], '[A-Z].*'), capitalised, names)


def _wsc273_options(ex):
    """The two candidates, each with the rest of the text."""
    return _tidy(tf.strings.join([_in_place_of_pronoun(ex), _around_pronoun(ex)[1]]))


def _wsc273_marked(ex):
    """WSC273's text with the pronoun between asterisks."""
    before, after = _around_pronoun(ex)
    return _tidy(tf.strings.join([before, _between_asterisks(ex['pronoun_text']), after]))


WSC273 = Dataset(
    name='wsc273',
    cluster=CLUSTER,
    paper_name='WSC273',
    source='wsc273:1.0.0',
    splits=Splits(train=None, validation=None, test='test'),
    fields={
        'start': lambda ex: _tidy(_around_pronoun(ex)[0]),
        'marked': _wsc273_marked,
        'pronoun': 'pronoun_text',
    },
    # Labels: 0 option1, 1 option2.
    answer=Choice(options=_wsc273_options),
    # No template is inverted, because inverted templates are for training only.
    templates=(
        Template('Complete the text.\n\n{start}\n\n{options}'),
        Template('{start}\n\nHow does this continue?\n\n{options}'),
        Template(
            'Who or what does the pronoun between asterisks refer to? Answer by rewriting the rest of the text from there.\n\n{marked}\n\n{options}'
        ),
        Template('Beginning: {start}\n{options}\nEnd:'),
        Template('{options}\n\nWhat follows naturally after these words?\n\n{start}'),
        Template(
            '{marked}\n\nResolve *{pronoun}*: write the text from there on with a noun or a name in its place.\n\n{options}'
        ),
        Template('Text: {marked}\n\nThe end of the text, without the pronoun *{pronoun}*:\n{options}'),
        Template(
            'Replace the marked pronoun by what it refers to, and repeat the text from that point to the end.\n\n{marked}\n\n{options}'
        ),
        Template('Text: {start}\n\nWhat comes next?\n{options}'),
        Template('Use common sense to finish this.\n\n{start}\n\n{options}'),
    ),
    metrics=('accuracy',),
    licence='CC BY 4.0',
    citation='Levesque, Davis and Morgenstern 2012: The Winograd schema challenge.',
    note='For evaluation only, since it has no training split; `wsc` takes its place in tuning. An option is the '
    "candidate with the rest of the text, as in the original and in GPT-3, in the form that the pronoun's place asks "
    "for: Ann where she stands, Ann's where her stands.",
)


def _wsc_marked(ex):
    """WSC's text with the pronoun that is asked about between asterisks; its index counts words."""
    words = tf.strings.split(ex['text'])
    before, after = words[: ex['span2_index']], words[ex['span2_index'] :]
    after = tf.strings.reduce_join(after, separator=' ')
    after = _replace_first(after, ex['span2_text'], _between_asterisks(ex['span2_text']))
    return _tidy(tf.strings.join([tf.strings.reduce_join(before, separator=' '), after], ' '))


WSC = Dataset(
    name='wsc',
    cluster=CLUSTER,
    paper_name='WSC273',
    source='super_glue/wsc:1.0.2',
    splits=Splits(validation=Tail(50), test='validation'),
    fields={
        'marked': _wsc_marked,
        'pronoun': 'span2_text',
        'noun': lambda ex: _tidy(ex['span1_text']),
        'request_for_noun': by_label(
            'Name someone or something in the text that the word between asterisks does not refer to.',
            'Who or what does the word between asterisks refer to? Answer in the words of the text.',
        ),
        'must_refer': by_label('must not refer', 'must refer'),
    },
    revealing=('request_for_noun', 'must_refer'),
    # Labels: 0 False, 1 True.
    answer=Choice(options=('no', 'yes')),
    templates=(
        Template('{marked}\n\nDoes the pronoun *{pronoun}* refer to "{noun}"?\n\n{options}'),
        Template(
            'Text: {marked}\nPronoun: {pronoun}\nCandidate: {noun}\nDoes the pronoun refer to the candidate?\n{options}'
        ),
        inverted('{request_for_noun}\n\n{marked}', '{noun}'),
        Template('In the text below, does the word between asterisks mean "{noun}"?\n\n{marked}\n\n{options}'),
        Template('{marked}\n\nIs "{noun}" the antecedent of *{pronoun}*?\n{options}'),
        Template(
            '{options}\n\nAre "{noun}" and the marked "{pronoun}" the same person or thing in this text?\n\n{marked}'
        ),
        Template(
            'Can *{pronoun}* be replaced by "{noun}" here without changing what the text means?\n\n{marked}\n\n{options}'
        ),
        inverted(
            'Write a text that contains "{noun}" and, between asterisks, the pronoun "{pronoun}". The pronoun {must_refer} to '
            '"{noun}".',
            '{marked}',
        ),
        Template('Read carefully and decide whether *{pronoun}* stands for "{noun}".\n\n{marked}\n\n{options}'),
        Template(
            'A student says that the marked word in this text refers to "{noun}". Is the student right?\n\n{marked}\n\n{options}'
        ),
    ),
    metrics=('accuracy',),
    licence='CC BY 4.0 (through SuperGLUE)',
    citation='Levesque, Davis and Morgenstern 2012: The Winograd schema challenge. Wang et al. 2019: SuperGLUE.',
    note='In place of WSC273, which has no training split. Many of its texts are those of WSC273, so tune on it only '
    'where the cluster is not held out.',
)

DATASETS = (DEFINITE_PRONOUN_RESOLUTION, WINOGRANDE, WSC273, WSC)
