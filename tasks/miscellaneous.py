"""Miscellaneous tasks: conversational questions, word senses, question types, grammar, algebra, text repair."""

from __future__ import annotations

from typing import Any

from etils import epy

from flan_jax.catalogue.declaration import (
    Choice,
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
from flan_jax.tasks.wording import by_label

with epy.lazy_imports():
    import tensorflow as tf

CLUSTER = Cluster(
    name='miscellaneous',
    title='Miscellaneous',
)


def _longest_word(text: tf.Tensor) -> tf.Tensor:
    """The longest word of a text; the last one where several are as long."""
    words = tf.strings.regex_replace(tf.strings.split(text)[::-1], r'^[^\pL\pN]+|[^\pL\pN]+$', '')
    return words[tf.argmax(tf.strings.length(words, unit='UTF8_CHAR'))]


def _coqa_turns(row: TfdsExample) -> dict[str, tf.Tensor]:
    """An example for every question of a dialogue, with those before it and their answers, each on a line of its own."""
    questions, answers = (tf.strings.strip(text) for text in (row['questions'], row['answers']['input_text']))
    turns = tf.strings.join(['Q: ', questions, '\nA: ', answers, '\n'])
    number = tf.range(tf.size(turns))
    history = tf.strings.reduce_join(tf.where(number[:, tf.newaxis] > number, turns, ''), axis=1)
    story = rewrite(row['story'], ((r'[ \t]+\n', '\n'),))
    return {'story': tf.fill(tf.shape(turns), story), 'history': history, 'question': questions, 'answer': answers}


COQA = Dataset(
    name='coqa',
    cluster=CLUSTER,
    paper_name='CoQA',
    source='coqa:1.0.0',
    splits=Splits(validation=Tail(100), test='test'),
    expand=_coqa_turns,
    # The history ends with a line break, and is empty at the first question.
    fields=('story', 'history', 'question'),
    answer=FreeText(answer='answer'),
    templates=(
        Template('Read the passage and answer the last question.\n\n{story}\n\n{history}Q: {question}\nA:'),
        Template(
            'Passage:\n{story}\n\nConversation:\n{history}Q: {question}\n\nGive a short answer to the last question of '
            'the conversation, using the passage.'
        ),
        inverted(
            '{story}\n\nThe last question of this conversation about the passage is missing. Write a question that fits '
            'its answer.\n\n{history}Q: ...\nA: {answer}',
            '{question}',
        ),
        Template(
            'You and a friend have read the same text, and your friend is asking you about it. Continue the '
            'conversation.\n\nText: {story}\n\n{history}Q: {question}\nA:'
        ),
        Template(
            'Below is a dialogue about a text, followed by the text itself. What is the answer to the last question?\n\n'
            '{history}Q: {question}\n\n{story}'
        ),
        Template('{story}\n\n{history}Q: {question}\nA:'),
        Template(
            'Write the missing answer. A word or a phrase is enough.\n\nText: {story}\n\n{history}Q: {question}\nA: ...'
        ),
        inverted(
            'What could the reader ask next, if the reply is to be "{answer}"?\n\nText: {story}\n\nReader and author so '
            'far:\n{history}Q:',
            '{question}',
        ),
        Template(
            'Answer the final question below. Earlier questions, if there are any, tell you what its pronouns refer to.'
            '\n\n{history}Q: {question}\n\nThe text they are about:\n{story}'
        ),
        Template(
            'Use the article to complete this conversation with one short reply.\n\nArticle: {story}\n\n'
            'Conversation:\n{history}Q: {question}\nReply:'
        ),
    ),
    long_fields=('story',),
    metrics=('coqa',),
    licence='by the source of the passage: CC BY-SA 4.0 (literature, Wikipedia), MSR-LA (MCTest), Apache 2.0 (CNN '
    "news), RACE's own terms (exams)",
    citation='Reddy, Chen and Manning 2018: CoQA: A conversational question answering challenge.',
    note='A row on disk is a dialogue. Every question of it is an example, with the earlier questions and their answers as '
    'history; the original code asked all questions of a story at once, as one numbered list. Splits count dialogues. '
    "The test split is CoQA's development set, of which TFDS keeps one reference answer in four.",
)

_UNANSWERABLE = 'unanswerable'


def _quac_text(ex: TfdsExample) -> tf.Tensor:
    """The text without the mark that QuAC's annotators selected for questions it does not answer."""
    return rewrite(ex['context'], ((r'\s*CANNOTANSWER\s*$', ''), *ONE_LINE))


def _quac_answer(span: tf.Tensor) -> tf.Tensor:
    """Selected text without the loose marks at its ends, or the word for a question left open."""
    text = rewrite(span, (*ONE_LINE, (r'^[.,;:) ]* |[,;:( ]+$', '')))
    return tf.where(text == 'CANNOTANSWER', _UNANSWERABLE, text)


def _that_is_answered(ex: TfdsExample) -> tf.Tensor:
    """What kind of question it is, in words for an inverted template."""
    answer = _quac_answer(ex['orig_answer']['text'])
    answered = tf.strings.join(['that the text answers with "', answer, '"'])
    return tf.where(answer == _UNANSWERABLE, 'that the text does not answer', answered)


QUAC = Dataset(
    name='quac',
    cluster=CLUSTER,
    paper_name='QuAC',
    source='quac:1.0.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields={
        'title': 'title',
        'section': 'section_title',
        'background': clean('background', ONE_LINE),
        'text': _quac_text,
        'question': clean('question', ONE_LINE),
        'that_is_answered': _that_is_answered,
    },
    revealing=('that_is_answered',),
    answer=FreeText(
        answer=lambda ex: _quac_answer(ex['orig_answer']['text']),
        references=lambda ex: _quac_answer(ex['answers']['text']),
    ),
    templates=(
        Template(
            'Answer the question based on the text. If the text does not contain the answer, write "unanswerable".\n\nText: {text}'
            '\n\nQuestion: {question}'
        ),
        Template(
            'Article: {title}\nSection: {section}\nText: {text}\nQuestion: {question}\nAnswer (or "unanswerable"):'
        ),
        inverted(
            'From an encyclopedia article about {title}:\n\n{text}\n\nWrite a question about this section {that_is_answered}.',
            '{question}',
        ),
        Template(
            '{background}\n\n{text}\n\nUse the text above to answer this, or write "unanswerable" if it does not say: {question}'
        ),
        Template(
            'Quote the part of the text that answers the question. If there is none, write "unanswerable".\n\nQuestion: '
            '{question}\n\n{title}\n{section}\n\n{text}'
        ),
        Template('{text}\n\nQ: {question}\nA ("unanswerable" if the text does not say):'),
        Template(
            'Does the section "{section}" of the article "{title}" answer this question?\n\n{question}\n\nIf so, give the answer '
            'in words from the text. If not, write "unanswerable".\n\n{text}'
        ),
        inverted(
            'Topic: {title}\nSection: {section}\n\n{background}\n\n{text}\n\nWhat could a reader of the introduction ask next '
            'about this topic? It should be something {that_is_answered}.',
            '{question}',
        ),
        Template(
            'Question about {title}: {question}\n\nIntroduction: {background}\n\nSection "{section}": {text}\n\nReply with the '
            'exact words of the section, or with "unanswerable".'
        ),
        Template(
            'You are a tutor and have a text about {title} that your student cannot see. The student asks: {question}\n\nReply '
            'with words from the text, or with "unanswerable" if it does not say.\n\n{text}'
        ),
    ),
    long_fields=('background', 'text'),
    metrics=('squad',),
    licence='CC BY-SA 4.0',
    citation='Choi, He, Iyyer, Yatskar, Yih, Choi, Liang and Zettlemoyer 2018: QuAC: Question answering in context.',
    note='TFDS makes an example of every question and leaves out the dialogue before it, so that questions which lean on '
    "earlier ones stand alone, as in the original code. QuAC's mark CANNOTANSWER is taken out of the text, and as an "
    'answer becomes the word "unanswerable".',
)

