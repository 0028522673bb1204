"""Reading comprehension that needs commonsense: what does a passage imply?"""

import tensorflow as tf

from flan_jax.catalogue.declaration import Choice, Cluster, Dataset, Keep, Splits, Tail, Template, TfdsExample

CLUSTER = Cluster(
    name='reading_comprehension_with_commonsense',
    title='Reading comprehension with commonsense',
    also_left_out=('reading_comprehension', 'commonsense'),
)


_TOKENIZER_BLANKS = (
    (r' ([.,;:!?)\]%]+)\B', r'\1'),
    (r'([(\[]) ', r'\1'),
    (r" n'?t\b", r"n't"),
    (r" ' ?(s|re|ve|ll|d|m)\b", r"'\1"),
)


def _untokenized(text: tf.Tensor) -> tf.Tensor:
    """The text without the blanks that a tokenizer left beside punctuation marks and inside contractions."""
    for pattern, plain in _TOKENIZER_BLANKS:
        text = tf.strings.regex_replace(text, pattern, plain)
    return text


COSMOS_QA = Dataset(
    name='cosmos_qa',
    cluster=CLUSTER,
    paper_name='CosmosQA',
    source='cosmos_qa:1.0.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields={
        'context': lambda ex: _untokenized(ex['context']),
        'question': lambda ex: _untokenized(ex['question']),
    },
    # The label is the number of the right answer, from 0.
    answer=Choice(options=lambda ex: _untokenized(tf.stack([ex[f'answer{i}'] for i in range(4)]))),
    templates=(
        Template('{context}\n\n{question}\nThe text may not say it outright, but one option fits best.\n\n{options}'),
        Template('Read between the lines of this blog post.\n\n{context}\n\nQuestion: {question}\n{options}'),
        Template(
            'Question: {question}\n\nIt is about the story below. Which option would a sensible reader choose?\n\n'
            '{context}\n\n{options}'
        ),
        Template(
            'Here are four replies to a question about a text.\n\n{options}\n\nText: {context}\n\nQuestion: {question}'
            '\n\nGive the most plausible reply.'
        ),
        Template('Story: {context}\nQ: {question}\n{options}\nA:'),
        Template(
            'A friend shows you a page of a diary.\n\n"{context}"\n\nYour friend would like to know what you make of '
            'it and asks:\n{question}\n\nUse your common sense and choose.\n{options}'
        ),
        Template(
            'Use the following piece of writing, and what everybody knows about people and the world, to answer the '
            'question at the end of it.\n{context}\n{question}\n{options}'
        ),
        Template(
            '{question}\n\n{options}\n\nTo see which of these is the most likely answer, think about this account.\n\n'
            '{context}'
        ),
        Template(
            '{context}\n\nAsk something about this text. Among the options below, the best reply to your question has '
            'to be "{answer}"\n\n{options}',
            '{question}',
            inverted=True,
        ),
        Template(
            'Write a few sentences from the everyday life of somebody. They should lead a thoughtful reader to the '
            'answer given below, but need not spell it out.\n\nQuestion: {question}\n{options}\nAnswer: {answer}',
            '{context}',
            inverted=True,
        ),
    ),
    long_fields=('context',),
    metrics=('accuracy',),
    licence='CC BY 4.0',
    citation='Huang et al. 2019: Cosmos QA: Machine reading comprehension with contextual commonsense reasoning.',
    note='The blanks that the data has beside punctuation marks and inside contractions are taken out.',
)

_GAP = '@placeholder'


def _passage(ex: TfdsExample) -> tf.Tensor:
    """The passage, with its highlights as bullet points."""
    return tf.strings.regex_replace(ex['passage'], r'\s*@highlight\s*', '\n* ')


def _names(ex: TfdsExample) -> tf.Tensor:
    """The names in the passage, each once."""
    return tf.unique(ex['entities']).y


def _is_right(ex: TfdsExample) -> tf.Tensor:
    """Which of the names fill the gap: one, or several that mean the same."""
    return tf.reduce_any(_names(ex)[:, tf.newaxis] == ex['answers'], axis=1)


RECORD = Dataset(
    name='record',
    cluster=CLUSTER,
    paper_name='ReCoRD',
    source='super_glue/record:1.0.2',
    splits=Splits(validation=Tail(200), test='validation'),
    fields={
        'passage': _passage,
        'query': lambda ex: tf.strings.regex_replace(ex['query'], _GAP, '____'),
        'before_gap': lambda ex: tf.strings.regex_replace(ex['query'], f'(?s){_GAP}.*', ''),
        'after_gap': lambda ex: tf.strings.regex_replace(ex['query'], f'(?s)^.*?{_GAP}', '', replace_global=False),
    },
    answer=Choice(options=_names, label=_is_right),
    keep=Keep('no name in the passage is marked as right', lambda ex: tf.reduce_any(_is_right(ex))),
    templates=(
        Template('{passage}\n\nFill in the blank with the option that fits.\n\n{query}\n\n{options}'),
        Template(
            'What is missing in this sentence?\n{query}\n\nThe article that it comes from will help you.\n\n{passage}'
            '\n\n{options}'
        ),
        Template(
            'The last line of this newspaper cutting is smudged, and one name in it cannot be read.\n\n{passage}\n\n'
            '{query}\n\nWhat does the line say in place of ____?\n{options}'
        ),
        Template('{passage}\n\nFurther down, the report goes on:\n{query}\n\nWho or what is meant by ____?\n{options}'),
        Template(
            'These names occur in a piece of news.\n\n{options}\n\nThe news: {passage}\n\nWhich of the names belongs '
            'in the gap of the following statement?\n{query}'
        ),
        Template('Article: {passage}\nCloze: {query}\n{options}\n____ ='),
        Template(
            'Complete the statement below, using common sense and what is known from the story. Write only what '
            'goes into the blank.\n\nStory: {passage}\n\nStatement: {query}\n\n{options}'
        ),
        Template(
            'You are proofreading a news page. The page shows this story:\n\n{passage}\n\nOne more sentence has '
            'arrived with a hole in it:\n\n{query}\n\nThe author is out and has left you a list. Which entry do you '
            'put in?\n\n{options}'
        ),
        Template(
            'Turn the article below into a cloze test. Write one sentence that goes with the article and in which '
            '____ takes the place of "{answer}".\n\n{passage}',
            '{query}',
            inverted=True,
        ),
        Template(
            'Here is the beginning of a news article, with its key points.\n\n{passage}\n\nWrite a sentence that '
            'could come later in the article. It should mention one of the following.\n\n{options}',
            '{before_gap}{answer}{after_gap}',
            inverted=True,
        ),
    ),
    long_fields=('passage',),
    metrics=('record',),
    licence='Apache 2.0 for what comes from CNN and the Daily Mail, terms of use of the Internet Archive for the rest '
    '(through SuperGLUE)',
    citation='Zhang et al. 2018: ReCoRD: Bridging the gap between human and machine commonsense reading '
    'comprehension. Wang et al. 2019: SuperGLUE.',
    note='An option is a bare name, as SuperGLUE judges it, and the whole sentence with its gap stands in the prompt. '
    'In the original code an option was a name with the rest of the sentence after it.',
)

DATASETS = (COSMOS_QA, RECORD)
