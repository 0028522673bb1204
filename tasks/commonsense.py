"""Commonsense: how does an everyday situation go on?"""

import tensorflow as tf

from flan_jax.catalogue.declaration import Choice, Cluster, Dataset, Splits, Tail, Template, inverted
from flan_jax.tasks.cleaning import ONE_LINE, clean, rewrite

CLUSTER = Cluster(
    name='commonsense',
    title='Commonsense',
    also_left_out=('reading_comprehension_with_commonsense',),
)


_TIDY = (*ONE_LINE, (r' ([.,;:?!])( |$)', r'\1\2'))
"""Single blanks between words, and none before punctuation."""


def _tidy(text):
    return rewrite(text, _TIDY)


def _by_question(cause: str, effect: str):
    """A field of COPA that depends on whether the cause or the effect of the premise is asked for."""
    return lambda ex: tf.where(ex['question'] == 'cause', cause, effect)


def _unfinished(ex):
    """COPA's premise as the start of a sentence that the answer completes."""
    connective = _by_question(cause=' because', effect=', so')(ex)
    return tf.strings.join([tf.strings.regex_replace(_tidy(ex['premise']), r'\.$', ''), connective])


COPA = Dataset(
    name='copa',
    cluster=CLUSTER,
    paper_name='CoPA',
    source='super_glue/copa:1.0.2',
    splits=Splits(validation=Tail(50), test='validation'),
    fields={
        'premise': clean('premise', _TIDY),
        'unfinished': _unfinished,
        # What the answer is to the premise: its 'cause' or its 'effect'.
        'relation': 'question',
        'question': _by_question(cause='What was the cause of this?', effect='What happened as a result?'),
        'reply': _by_question(cause='How did that come about?', effect='And what happened then?'),
        # The same relation seen from the answer, for finding the premise.
        'question_about_answer': _by_question(
            cause='What could have happened as a result?', effect='What could have been the cause of this?'
        ),
    },
    # Labels: 0 choice1, 1 choice2.
    answer=Choice(options=lambda ex: _tidy(tf.stack([ex['choice1'], ex['choice2']]))),
    templates=(
        Template('{premise} {question}\n\n{options}'),
        Template(
            'Here is something that happened: {premise}\n\nWhich of the following is its more plausible {relation}?\n'
            '{options}'
        ),
        inverted('{answer} {question_about_answer}\nReply with one short sentence.', '{premise}'),
        Template('Finish the sentence in the way that makes the most sense.\n\n{unfinished} ...\n\n{options}'),
        Template('{options}\n\nOne of these sentences names the {relation} of this event: "{premise}" Which one?'),
        Template(
            'I am explaining cause and effect to a child. My example is "{premise}" Now the child has to find the '
            '{relation}. Which answer should the child give?\n\n{options}'
        ),
        Template('Event: {premise}\nQuestion: {question}\n{options}\nAnswer:'),
        inverted('Think of an event that has this {relation}: "{answer}"\n\nDescribe the event.', '{premise}'),
        Template(
            'Only one of the two options is likely to be the {relation} of what is described below. Say which.\n\n'
            '{premise}\n\n{options}'
        ),
        Template('A: {premise}\nB: {reply}\n\nWhat is a sensible thing for A to say now?\n\n{options}'),
    ),
    metrics=('accuracy',),
    licence='BSD 2-Clause',
    citation='Roemmele, Bejan and Gordon 2011: Choice of plausible alternatives: an evaluation of commonsense causal '
    'reasoning. Wang et al. 2019: SuperGLUE.',
)


def _without_tags(text, before_title: str):
    """A text of HellaSwag without wikiHow's tags, and with something of ours before the title of a step."""
    text = tf.strings.regex_replace(text, r'\[(header|step|substeps)\]', ' ')
    return tf.strings.strip(tf.strings.regex_replace(_tidy(text), r' ?\[title\] ?', before_title))


def _context(ex):
    """HellaSwag's context, without punctuation before its first word."""
    return tf.strings.regex_replace(_without_tags(ex['context'], before_title='\n'), r'^[.,;\s]+', '')


HELLASWAG = Dataset(
    name='hellaswag',
    cluster=CLUSTER,
    paper_name='HellaSwag',
    source='hellaswag:1.1.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields={'context': _context},
    # Labels: the index of the true ending.
    answer=Choice(options=lambda ex: _without_tags(ex['endings'], before_title=' ')),
    templates=(
        Template('{context}\n\nHow does this text go on?\n\n{options}'),
        Template(
            'Here is the beginning of a text.\n\n{context}\n\nWhich of the four passages below comes directly after it?'
            '\n{options}'
        ),
        inverted(
            'This is a passage from the middle of a text:\n\n{answer}\n\nWrite what comes directly before it.',
            '{context}',
        ),
        Template('Pick the continuation that makes the most sense.\n\n{context}\n\n{options}'),
        Template(
            '{options}\n\nAll of these were put forward as the next words of the text that follows, but only one is '
            'genuine. Which?\n\n{context}'
        ),
        Template(
            'You are watching a video or working through a guide, and you have got as far as this:\n\n{context}\n\n'
            'What do you expect next?\n\n{options}'
        ),
        Template('Text: {context}\nTask: Complete the text with one of the options.\n{options}\nCompletion:'),
        inverted(
            '{options}\n\nBegin a text in such a way that, of these four passages, the best continuation is: {answer}',
            '{context}',
        ),
        Template(
            'The last part of a text has been lost. This is what remains:\n\n{context}\n\nFour people tried to restore '
            'the missing part, and one of them got it right. Choose that version.\n\n{options}'
        ),
        Template('What is most likely to follow?\n{context}\n{options}'),
    ),
    metrics=('accuracy',),
    licence='MIT',
    citation='Zellers, Holtzman, Bisk, Farhadi and Choi 2019: HellaSwag: can a machine really finish your sentence?',
    note='Version 1.1.0, the default of TFDS; the original code first used 0.0.1, before splits by domain and source '
    'were added. Its filter on labels is not needed: all examples of train and validation are labelled.',
)