WIC = Dataset(
    name='wic',
    cluster=CLUSTER,
    paper_name='WIC',
    source='super_glue/wic:1.0.2',
    splits=Splits(validation=Tail(200), test='validation'),
    fields=('word', 'sentence1', 'sentence2'),
    # Labels: 0 False, 1 True (the word is used with the same sense).
    answer=Choice(options=('different meanings', 'the same meaning')),
    templates=(
        Template(
            'Sentence 1: {sentence1}\nSentence 2: {sentence2}\n\nDoes the word "{word}" have the same meaning or different '
            'meanings in the two sentences?\n\n{options}'
        ),
        Template(
            'Word: {word}\nContext 1: {sentence1}\nContext 2: {sentence2}\nIn these contexts the word has\n{options}'
        ),
        inverted(
            'Here is a sentence with the word "{word}".\n\n{sentence1}\n\nWrite another sentence with this word, so that it has '
            '{answer} in the two sentences.',
            '{sentence2}',
        ),
        Template(
            '{sentence1}\n{sentence2}\n\nIs "{word}" used with the same meaning or with different meanings here?\n\n{options}'
        ),
        Template(
            'Compare how the word "{word}" is used in the following sentences.\n\n1. {sentence1}\n2. {sentence2}\n\nIt has\n{options}'
        ),
        Template(
            '{options}\n\nWhat can be said about the word "{word}" in these sentences?\n\n{sentence1}\n{sentence2}'
        ),
        Template(
            'If the word "{word}" has the same meaning in both places, it can be translated by the same word. If it has '
            'different meanings, it may need two. What is the case here?\n\n(a) {sentence1}\n(b) {sentence2}\n\n{options}'
        ),
        inverted(
            'Both of these sentences contain some form of one word, which has {answer} in them. What is the word?\n\n'
            '{sentence1}\n{sentence2}',
            '{word}',
        ),
        Template('{word}: {sentence1}\n{word}: {sentence2}\nSame meaning or different meanings?\n{options}'),
        Template(
            'You are editing a dictionary and have two examples for the word "{word}". Do they belong under the same meaning or '
            'under different meanings?\n\n{sentence1}\n{sentence2}\n\n{options}'
        ),
    ),
    metrics=('accuracy',),
    licence='CC BY-NC 4.0',
    citation='Pilehvar and Camacho-Collados 2019: WiC: The Word-in-Context dataset for evaluating context-sensitive '
    'meaning representations. Wang et al. 2019: SuperGLUE.',
)

