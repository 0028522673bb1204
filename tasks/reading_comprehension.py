"""Reading comprehension: what does a passage say?"""

import tensorflow as tf

from flan_jax.catalogue.declaration import (
    Choice,
    Cluster,
    Dataset,
    Field,
    FreeText,
    Keep,
    Splits,
    Tail,
    Template,
    TfdsExample,
)

CLUSTER = Cluster(
    name='reading_comprehension',
    title='Reading comprehension',
    also_left_out=('reading_comprehension_with_commonsense',),
)


def _stripped(feature: str) -> Field:
    """The feature without blanks at either end."""
    return lambda ex: tf.strings.strip(ex[feature])


def _as_question(ex: TfdsExample) -> tf.Tensor:
    """BoolQ's search query, which is in lower case and has no question mark, written as a question."""
    query = tf.strings.regex_replace(ex['question'], r'[\s?]*$', '?', replace_global=False)
    first, rest = tf.strings.substr(query, 0, 1), tf.strings.substr(query, 1, tf.strings.length(query))
    return tf.strings.upper(first) + rest


BOOL_Q = Dataset(
    name='bool_q',
    cluster=CLUSTER,
    paper_name='BoolQ',
    source='bool_q:1.0.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields={
        'passage': 'passage',
        'question': _as_question,
        'query': _stripped('question'),
        'title': 'title',
    },
    # The answer is a boolean: false is no, true is yes.
    answer=Choice(options=('no', 'yes'), label=lambda ex: tf.cast(ex['answer'], tf.int64)),
    templates=(
        Template('{passage}\n\nBased on what you have just read, answer this question.\n{question}\n\n{options}'),
        Template('Question: {question}\n\nThe answer is in this text.\n\n{passage}\n\n{options}'),
        Template('{title}\n\n{passage}\n\n{question} Yes or no?\n{options}'),
        Template(
            'Somebody typed "{query}" into a search engine, and the search engine came up with this:\n\n{passage}\n\n'
            'What does it tell the person who asked?\n{options}'
        ),
        Template(
            'Below is a paragraph of an encyclopedia article, "{title}". Use it to settle the question that comes '
            'after it.\n\nParagraph: {passage}\n\nTo be settled: {question}\n\n{options}'
        ),
        Template(
            'Judge by the following information only whether the right reply to "{question}" is yes or no.\n\n'
            '{passage}\n\n{options}'
        ),
        Template(
            'Two friends could not agree.\n"{question}" one of them had asked, and each gave a different answer. In '
            'the end they looked it up and found this passage:\n\n{passage}\n\nWhich answer was right?\n{options}'
        ),
        Template('Text: {passage}\nQ: {question}\n{options}\nA:'),
        Template(
            'Write a yes-or-no question that a reader of the passage below can answer. The right answer to it has to '
            'be "{answer}".\n\n{passage}',
            '{question}',
            inverted=True,
        ),
        Template(
            'For an encyclopedia article with the title "{title}", write a paragraph from which readers can work out '
            'the answer to this question.\n\nQuestion: {question}\nAnswer: {answer}',
            '{passage}',
            inverted=True,
        ),
    ),
    long_fields=('passage',),
    metrics=('accuracy',),
    licence='CC BY-SA 3.0',
    citation='Clark et al. 2019: BoolQ: Exploring the surprising difficulty of natural yes/no questions.',
)


def _with_plain_dates(texts: tf.Tensor) -> tf.Tensor:
    """Answers without outer blanks, dates as people write them: '4 May 1924' for TFDS's '1924-May-4'."""
    plain = tf.strings.regex_replace(texts, r'^(\d*)-([A-Z][a-z]+)-(\d\d?)$', r'\3 \2 \1')
    return tf.strings.strip(plain)


def _drop_references(ex: TfdsExample) -> tf.Tensor:
    """The answer and those that other readers gave, except for those that TFDS has no text for."""
    texts = _with_plain_dates(tf.concat([[ex['answer']], ex['validated_answers']], axis=0))
    return tf.boolean_mask(texts, texts != '')


