"""Reading comprehension: what does a passage say?"""

from __future__ import annotations

from etils import epy

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
    inverted,
)
from flan_jax.tasks.cleaning import clean, cleaned
from flan_jax.tasks.wording import by_label

with epy.lazy_imports():
    import tensorflow as tf

CLUSTER = Cluster(
    name='reading_comprehension',
    title='Reading comprehension',
    also_left_out=('reading_comprehension_with_commonsense',),
)


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
        'query': clean('question'),
        'title': 'title',
    },
    # The answer is a boolean: false is no, true is yes.
    answer=Choice(options=('no', 'yes'), label=lambda ex: tf.cast(ex['answer'], tf.int64)),
    templates=(
        Template('{passage}\n\nBased on this passage, answer the question.\n\n{question}\n\n{options}'),
        Template('Passage: {passage}\n\nQuestion: {question}\n\n{options}\n\nAnswer:'),
        inverted('{passage}\n\nWrite a question about this passage to which the answer is {answer}.', '{question}'),
        Template('{question} Answer yes or no, using the text below.\n\n{passage}\n\n{options}'),
        Template('{title}\n\n{passage}\n\n{question}\n{options}'),
        Template(
            'Read this excerpt from the article "{title}".\n\n{passage}\n\nAccording to the excerpt: {question}\n\n{options}'
        ),
        Template(
            'Is the answer to this question yes or no?\n{question}\n\nUse only this information:\n{passage}\n\n{options}'
        ),
        inverted(
            'Write a paragraph for an encyclopedia article about "{title}". It should give readers the answer to the question '
            'below.\n\nQuestion: {question}\nAnswer: {answer}',
            '{passage}',
        ),
        Template(
            '{options}\n\nWhat does the text say in reply to the question?\n\nQuestion: {question}\n\nText: {passage}'
        ),
        Template(
            'Someone typed "{query}" into a search engine and found this passage:\n\n{passage}\n\nWhat is the answer?\n{options}'
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
    fields=cleaned('passage', 'question'),
    answer=FreeText(answer=lambda ex: _with_plain_dates(ex['answer']), references=_drop_references),
    keep=Keep('TFDS has no text for answers that are a date without a day', lambda ex: ex['answer'] != ''),
    templates=(
        Template(
            'Answer the question based on the passage. Calculate if you have to.\n\nPassage: {passage}\n\nQuestion: {question}'
        ),
        Template('{passage}\n\nQ: {question}\nA:'),
        inverted(
            '{passage}\n\nThe answer to a question about this passage is "{answer}". Readers have to search, count, compare or '
            'calculate to find it. What is the question?',
            '{question}',
        ),
        Template(
            '{question}\n\nWork out the answer from this text. You may need to count, compare or calculate.\n\n{passage}'
        ),
        Template('Read closely and pay attention to numbers and dates.\n\n{passage}\n\n{question}'),
        Template('{passage}\n\nUsing the facts above, answer with a number, a date, a name or a phrase: {question}'),
        Template(
            'Q: {question}\n\nFind the answer in this passage, and reply without an explanation.\n\n{passage}\n\nA:'
        ),
        inverted(
            'Write a difficult reading comprehension question about the text below, one whose answer has to be worked out, and '
            'add the answer.\n\nText: {passage}',
            'Question: {question}\nAnswer: {answer}',
        ),
        Template('Reading comprehension test\n\n{passage}\n\nTask: {question}\n\nYour answer:'),
        Template(
            'You are helping a colleague who has no time to read this report.\n\n{passage}\n\nYour colleague asks: {question}\n\nWhat do you reply?'
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
        **cleaned('paragraph', 'question'),
        'candidate': clean('answer'),
        'correct': by_label('wrong', 'correct'),
        'a_correct': by_label('a wrong', 'a correct'),
    },
    revealing=('correct', 'a_correct'),
    # Labels: 0 False, 1 True.
    answer=Choice(options=('no', 'yes')),
    group=lambda ex: tf.strings.join(
        [tf.strings.as_string(ex['idx'][part]) for part in ('paragraph', 'question')], '-'
    ),
    templates=(
        Template(
            '{paragraph}\n\nQuestion: {question}\nProposed answer: {candidate}\n\nIs the proposed answer correct?\n\n{options}'
        ),
        Template(
            'Question: {question}\nAnswer: {candidate}\n\nBased on the paragraph below, is this answer correct?\n\n'
            '{paragraph}\n\n{options}'
        ),
        inverted(
            '{paragraph}\n\nQuestion: {question}\n\nSuggest an answer to this question that is {correct}.',
            '{candidate}',
        ),
        Template(
            'A question can have more than one correct answer. Is the one below correct, according to the text?\n\nText: '
            '{paragraph}\n\nQuestion: {question}\nAnswer: {candidate}\n\n{options}'
        ),
        Template('{question}\n{candidate}\n\nIs that what the following text says?\n\n{paragraph}\n\n{options}'),
        Template('Passage: {paragraph}\n\nQ: {question}\nA: {candidate}\n\nRight or not?\n{options}'),
        Template(
            '{options}\n\nDoes the response answer the question correctly?\n\nParagraph: {paragraph}\n\nQuestion: {question}\n\nResponse: {candidate}'
        ),
        inverted(
            'Read the text and write a question about it, so that "{candidate}" is {a_correct} answer.\n\nText: {paragraph}',
            '{question}',
        ),
        Template(
            'Check the answer against the passage. Can it stay as it is?\n\nQuestion: {question}\nAnswer: {candidate}\n\nPassage:\n{paragraph}\n\n{options}'
        ),
        Template(
            'You are grading a reading test.\n\n{paragraph}\n\nQuestion: {question}\nA student wrote: {candidate}\n\nIs this correct?\n{options}'
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
        Template('{fact}Question: {stem}\n{options}\nAnswer:'),
        Template('Answer the question, or complete the sentence.\n\n{fact}{stem}\n\n{options}'),
        inverted(
            '{fact}{options}\n\nThese are the options of a multiple-choice question in a science test, and the correct one is '
            '"{answer}". Write the question, or the beginning of a sentence that the correct option completes.',
            '{stem}',
        ),
        Template('{stem}\n\n{reminder}What is the right answer?\n\n{options}'),
        Template('{fact}Use common sense to answer.\n\n{stem}\n\n{options}'),
        Template('Elementary science\n\n{reminder}{stem}\n\n{options}'),
        Template('{options}\n\n{reminder}What is the correct response to this?\n\n{stem}'),
        inverted(
            'Write a science question for children, or the beginning of a sentence, that exactly one of the options below fits. '
            'Add the right option.\n{fact}\n{options}',
            'Item: {stem}\nAnswer: {answer}',
        ),
        Template('Think about how nature and everyday things work.\n\n{stem}\n{reminder}\n{options}'),
        Template(
            'You are a teacher writing the answer key for a science quiz.\n{reminder}Question: {stem}\n\n{options}\n\nWhat '
            'goes into the key?'
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
    **cleaned('context', 'question'),
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
        Template('Answer the question based on the passage.\n\nPassage: {context}\n\nQuestion: {question}'),
        Template('{context}\n\nQuestion: {question}\nAnswer:'),
        inverted('{context}\n\nWrite a question about this paragraph that is answered by "{answer}".', '{question}'),
        Template('{question}\n\nFind the answer in this text and reply in words taken from it.\n\n{context}'),
        Template(
            'Read this excerpt from the article "{title}" and answer the question in a few words.\n\n{context}\n\n{question}'
        ),
        Template('{title}\n\n{context}\n\nQ: {question}\nA:'),
        Template('Copy the part of the text that answers the question.\n\nQuestion: {question}\nText: {context}'),
        inverted(
            'Make a flash card about "{title}" from the paragraph below: a question on the front and a short answer from the '
            'paragraph on the back.\n\n{context}',
            'Question: {question}\nAnswer: {answer}',
        ),
        Template('{context}\n\nAccording to the paragraph above: {question}'),
        Template(
            'You are a librarian. A visitor asks: {question}\n\nWhat do you answer, going by this page?\n\n{context}'
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


def _that_is_answered(ex: TfdsExample) -> tf.Tensor:
    """What kind of question it is, in words for an inverted template."""
    answered = tf.strings.join(['that is answered by "', _answers_or_unanswerable(ex)[0], '"'])
    return tf.where(ex['is_impossible'], 'that sounds sensible but that it does not answer', answered)


SQUAD_V2 = Dataset(
    name='squad_v2',
    cluster=CLUSTER,
    paper_name='SQuAD',
    source='squad/v2.0:3.0.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields=_SQUAD_FIELDS | {'that_is_answered': _that_is_answered},
    revealing=('that_is_answered',),
    answer=FreeText(answer=lambda ex: _answers_or_unanswerable(ex)[0], references=_answers_or_unanswerable),
    templates=(
        Template(
            'Answer the question based on the passage. If the passage does not contain the answer, write "unanswerable".\n\n'
            'Passage: {context}\n\nQuestion: {question}'
        ),
        Template('{context}\n\nQ: {question}\nA (or "unanswerable"):'),
        inverted(
            '{context}\n\nWrite a question about this passage {that_is_answered}.',
            '{question}',
        ),
        Template(
            '{question}\n\nLook for the answer in this text, and reply with a few of its words. If it is not there, the right '
            'reply is "unanswerable".\n\n{context}'
        ),
        Template(
            'Article: {title}\n\n{context}\n\nCan the question below be answered from this part of the article? If so, answer it. '
            'If not, write "unanswerable".\n\n{question}'
        ),
        Template(
            '{context}\n\nAccording to the paragraph above: {question}\n\nWrite "unanswerable" if it does not say.'
        ),
        Template(
            'Quote the words of the text that answer the question, or write "unanswerable".\n\nQuestion: {question}\n\nText: {context}'
        ),
        inverted(
            'Write a test question about "{title}" using the paragraph below, and add the answer: either a phrase from the '
            'paragraph or, for a question that it does not answer, "unanswerable".\n\n{context}',
            'Question: {question}\nAnswer: {answer}',
        ),
        Template(
            'Some questions in this test cannot be answered from the text. Mark those as "unanswerable" and answer the others.'
            '\n\n{title}\n{context}\n\nQuestion: {question}'
        ),
        Template(
            'You are a librarian who passes on only what the books say, and otherwise replies "unanswerable". A visitor asks: '
            '{question}\n\nThe book says:\n\n{context}\n\nWhat do you reply?'
        ),
    ),
    long_fields=('context',),
    metrics=('squad',),
    licence='CC BY-SA 4.0',
    citation="Rajpurkar et al. 2018: Know what you don't know: Unanswerable questions for SQuAD.",
    note='The answer to a question that the passage does not answer is the word "unanswerable".',
)

DATASETS = (BOOL_Q, DROP, MULTIRC, OPENBOOKQA, SQUAD_V1, SQUAD_V2)