_TREC_TOKENISATION = (
    (r"\s*''", '"'),
    (r"\s+('|n't|[?!,:;]|\.\B)", r'\1'),
    (r'``\s*', '"'),
    (r'`\s*', "'"),
    (r'(\$\d+), (\d)', r'\1,\2'),
)
"""Replacements that undo the corpus's blanks and quotation marks: patterns with replacements, in order."""


_trec_question = clean('text', _TREC_TOKENISATION)


TREC = Dataset(
    name='trec',
    cluster=CLUSTER,
    paper_name='TREC',
    source='trec:1.0.0',
    splits=Splits(validation=Tail(200), test='test'),
    fields={
        'question': _trec_question,
        'word': lambda ex: _longest_word(_trec_question(ex)),
        'a_kind': by_label(
            'a description, a definition or a reason',
            'a thing, such as an animal, a product or a work of art',
            'an abbreviation or what it stands for',
            'a person or a group of people',
            'a number, a date or an amount',
            'a place',
            label='label-coarse',
        ),
    },
    revealing=('a_kind',),
    # Labels: 0 DESC, 1 ENTY, 2 ABBR, 3 HUM, 4 NUM, 5 LOC.
    answer=Choice(
        options=('description', 'entity', 'abbreviation', 'human being', 'numeric value', 'location'),
        label='label-coarse',
    ),
    templates=(
        Template('What type of answer does this question ask for?\n\n{question}\n\n{options}'),
        Template('Question: {question}\n{options}\nAnswer type:'),
        inverted('Write a question that contains the word "{word}" and asks for {a_kind}.', '{question}'),
        Template('Classify this question by the kind of answer it is looking for.\n\n{question}\n\n{options}'),
        Template('{question}\n\nSomeone who asks this wants to know about\n{options}'),
        Template('Do not answer this question. What category does its answer belong to?\n\n{question}\n\n{options}'),
        Template('{options}\n\nLabel the following question.\n\n{question}'),
        inverted(
            'Word: {word}\nAnswer type: {answer}\n\nWrite a trivia question with this word and this type of answer.',
            '{question}',
        ),
        Template(
            'A search engine has to know what kind of fact a query is about. What kind is this?\n\nQuery: {question}\n\n{options}'
        ),
        Template(
            'You are sorting quiz cards by the type of their answers. Where does this card go?\n\n{question}\n\n{options}'
        ),
    ),
    metrics=('accuracy',),
    licence='not stated',
    citation='Li and Roth 2002: Learning question classifiers. Hovy et al. 2001: Toward semantics-based answer '
    'pinpointing.',
    note='The coarse labels are used. Questions are shown without the blanks between the tokens of the corpus.',
)