DROP = Dataset(
    name='drop',
    cluster=CLUSTER,
    paper_name='DROP',
    source='drop:2.0.0',
    splits=Splits(validation=Tail(200), test='dev'),
    fields={'passage': _stripped('passage'), 'question': _stripped('question')},
    answer=FreeText(answer=lambda ex: _with_plain_dates(ex['answer']), references=_drop_references),
    keep=Keep('TFDS has no text for answers that are a date without a day', lambda ex: ex['answer'] != ''),
    templates=(
        Template(
            'Answer the question with the help of the passage. You may have to count, to compare or to calculate.\n\n'
            'Passage: {passage}\n\nQuestion: {question}'
        ),
        Template('{passage}\n\nQ: {question}\nA:'),
        Template('{question}\n\nWork out the answer from this text.\n\n{passage}'),
        Template(
            'I need to know something about the following report, and I need it in as few words as possible.\n\n'
            '{passage}\n\nWhat I need to know is this: {question}'
        ),
        Template(
            'Which number, date, name or phrase is the answer to this question?\n{question}\n\nEverything you need is '
            'in the text below.\n{passage}'
        ),
        Template(
            'A reading test starts with this passage:\n\n{passage}\n\nThe first task is:\n\n{question}\n\nWrite down '
            'the answer, without any explanation.'
        ),
        Template('Read closely and pay attention to the figures.\n{passage}\nNow answer: {question}'),
        Template(
            'You are helping a colleague who has no time to read all of this.\n\n"{passage}"\n\nYour colleague wants '
            'you to find out the following.\n{question}\n\nWhat do you report back?'
        ),
        Template(
            '{passage}\n\nThe answer to a question about this passage is "{answer}". To find it, a reader had to '
            'search, count, compare or calculate. What was the question?',
            '{question}',
            inverted=True,
        ),
        Template(
            'Make up one difficult exam question about the text below, one whose answer has to be worked out, and '
            'add the answer.\n\nText: {passage}',
            'Question: {question}\nAnswer: {answer}',
            inverted=True,
        ),
    ),
    long_fields=('passage',),
    metrics=('squad',),
    licence='CC BY-SA 4.0',
    citation='Dua et al. 2019: DROP: A reading comprehension benchmark requiring discrete reasoning over paragraphs.',
    note='TFDS keeps only the first span of an answer that has several, and has no text for a date without a day; '
    "questions without a text are left out. Dates are written as '4 May 1924' where TFDS has '1924-May-4'.",
)

MULTIRC = Dataset(
    name='multirc',
    cluster=CLUSTER,
    paper_name='MultiRC',
    source='super_glue/multirc:1.0.2',
    splits=Splits(validation=Tail(200), test='validation'),
    fields={
        'paragraph': _stripped('paragraph'),
        'question': _stripped('question'),
        'candidate': _stripped('answer'),
    },
    # Labels: 0 False, 1 True.
    answer=Choice(options=('no', 'yes')),
    group=lambda ex: tf.strings.join(
        [tf.strings.as_string(ex['idx'][part]) for part in ('paragraph', 'question')], '-'
    ),
    templates=(
        Template(
            '{paragraph}\n\nQuestion: {question}\nProposed answer: {candidate}\n\nIs the proposed answer correct?\n\n'
            '{options}'
        ),
        Template(
            'A question can have more than one right answer. Say whether the answer below is a right one, going by '
            'the text only.\n\nText: {paragraph}\n\nQuestion: {question}\nAnswer: {candidate}\n\n{options}'
        ),
        Template(
            'Does the passage at the end bear out the answer given here?\n\nQ: {question}\nA: {candidate}\n\n'
            'Passage:\n{paragraph}\n\n{options}'
        ),
        Template(
            'The pupils have read this text.\n\n{paragraph}\n\nTheir teacher asks:\n{question}\n\nOne pupil replies:\n'
            '{candidate}\n\nShould the teacher accept the reply?\n{options}'
        ),
        Template('{question}\n{candidate}\n\nIs that what the following text says?\n\n{paragraph}\n{options}'),
        Template(
            '{paragraph}\n\nThat was the reading passage of an exam. The answer key of the exam has to be checked '
            'line by line. One line of it reads:\n\n{question} => {candidate}\n\nCan this line stay as it is?\n\n'
            '{options}'
        ),
        Template(
            'Consider the paragraph, then the question, then the reply. Does the reply answer the question correctly?'
            '\n{options}\n\nParagraph: {paragraph}\n\nQuestion: {question}\n\nReply: {candidate}'
        ),
        Template(
            'My friend thinks that the answer to the question "{question}" is this: {candidate}\n\nI am not so sure. '
            'Here is the source:\n\n{paragraph}\n\nIs my friend right?\n{options}'
        ),
        Template(
            '{paragraph}\n\nQuestion: {question}\n\nSuggest an answer to the question. If somebody asked whether it '
            'is a correct answer, the reply should be "{answer}".',
            '{candidate}',
            inverted=True,
        ),
        Template(
            'Read the text and make up a question about it. When the line at the bottom is offered as an answer to '
            'your question, "Is that correct?" has to be answered with "{answer}".\n\nText: {paragraph}\n\n'
            'Offered answer: {candidate}',
            '{question}',
            inverted=True,
        ),
    ),
    long_fields=('paragraph',),
    metrics=('multirc',),
    licence='Research and Academic Use License of the Cognitive Computation Group (through SuperGLUE)',
    citation='Khashabi et al. 2018: Looking beyond the surface: A challenge set for reading comprehension over '
    'multiple sentences. Wang et al. 2019: SuperGLUE.',
)


