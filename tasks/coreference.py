"""Coreference: whom or what does a word refer to?"""

import tensorflow as tf

from flan_jax.catalogue.declaration import Choice, Cluster, Dataset, Splits, Tail, Template, inverted
from flan_jax.tasks.cleaning import ONE_LINE, rewrite

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
    # Labels: the index of the right candidate.
    answer=Choice(options='candidates'),
    templates=(
        Template('{sentence}\n\nWho or what is meant by "{pronoun}" in this sentence?\n\n{options}'),
        Template('Which of the two does the word between asterisks refer to?\n{marked}\n{options}'),
        inverted(
            'Write a sentence with "{first}", "{second}" and the pronoun "{pronoun}" in it. It must be clear from the '
            'sense that the pronoun stands for "{answer}".',
            '{sentence}',
        ),
        Template('Replace the pronoun "{pronoun}" by the noun or name that it stands for.\n\n{sentence}\n\n{options}'),
        Template('{options}\n\nWhich of these does "{pronoun}" refer to in the following sentence?\n\n{sentence}'),
        Template('Sentence: {sentence}\nPronoun: {pronoun}\n{options}\nReferent:'),
        Template(
            'A learner of English has come across this sentence: {sentence}\n\n"I understand every word," says the '
            'learner, "but whom or what do they mean by \'{pronoun}\'?" What should a teacher reply?\n\n{options}'
        ),
        inverted('{with_gap}\n\nFill the gap with a word that refers back to "{answer}".', '{pronoun}'),
        Template(
            'Both "{first}" and "{second}" are mentioned here: {sentence}\n\nWhich of the two does the writer have in '
            'mind with "{pronoun}"?\n{options}'
        ),
        Template(
            'The word "{pronoun}" has been cut out of a sentence:\n\n{with_gap}\n\nWhom or what did it refer to?\n\n'
            '{options}'
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
        Template('Finish what has been started.\n\n{start}\n\n{options}'),
        Template('{with_gap}\n\nHow does this end, once the gap is filled sensibly?\n\n{options}'),
        inverted(
            'Write a sentence or two about "{first}" and "{second}" that end with these words: {answer}', '{complete}'
        ),
        Template('Beginning: {start}\n{options}\nEnd:'),
        Template(
            'The text below has a gap, marked ____, which either "{first}" or "{second}" fills.\n\n{with_gap}\n\n'
            'Decide which of them it is, and write out the end of the text.\n{options}'
        ),
        Template('{options}\n\nOnly one of these two endings makes sense after the following words. Which?\n\n{start}'),
        Template(
            'Somebody was interrupted after saying this:\n\n{start}\n\nWhat were they most likely about to say?\n\n'
            '{options}'
        ),
        inverted(
            'Make up a puzzle: a text with a gap (____) that "{first}" and "{second}" would both fit if one looked at '
            'the grammar only. From its sense it must be clear that "{filler}" belongs there.',
            '{with_gap}',
        ),
        Template(
            'Two pupils did the same exercise in which a gap had to be filled: {with_gap}\n\nThis is how they '
            'ended the text:\n\n{options}\n\nRepeat what the pupil wrote who understood the text.'
        ),
        Template('{start}\n\nWhat comes next, if you think about who or what is meant?\n{options}'),
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
    # None is inverted, since inverted templates are for training only.
    templates=(
        Template('{start}\n\nHow does this continue?\n\n{options}'),
        Template('Complete the text with the more sensible of the two options.\n\n{start}\n\n{options}'),
        Template('Beginning: {start}\n{options}\nEnd:'),
        Template(
            '{options}\n\nOne of these follows naturally from the words below, the other one is odd. Which follows '
            'naturally?\n\n{start}'
        ),
        Template(
            'Two people continued this beginning in different ways, but only one of the results is plausible.\n\n'
            '{start}\n\nWhich continuation is it?\n{options}'
        ),
        Template(
            'Say plainly what the word between asterisks stands for: repeat the text from there to its end with the '
            'word replaced.\n\n{marked}\n\n{options}'
        ),
        Template('{marked}\n\nWhich of these says the same as the part that begins with *{pronoun}*?\n{options}'),
        Template(
            'It is not obvious what "{pronoun}" means in this text, which is why it has been marked: {marked}\n\nWhich '
            'reading is right?\n\n{options}'
        ),
        Template(
            'Suppose that a writer is not allowed to use the pronoun marked here:\n\n{marked}\n\nHow would the text '
            'have to be worded from that point on?\n\n{options}'
        ),
        Template(
            'Text: {marked}\nTask: Reword what stands from *{pronoun}* to the end without that pronoun.\n{options}'
        ),
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
        'request_for_noun': lambda ex: tf.where(
            ex['label'] == 1,
            'Who or what does the word between asterisks refer to? Answer in the words of the text.',
            'Name somebody or something in the text that the word between asterisks does not refer to.',
        ),
    },
    revealing=('request_for_noun',),
    # Labels: 0 False, 1 True.
    answer=Choice(options=('no', 'yes')),
    templates=(
        Template('{marked}\n\nDoes *{pronoun}* refer to "{noun}" here?\n\n{options}'),
        Template(
            'One pronoun in this text is set between asterisks.\n\n{marked}\n\nIs "{noun}" what it stands for?\n'
            '{options}'
        ),
        inverted('{request_for_noun}\n\n{marked}', '{noun}'),
        Template('Yes or no: the word between asterisks below means "{noun}".\n{marked}\n{options}'),
        Template('Text: {marked}\nPronoun: {pronoun}\nProposed referent: {noun}\nIs the proposal right?\n{options}'),
        Template(
            'Somebody shows you this text: {marked}\n\nYou point to the marked word and ask: "Does that mean '
            "'{noun}'?\" What is the correct reply?\n\n{options}"
        ),
        Template(
            'Suppose that a reader takes the pronoun between asterisks to mean "{noun}". Has the reader understood the '
            'text as it was meant?\n\n{marked}\n\n{options}'
        ),
        inverted(
            'Write a text that contains "{noun}" and, between asterisks, the pronoun "{pronoun}". If a reader were '
            'asked whether the pronoun means "{noun}", the answer would have to be: {answer}.',
            '{marked}',
        ),
        Template(
            'In a reading test, pupils have to work out who or what *{pronoun}* is in the following text.\n\n{marked}'
            '\n\nOne of them answers: "{noun}". Should the answer be marked as correct?\n{options}'
        ),
        Template(
            '{options}\n\nWhich of these is the answer to the question whether "{noun}" and the marked "{pronoun}" are '
            'the same person or thing?\n\n{marked}'
        ),
    ),
    metrics=('accuracy',),
    licence='CC BY 4.0 (through SuperGLUE)',
    citation='Levesque, Davis and Morgenstern 2012: The Winograd schema challenge. Wang et al. 2019: SuperGLUE.',
    note='In place of WSC273, which has no training split. Many of its texts are those of WSC273, so tune on it only '
    'where the cluster is not held out.',
)

DATASETS = (DEFINITE_PRONOUN_RESOLUTION, WINOGRANDE, WSC273, WSC)