def _cola_shuffled(ex: TfdsExample) -> tf.Tensor:
    """The words of the sentence in an order that tells nothing, yet is the same each time."""
    words = tf.strings.split(ex['sentence'])
    order = tf.argsort(tf.strings.to_hash_bucket_fast(words, 2**31 - 1))
    return tf.strings.reduce_join(tf.gather(words, order), separator=' / ')


COLA = Dataset(
    name='cola',
    cluster=CLUSTER,
    paper_name='CoLA',
    source='glue/cola:2.0.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields={
        'sentence': 'sentence',
        'shuffled': _cola_shuffled,
        'word': lambda ex: _longest_word(ex['sentence']),
    },
    # Labels: 0 unacceptable, 1 acceptable.
    answer=Choice(options=('unacceptable', 'acceptable')),
    templates=(
        Template('{sentence}\n\nIs this sentence grammatically acceptable or unacceptable?\n\n{options}'),
        Template('Sentence: {sentence}\n{options}\nGrammar:'),
        inverted(
            'Put these words in an order that makes the sentence grammatically {answer}.\n\n{shuffled}', '{sentence}'
        ),
        Template(
            'How would a native speaker of English judge the grammar of the following sentence?\n\n{sentence}\n\n{options}'
        ),
        Template(
            'Judge the grammar of this sentence, not whether it is true or likely.\n\n{sentence}\n\nThe sentence is\n{options}'
        ),
        Template('{options}\n\nHow would you rate the English of this sentence?\n\n{sentence}'),
        Template(
            'Does this follow the rules of English grammar? Answer "acceptable" if it does and "unacceptable" if not.\n\n{sentence}\n\n{options}'
        ),
        inverted(
            'Give an example of a grammatically {answer} English sentence that contains the word "{word}".',
            '{sentence}',
        ),
        Template('Linguistic acceptability\n\nInput: {sentence}\n{options}\nJudgment:'),
        Template(
            'You are checking the examples in a grammar textbook. Is this one acceptable or unacceptable?\n\n{sentence}\n\n{options}'
        ),
    ),
    metrics=('accuracy',),
    licence='research use; excerpts from published works, whose authors or publishers keep the copyright',
    citation='Warstadt, Singh and Bowman 2018: Neural network acceptability judgments. Wang et al. 2019: GLUE.',
    note="Judged by accuracy, as in the original code; GLUE reports Matthews' correlation.",
)


def _equation_part(part: str):
    """The field for a part of the exercise 'Solve LEFT = RIGHT for UNKNOWN.'"""
    return lambda ex: tf.strings.regex_replace(ex['question'], r'^Solve ((.+) = (.+)) for (\w+)\.$', part)