def _fact_line(lead: str) -> Field:
    """A line that gives the fact behind an OpenBookQA question, with its line break; empty where none is given."""

    def line(ex: TfdsExample) -> tf.Tensor:
        fact = tf.strings.strip(ex['fact1'])
        return tf.where(fact == '', '', tf.strings.join([lead, fact, '\n']))

    return line


OPENBOOKQA = Dataset(
    name='openbookqa',
    cluster=CLUSTER,
    paper_name='OBQA',
    source='openbookqa:0.1.0',
    splits=Splits(validation='validation'),
    fields={
        'stem': lambda ex: tf.strings.strip(ex['question']['stem']),
        'fact': _fact_line('Fact: '),
        'reminder': _fact_line('Remember: '),
    },
    # The answer key is A, B, C or D.
    answer=Choice(
        options=lambda ex: tf.stack([ex['question'][f'choice_{letter}'] for letter in 'ABCD']), label='answerKey'
    ),
    # A stem is a question, or a sentence that the right option completes.
    templates=(
        Template('Pick the option that answers the question or completes the sentence.\n\n{fact}{stem}\n\n{options}'),
        Template('{stem}\n\n{reminder}Which of these is the best choice?\n\n{options}'),
        Template(
            'This is an exercise from a science book for children.\n\n{stem}\n\n{options}\n\n{fact}Write out the right '
            'option.'
        ),
        Template('{fact}Q: {stem}\n{options}\nA:'),
        Template(
            'One of these is right.\n\n{options}\n\nIt answers this question or completes this sentence: {stem}\n\n'
            '{reminder}Which one is it?'
        ),
        Template(
            'A teacher reads an item of a test aloud.\n"{stem}"\n{reminder}What should the pupils write down?\n{options}'
        ),
        Template(
            '{fact}Think about how nature and everyday things work, and then choose.\n\nItem: {stem}\n\n{options}'
        ),
        Template(
            'Quiz night! The category is elementary science, and the card says:\n{stem}\n\n{options}\n\n{reminder}The '
            'team has to agree on one of the options. Which one earns the point?'
        ),
        Template(
            '{fact}These are the options of a multiple-choice item in a science test.\n\n{options}\n\n"{answer}" is to '
            'be the right one. Write the item: a question that it answers, or a sentence that it completes.',
            '{stem}',
            inverted=True,
        ),
        Template(
            'Invent a science question for schoolchildren, or the beginning of a sentence. Exactly one of the options '
            'below must fit. Say which one.\n{fact}\n{options}',
            'Item: {stem}\nAnswer: {answer}',
            inverted=True,
        ),
    ),
    metrics=('accuracy',),
    licence='Apache 2.0 for the repository of the authors; not stated for the data',
    citation='Mihaylov et al. 2018: Can a suit of armor conduct electricity? A new dataset for open book question '
    'answering.',
    note='The fact that a question was made from stands in the prompt, as in the original code. Where an example has none, '
    'its line is left out.',
)

_SQUAD_FIELDS = {
    'context': _stripped('context'),
    'question': _stripped('question'),
    'title': lambda ex: tf.strings.regex_replace(ex['title'], '_', ' '),
}