def _goal(ex):
    """PIQA's goal without a comma at its end, where the solution was once attached."""
    return tf.strings.regex_replace(_tidy(ex['goal']), r'\s*,$', '')


PIQA = Dataset(
    name='piqa',
    cluster=CLUSTER,
    paper_name='PiQA',
    source='piqa:1.0.0',
    splits=Splits(validation=Tail(100), test='validation'),
    fields={'goal': _goal},
    # Labels: 0 sol1, 1 sol2.
    answer=Choice(options=lambda ex: _tidy(tf.stack([ex['sol1'], ex['sol2']]))),
    templates=(
        Template('I need help with this: {goal}\n\nWhich of the two solutions works better?\n{options}'),
        Template('{goal}\n\n{options}\n\nChoose what makes sense in practice.'),
        inverted('Here is a solution: {answer}\n\nWrite down the task or the question that it belongs to.', '{goal}'),
        Template(
            'Somebody typed this into a search engine:\n\n"{goal}"\n\nTwo pages were found. Which of them gives advice '
            'that can be relied on?\n\n{options}'
        ),
        Template(
            'Use what you know about everyday things and materials to decide on the right answer.\n\n{goal}\n\n'
            '{options}'
        ),
        Template('{options}\n\nOne of these serves the purpose stated below, the other does not. Which does?\n{goal}'),
        Template('Problem: {goal}\n{options}\nSolution:'),
        inverted(
            'Of these two, only one is good advice.\n\n{options}\n\nThe good advice is: {answer}\n\nState the problem '
            'that it solves.',
            '{goal}',
        ),
        Template(
            'A friend and I cannot agree about this:\n\n{goal}\n\nEach of us has a suggestion. Whose would you '
            'follow?\n\n{options}'
        ),
        Template(
            'An entry in a book of household hints is headed "{goal}"\n\nThe editor has received two drafts of the '
            'entry, and one of them contains a mistake. Which draft should be printed?\n{options}'
        ),
    ),
    metrics=('accuracy',),
    licence='Academic Free License 3.0',
    citation='Bisk, Zellers, Le Bras, Gao and Choi 2020: PIQA: reasoning about physical commonsense in natural '
    'language.',
)


STORY_CLOZE = Dataset(
    name='story_cloze',
    cluster=CLUSTER,
    paper_name='StoryCloze',
    source='story_cloze/2016:1.0.0',
    splits=Splits(train='validation', validation=Tail(200), test='test'),
    fields={'story': clean('context', _TIDY)},
    # Labels: 1 the first ending, 2 the second.
    answer=Choice(options=clean('endings', _TIDY), label=lambda ex: ex['label'] - 1),
    templates=(
        Template('{story}\n\nHow does the story end?\n\n{options}'),
        Template(
            'Read the first four sentences of a short story.\n\n{story}\n\nWhich fifth sentence rounds it off?\n'
            '{options}'
        ),
        inverted('Write a story of four sentences that leads up to this ending:\n\n{answer}', '{story}'),
        Template(
            '{options}\n\nOne of these two sentences is the proper ending of the story below. Find it.\n\n{story}'
        ),
        Template('Story: {story}\n{options}\nEnding:'),
        Template(
            'A pupil handed in the following story, but its last sentence is smudged.\n\n{story}\n\nThe teacher can '
            'think of two things that might have stood there. Which is the likelier one?\n{options}'
        ),
        Template(
            'Somebody is telling you what happened: "{story}" You can already guess the next sentence. What is it?\n\n'
            '{options}'
        ),
        inverted(
            'There are two endings for a story that nobody has begun yet:\n\n{options}\n\nBegin the story in such a '
            'way that it can only end like this: {answer}',
            '{story}',
        ),
        Template(
            'Fill the gap at the end, so that the story makes sense as a whole.\n\n{story} ____\n\n{options}',
        ),
        Template(
            'What has happened so far:\n{story}\n\nWhat happens in the end, if nothing strange occurs?\n{options}'
        ),
    ),
    metrics=('accuracy',),
    licence='not stated; its authors send the data on request',
    citation='Mostafazadeh, Chambers, He, Parikh, Batra, Vanderwende, Kohli and Allen 2016: A corpus and cloze '
    'evaluation for deeper understanding of commonsense stories.',
    manual_step='Ask for the Story Cloze Test of spring 2016 with the form on '
    'https://www.cs.rochester.edu/nlp/rocstories/; the links come by e-mail. Rename the two files to '
    'cloze_test_val__spring2016.csv and cloze_test_test__spring2016.csv and put them into downloads/manual under the '
    'TFDS data directory.',
    note='Trained on the validation split, like the paper: the training stories (ROCStories) have no wrong endings.',
)

DATASETS = (COPA, HELLASWAG, PIQA, STORY_CLOZE)