MATH = Dataset(
    name='math_dataset',
    cluster=CLUSTER,
    paper_name='Math',
    source='math_dataset/algebra__linear_1d:1.0.0',
    splits=Splits(validation=Tail(200), test='test'),
    fields={
        'question': 'question',
        'equation': _equation_part(r'\1'),
        'left_side': _equation_part(r'\2'),
        'right_side': _equation_part(r'\3'),
        'unknown': _equation_part(r'\4'),
    },
    answer=FreeText(answer='answer'),
    templates=(
        Template('{question}'),
        Template('Solve the equation {equation} for {unknown}.'),
        inverted(
            'Write an exercise that starts with "Solve". It should give a linear equation in {unknown} whose solution is {answer}.',
            '{question}',
        ),
        Template('What is the value of {unknown} if {equation}?'),
        Template('Equation: {equation}\nUnknown: {unknown}\nSolution:'),
        Template('Find the number {unknown} for which both sides of this equation are equal.\n\n{equation}'),
        Template('{equation}\n\nWork out {unknown}, and reply with a single number.'),
        inverted(
            '{left_side} = ...\n\nComplete this equation with a right-hand side so that its solution is {unknown} = {answer}.',
            '{right_side}',
        ),
        Template('If {left_side} equals {right_side}, what does {unknown} equal?'),
        Template('A student is stuck on this homework problem: {question}\n\nWhat is the answer?'),
    ),
    metrics=('exact_match',),
    licence='Apache 2.0',
    citation='Saxton, Grefenstette, Hill and Kohli 2019: Analysing mathematical reasoning abilities of neural models.',
    note='Only the module algebra__linear_1d, as in the original code.',
)

_WORD = r"[\pL\pM\pN]+(?:[^\s\pL\pM\pN'’][\pL\pM\pN]+)*"
"""A word or number, with the hyphens, points and other marks inside it; an apostrophe ends it."""


def _english(ex: TfdsExample) -> tf.Tensor:
    """The English sentence on one line."""
    return rewrite(ex['en'], ONE_LINE)


def _without_punctuation(ex: TfdsExample) -> tf.Tensor:
    """The sentence without punctuation marks; symbols, such as those of currencies and units, are none."""
    return rewrite(_english(ex), ((rf'({_WORD}|[%&@#/])|\pP', r'\1'), *ONE_LINE))


def _lower_case(ex: TfdsExample) -> tf.Tensor:
    """The sentence in small letters, accented ones too."""
    return tf.strings.lower(_english(ex), encoding='utf-8')


def _without_spaces(ex: TfdsExample) -> tf.Tensor:
    """The sentence with its words run together."""
    return tf.strings.regex_replace(_english(ex), ' ', '')


def _para_crawl_splits(train_start: int) -> Splits:
    """The part of the one ParaCrawl split that a dataset trains on; all three share the tails."""
    return Splits(train_start=train_start, validation=Tail(200), test=Tail(3000))


_PARA_CRAWL: dict[str, Any] = {
    'cluster': CLUSTER,
    'source': 'para_crawl/enda:1.2.0',
    'answer': FreeText(answer=_english),
    'metrics': ('edit_distance',),
    'licence': 'CC0 1.0 for the packaging; the texts belong to the owners of the websites they were taken from',
    'citation': 'Bañón et al. 2020: ParaCrawl: Web-scale acquisition of parallel corpora.',
}

_PARA_CRAWL_NOTE = (
    'The English side of the corpus, which is unedited web text. Development examples are the 200 before the 3,000 of the '
    'test; the original code took those that follow the training examples.'
)

