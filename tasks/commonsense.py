"""Commonsense: how does an everyday situation continue?"""

from __future__ import annotations

from etils import epy

from flan_jax.catalogue.declaration import Choice, Cluster, Dataset, Splits, Tail, Template, inverted
from flan_jax.tasks.cleaning import ONE_LINE, clean, rewrite

with epy.lazy_imports():
    import tensorflow as tf

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
        Template('Premise: {premise}\n\nWhat is the most plausible {relation} of this?\n{options}'),
        inverted('{answer} {question_about_answer}\nReply with one short sentence.', '{premise}'),
        Template('Complete the sentence so that it makes sense.\n\n{unfinished} ...\n\n{options}'),
        Template('Event: {premise}\nQuestion: {question}\n{options}\nAnswer:'),
        Template('Read the following sentence and say what its {relation} most likely was.\n\n{premise}\n\n{options}'),
        Template('{options}\n\nWhat is the likely {relation} of this event? {premise}'),
        inverted(
            'Think of an event that has this {relation}: {answer}\n\nDescribe the event in one sentence.', '{premise}'
        ),
        Template('Use common sense to name the {relation} of what is described here.\n\n{premise}\n\n{options}'),
        Template('A friend tells you: "{premise}" You ask: "{reply}" What does your friend say?\n\n{options}'),
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
        Template('What happens next?\n\n{context}\n\n{options}'),
        Template('{context}\n\nHow does this text continue?\n\n{options}'),
        inverted('This is how a text continues:\n\n{answer}\n\nWrite what comes directly before it.', '{context}'),
        Template('Write a continuation that makes sense.\n\n{context}\n\n{options}'),
        Template('Complete the text.\n\nText: {context}\n\n{options}\n\nCompletion:'),
        Template('{options}\n\nWhich ending follows naturally from this passage?\n\n{context}'),
        Template('Finish this description of an activity.\n\n{context}\n{options}'),
        inverted(
            '{options}\n\nWrite the beginning of a text for which, out of these endings, the best one is: {answer}',
            '{context}',
        ),
        Template('{context}\n\nUse common sense to predict what comes next.\n\n{options}'),
        Template(
            'You are watching a how-to video, and the narrator has just said:\n\n{context}\n\nWhat do you expect to hear next?\n\n{options}'
        ),
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
        Template('Goal: {goal}\n\nWhat is the best way to reach this goal?\n\n{options}'),
        Template('Give advice that works in practice.\n\n{goal}\n\n{options}'),
        inverted('Solution: {answer}\n\nWrite down the task or the question that it answers.', '{goal}'),
        Template('How would you do this?\n\n{goal}\n\n{options}'),
        Template('Question: {goal}\n{options}\nAnswer:'),
        Template(
            'Use what you know about everyday objects and materials to solve this problem.\n\n{goal}\n\n{options}'
        ),
        Template('{options}\n\nWhat should you do for the goal "{goal}"?'),
        inverted(
            'Of these two, only one is good advice.\n\n{options}\n\nThe good advice is: {answer}\n\nState the problem that it solves.',
            '{goal}',
        ),
        Template('Someone typed this into a search engine: {goal}\n\nWhat should the top result say?\n\n{options}'),
        Template('Give a solution that makes sense.\n\nProblem: {goal}\n{options}\nSolution:'),
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
        Template('Write an ending for this story that makes sense.\n\n{story}\n\n{options}'),
        inverted('Write a story of four sentences that leads up to this ending:\n\n{answer}', '{story}'),
        Template('Read the first four sentences of a short story. What is the fifth?\n\n{story}\n\n{options}'),
        Template('Story: {story}\n{options}\nEnding:'),
        Template('{options}\n\nWhich sentence is the most likely ending of the following story?\n\n{story}'),
        Template('Complete the story.\n\n{story} ____\n\n{options}'),
        inverted(
            '{options}\n\nWrite the first four sentences of a story. Of the two endings above, the right one for it has to be '
            'this: {answer}',
            '{story}',
        ),
        Template('{story}\n\nWhat most likely happened after that?\n\n{options}'),
        Template(
            'A friend is telling you what happened: "{story}" You can already guess the next sentence. What is it?\n\n{options}'
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