SQUAD_V1 = Dataset(
    name='squad_v1',
    cluster=CLUSTER,
    paper_name='SQuAD',
    source='squad/v1.1:3.0.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields=_SQUAD_FIELDS,
    answer=FreeText(answer=lambda ex: ex['answers']['text'][0], references=lambda ex: ex['answers']['text']),
    templates=(
        Template('Read the passage and answer the question in words taken from it.\n\n{context}\n\n{question}'),
        Template('{title}\n\n{context}\n\nQ: {question}\nA:'),
        Template('{question}\n\nThe answer is somewhere in this text. Find it.\n\n{context}'),
        Template(
            'The following paragraph is from the encyclopedia article "{title}".\n\n{context}\n\nSomebody '
            'wants to know:\n{question}\n\nTell them in a few words.'
        ),
        Template('Passage: {context}\n\nQuestion: {question}\n\nThe shortest answer that the passage supports:'),
        Template(
            'Copy out the part of the text that answers this question, and nothing else.\nQuestion: {question}\n'
            'Text: {context}'
        ),
        Template(
            'You are on a quiz show and may use your notes. They say:\n\n{context}\n\nThe host turns to you and '
            'asks:\n{question}\n\nWhat do you say?'
        ),
        Template('{context}\n\nGoing by the above: {question}'),
        Template(
            '{context}\n\nThink of a question about this paragraph that is answered by "{answer}".',
            '{question}',
            inverted=True,
        ),
        Template(
            'Make a flash card on the subject "{title}" from the paragraph below: a question on the front and, on the '
            'back, the answer in words of the paragraph.\n\n{context}',
            'Question: {question}\nAnswer: {answer}',
            inverted=True,
        ),
    ),
    long_fields=('context',),
    metrics=('squad',),
    licence='CC BY-SA 4.0',
    citation='Rajpurkar et al. 2016: SQuAD: 100,000+ questions for machine comprehension of text.',
)

_UNANSWERABLE = 'unanswerable'


def _answers_or_unanswerable(ex: TfdsExample) -> tf.Tensor:
    """The answers, or the word that stands for there being none."""
    return tf.cond(ex['is_impossible'], lambda: tf.constant([_UNANSWERABLE]), lambda: ex['answers']['text'])


SQUAD_V2 = Dataset(
    name='squad_v2',
    cluster=CLUSTER,
    paper_name='SQuAD',
    source='squad/v2.0:3.0.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields=_SQUAD_FIELDS,
    answer=FreeText(answer=lambda ex: _answers_or_unanswerable(ex)[0], references=_answers_or_unanswerable),
    templates=(
        Template(
            'Answer the question from the passage. If the passage does not contain the answer, write "unanswerable".'
            '\n\n{context}\n\n{question}'
        ),
        Template(
            '{context}\n\nQuestion: {question}\n\nReply with a few words of the text, or with "unanswerable" if they '
            'are not to be found there.'
        ),
        Template(
            '{question}\n\nLook for the answer in this text. Be careful: you may be looking in vain, and then the '
            'right reply is "unanswerable".\n\n{context}'
        ),
        Template(
            'Article: {title}\n\n{context}\n\nCan the next question be answered from this part of the article? If it '
            'can, answer it; if not, say "unanswerable".\n\n{question}'
        ),
        Template('Text: {context}\nQ: {question}\nA ("unanswerable" if the text leaves it open):'),
        Template(
            'A careful librarian passes on only what is written in the books. Asked anything else, she says '
            '"unanswerable". On the page in front of her she reads:\n\n{context}\n\nA visitor asks:\n{question}\n\n'
            'What does she say?'
        ),
        Template(
            'Write "unanswerable", or quote the words that answer the question, whichever is right.\n\n'
            'The question: {question}\n\nThe only source you may use: {context}'
        ),
        Template(
            'Some of the questions in this test are traps: they sound sensible, but the passage does not answer '
            'them. Mark such questions as "unanswerable" and answer the others.\n\n{title}\n{context}\n\n'
            'Next question: {question}'
        ),
        Template(
            '{context}\n\nWrite a question about this passage to which the right reply is "{answer}". (For '
            '"unanswerable", ask something that fits the subject but that the passage does not say.)',
            '{question}',
            inverted=True,
        ),
        Template(
            'From the paragraph below, make a test item on "{title}": first a question, then the answer. The answer '
            'is either a phrase of the paragraph or, if you want to set a trap, "unanswerable".\n\n{context}',
            'Question: {question}\nAnswer: {answer}',
            inverted=True,
        ),
    ),
    long_fields=('context',),
    metrics=('squad',),
    licence='CC BY-SA 4.0',
    citation="Rajpurkar et al. 2018: Know what you don't know: Unanswerable questions for SQuAD.",
    note='The answer to a question that the passage does not answer is the word "unanswerable".',
)

DATASETS = (BOOL_Q, DROP, MULTIRC, OPENBOOKQA, SQUAD_V1, SQUAD_V2)