FIX_PUNCT = Dataset(
    name='fix_punct',
    paper_name='Fix Punctuation',
    splits=_para_crawl_splits(30_200),
    fields={'bare': _without_punctuation},
    templates=(
        Template('Add the missing punctuation to this sentence.\n\n{bare}'),
        Template('Without punctuation: {bare}\nWith punctuation:'),
        inverted(
            'Remove the punctuation marks from this text, apostrophes included. Keep marks inside a word or number, such as '
            'hyphens and decimal points.\n\n{answer}',
            '{bare}',
        ),
        Template(
            '{bare}\n\nRewrite the text above with commas, periods, quotation marks and so on where they belong. Do not change the words.'
        ),
        Template('All punctuation has been lost from the following text. Restore it.\n\n{bare}'),
        Template('Correct the punctuation: {bare}'),
        Template('Which punctuation marks does the text "{bare}" need? Answer with the punctuated text.'),
        inverted(
            'Text: {answer}\n\nWrite the text again with only its words and numbers, and the hyphens and points inside them. '
            'Leave out all other punctuation marks.',
            '{bare}',
        ),
        Template(
            'This text comes from a speech recognizer, which does not write punctuation.\n\n{bare}\n\nPunctuate it.'
        ),
        Template('You are proofreading a web page, and this line has no punctuation: {bare}\n\nHow should it read?'),
    ),
    keep=Keep(
        'no punctuation to restore, or nothing but punctuation',
        lambda ex: (_without_punctuation(ex) != _english(ex)) & (_without_punctuation(ex) != ''),
    ),
    note='Letters outside ASCII, hyphens and the points inside numbers stay in the text to be punctuated; the original '
    'code removed them. ' + _PARA_CRAWL_NOTE,
    **_PARA_CRAWL,
)

TRUE_CASE = Dataset(
    name='true_case',
    paper_name='',
    splits=_para_crawl_splits(0),
    fields={'lower': _lower_case},
    templates=(
        Template('Write this text with correct capitalization.\n\n{lower}'),
        Template('Lower case: {lower}\nCorrect case:'),
        inverted('Convert this text to lower case.\n\n{answer}', '{lower}'),
        Template('{lower}\n\nWhich letters should be upper case? Give the corrected text.'),
        Template('Everything in this text is in lower case: {lower}\n\nRestore the capital letters.'),
        Template('Fix the capitalization and change nothing else.\n{lower}'),
        Template(
            'In English, names, many abbreviations and the first words of sentences are capitalized. Apply this to the following text.\n\n{lower}'
        ),
        inverted(
            'A search index stores text in lower case. What does it store for this entry?\n\nEntry: {answer}\nStored as:',
            '{lower}',
        ),
        Template('How would this text be printed in a book? Pay attention to upper and lower case.\n\n{lower}'),
        Template(
            'A friend wrote you this message on a keyboard with a broken shift key:\n\n{lower}\n\nWhat should it look like?'
        ),
    ),
    keep=Keep('no capital letter to restore', lambda ex: _lower_case(ex) != _english(ex)),
    note="Not among the paper's 62 datasets, but in the original code. " + _PARA_CRAWL_NOTE,
    **_PARA_CRAWL,
)

WORD_SEGMENT = Dataset(
    name='word_segment',
    paper_name='',
    splits=_para_crawl_splits(60_400),
    fields={'joined': _without_spaces},
    templates=(
        Template('Add the missing spaces between the words: {joined}'),
        Template('Without spaces: {joined}\nWith spaces:'),
        inverted('Remove all spaces from this text: {answer}', '{joined}'),
        Template('{joined}\n\nSplit this string into words.'),
        Template('Segment the following English text into words. Leave all other characters as they are.\n\n{joined}'),
        Template('Where does each word end? Rewrite the line with spaces.\n\n{joined}'),
        Template('The words of this text have run together: {joined}\n\nSeparate them.'),
        inverted(
            'Text: {answer}\n\nWrite the text as one string without spaces, and keep every other character.', '{joined}'
        ),
        Template(
            'Text that is copied from a PDF file sometimes loses its spaces, like here:\n\n{joined}\n\nWhat did the page say?'
        ),
        Template(
            'You received this message from someone whose space bar is broken:\n\n{joined}\n\nWhat did they mean to type?'
        ),
    ),
    keep=Keep('a single word, with no spaces to restore', lambda ex: _without_spaces(ex) != _english(ex)),
    note="Not among the paper's 62 datasets, but in the original code. " + _PARA_CRAWL_NOTE,
    **_PARA_CRAWL,
)

DATASETS = (COQA, QUAC, WIC, TREC, COLA, MATH, FIX_PUNCT, TRUE_CASE, WORD_SEGMENT)
