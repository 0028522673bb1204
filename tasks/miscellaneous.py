"""Kinds of task that stand alone: conversational questions, word senses, question types, grammar, algebra, text repair."""

import tensorflow as tf

from flan_jax.catalogue.declaration import Choice, Cluster, Dataset, FreeText, Keep, Splits, Tail, Template, TfdsExample

CLUSTER = Cluster(
    name='miscellaneous',
    title='Miscellaneous',
)


def _one_line(text: tf.Tensor) -> tf.Tensor:
    """Text with single spaces for any run of blanks, and none at the ends."""
    return tf.strings.strip(tf.strings.regex_replace(text, r'[\s\pZ]+', ' '))


def _longest_word(text: tf.Tensor) -> tf.Tensor:
    """The longest word of a text; the last one where several are as long."""
    words = tf.strings.regex_replace(tf.strings.split(text)[::-1], r'^[^\pL\pN]+|[^\pL\pN]+$', '')
    return words[tf.argmax(tf.strings.length(words, unit='UTF8_CHAR'))]


def _coqa_history(ex: TfdsExample) -> tf.Tensor:
    """Every question before the last one with its answer, each on a line of its own."""
    questions = tf.strings.strip(ex['questions'][:-1])
    answers = tf.strings.strip(ex['answers']['input_text'][:-1])
    return tf.strings.reduce_join(tf.strings.join(['Q: ', questions, '\nA: ', answers]), separator='\n')


COQA = Dataset(
    name='coqa',
    cluster=CLUSTER,
    paper_name='CoQA',
    source='coqa:1.0.0',
    splits=Splits(validation=Tail(100), test='test'),
    fields={
        'story': lambda ex: tf.strings.strip(tf.strings.regex_replace(ex['story'], r'[ \t]+\n', '\n')),
        'history': _coqa_history,
        'question': lambda ex: tf.strings.strip(ex['questions'][-1]),
    },
    answer=FreeText(answer=lambda ex: tf.strings.strip(ex['answers']['input_text'][-1])),
    templates=(
        Template(
            'Read the text, then complete the last answer in the conversation about it.\n\n{story}\n\n{history}\n'
            'Q: {question}\nA:'
        ),
        Template(
            'Text:\n{story}\n\nAsked and answered so far:\n{history}\n\nNext question: {question}\n\nGive a short '
            'answer.'
        ),
        Template(
            'You and a friend have both read this:\n\n{story}\n\nYour friend asks and you answer. Up to now the '
            'conversation went like this:\n{history}\n\nThe next thing that your friend wants to know: {question}\n\n'
            'What do you say?'
        ),
        Template(
            'Answer the question below.\n{question}\n\nIt continues a conversation, which tells what its words refer '
            'to:\n{history}\n\nThe conversation is about this passage:\n{story}'
        ),
        Template(
            'A pupil has read the following.\n\n{story}\n\nThe teacher finds out how much the pupil has understood.\n'
            '{history}\n\nNow the teacher asks:\n{question}\n\nWhat should the pupil reply?'
        ),
        Template(
            '{history}\n\nThese answers were found in the passage at the end. Find one more, for this question: '
            '{question}\n\n{story}'
        ),
        Template(
            'Chat log\n\n{history}\nQ: {question}\n\nThe reply to the last question is missing. Write it, using what '
            'the article says.\n\nArticle\n\n{story}'
        ),
        Template('Passage: {story}\n\nDialogue:\n{history}\n\nCurrent question: {question}\nAnswer:'),
        Template(
            'A reporter asks questions about this text:\n\n{story}\n\nThe interview so far:\n{history}\n\nThe next '
            'answer the reporter gets is: {answer}\n\nWhat was the question?',
            '{question}',
            inverted=True,
        ),
        Template(
            'The last question of this quiz has been lost. Write a question that leads to the answer given.\n\n'
            '{history}\nQ: ...\nA: {answer}\n\nThe text that the quiz is about:\n\n{story}',
            '{question}',
            inverted=True,
        ),
    ),
    keep=Keep('a dialogue of one question has no history', lambda ex: tf.size(ex['questions']) > 1),
    long_fields=('story',),
    metrics=('coqa',),
    licence='by the source of the passage: CC BY-SA 4.0 (literature, Wikipedia), MSR-LA (MCTest), Apache 2.0 (CNN '
    "news), RACE's own terms (exams)",
    citation='Reddy, Chen and Manning 2018: CoQA: A conversational question answering challenge.',
    note='An example is a whole dialogue. It is asked for the answer to the last question, with all earlier questions and '
    'answers as history; the original code asked all questions of a story at once, as one numbered list. The test '
    "split is CoQA's development set, of which TFDS keeps one reference answer in four.",
)

_UNANSWERABLE = 'unanswerable'


def _quac_text(ex: TfdsExample) -> tf.Tensor:
    """The text without the mark that QuAC's annotators selected for questions it does not answer."""
    return _one_line(tf.strings.regex_replace(ex['context'], r'\s*CANNOTANSWER\s*$', ''))


def _quac_answer(span: tf.Tensor) -> tf.Tensor:
    """Selected text without the loose marks at its ends, or the word for a question left open."""
    text = tf.strings.regex_replace(_one_line(span), r'^[.,;:) ]* |[,;:( ]+$', '')
    return tf.where(text == 'CANNOTANSWER', _UNANSWERABLE, text)


QUAC = Dataset(
    name='quac',
    cluster=CLUSTER,
    paper_name='QuAC',
    source='quac:1.0.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields={
        'title': 'title',
        'section': 'section_title',
        'background': lambda ex: _one_line(ex['background']),
        'text': _quac_text,
        'question': lambda ex: _one_line(ex['question']),
    },
    answer=FreeText(
        answer=lambda ex: _quac_answer(ex['orig_answer']['text']),
        references=lambda ex: _quac_answer(ex['answers']['text']),
    ),
    templates=(
        Template(
            'Below is the section "{section}" of the article "{title}". Use it to answer the question. If it does not '
            'contain the answer, write "unanswerable".\n\n{text}\n\nQuestion: {question}'
        ),
        Template(
            'Article: {title}\nSection: {section}\nText: {text}\nQuestion: {question}\nAnswer (or "unanswerable"):'
        ),
        Template(
            'A student wants to learn about {title} but cannot see the text, which only you have. The student asks:\n\n'
            '{question}\n\nReply with words from the text, or with "unanswerable" where it says nothing about the '
            'matter.\n\n{text}'
        ),
        Template(
            '{background}\n\n{text}\n\nReply to this with the help of the paragraphs above, or say "unanswerable" if '
            'they leave it open: {question}'
        ),
        Template(
            'Does the text say anything about this?\n{question}\n\nIf so, quote the part that tells. Otherwise write '
            '"unanswerable".\n\n{title}\n{section}\n\n{text}'
        ),
        Template(
            'You are an encyclopedia that can talk. A visitor has opened the page "{title}" at the heading '
            '"{section}" and asks you: {question}\n\nThis is what the page says:\n{text}\n\nAnswer from the page '
            'alone. Where it is silent, your answer is "unanswerable".'
        ),
        Template('{text}\n\nQ: {question}\nA ("unanswerable" if the text does not tell):'),
        Template(
            'Question about {title}: {question}\n\nCopy out the words that answer it, and write nothing else. Should '
            'there be none, the single word "unanswerable" will do.\n\nIntroduction: {background}\n\nSection '
            '"{section}": {text}'
        ),
        Template(
            'From an encyclopedia article about {title}:\n\n{text}\n\nA curious reader asked a question and was given '
            'this answer: {answer}\n\nWhat had the reader asked?',
            '{question}',
            inverted=True,
        ),
        Template(
            'Topic: {title}\nHeading: {section}\n\n{background}\n\nAn examiner needs one more question about this '
            'topic. The text below must give the answer shown under it, where "unanswerable" means that the text is '
            'silent.\n\nText: {text}\n\nAnswer: {answer}\n\nQuestion:',
            '{question}',
            inverted=True,
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
    fields={'word': 'word', 'sentence1': 'sentence1', 'sentence2': 'sentence2'},
    # Labels: 0 False, 1 True (the word is used with the same sense).
    answer=Choice(options=('different meanings', 'the same meaning')),
    templates=(
        Template(
            'Sentence 1: {sentence1}\nSentence 2: {sentence2}\n\nDoes the word "{word}" have different meanings or the '
            'same meaning in the two sentences?\n\n{options}'
        ),
        Template('{sentence1}\n{sentence2}\n\nIn these two sentences, "{word}" has\n{options}'),
        Template(
            'A dictionary gives two examples for the word "{word}".\n\n(a) {sentence1}\n(b) {sentence2}\n\nShould they '
            'stand under different meanings or under the same meaning?\n\n{options}'
        ),
        Template('{word}: {sentence1}\n{word}: {sentence2}\nSame meaning or not?\n{options}'),
        Template(
            'A translator meets the word "{word}" twice in a book.\n\nFirst: {sentence1}\nLater: {sentence2}\n\nIf it '
            'has the same meaning in both places, one translation will do; if it has different meanings, two are '
            'needed. Which is the case?\n\n{options}'
        ),
        Template('Word: {word}\nContext A: {sentence1}\nContext B: {sentence2}\nIn A and B the word has:\n{options}'),
        Template(
            'Think about what some form of "{word}" means in the first sentence, then about what it means in the '
            'second, and compare.\n\n1. {sentence1}\n2. {sentence2}\n\nWhat did you find?\n{options}'
        ),
        Template(
            '{options}\n\nChoose one of these to finish the remark of a teacher of English: "In the two sentences on '
            'the board, the word {word} has ..."\n\nOn the board:\n{sentence1}\n{sentence2}'
        ),
        Template(
            'Here is a sentence with the word "{word}".\n\n{sentence1}\n\nWrite another sentence with it, such that in '
            'the two sentences the word has {answer}.',
            '{sentence2}',
            inverted=True,
        ),
        Template(
            'Both of these sentences contain some form of one word, which has {answer} there. Which word is it?\n\n'
            '{sentence1}\n{sentence2}',
            '{word}',
            inverted=True,
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
"""How the corpus's blanks and quotation marks are undone: patterns with their replacements, in order."""


def _trec_question(ex: TfdsExample) -> tf.Tensor:
    """The question as people write it, without the blanks that part its tokens."""
    text = ex['text']
    for pattern, replacement in _TREC_TOKENISATION:
        text = tf.strings.regex_replace(text, pattern, replacement)
    return tf.strings.strip(text)


TREC = Dataset(
    name='trec',
    cluster=CLUSTER,
    paper_name='TREC',
    source='trec:1.0.0',
    splits=Splits(validation=Tail(200), test='test'),
    fields={'question': _trec_question, 'word': lambda ex: _longest_word(_trec_question(ex))},
    # Labels: 0 DESC, 1 ENTY, 2 ABBR, 3 HUM, 4 NUM, 5 LOC.
    answer=Choice(
        options=('description', 'entity', 'abbreviation', 'human being', 'numeric value', 'location'),
        label='label-coarse',
    ),
    templates=(
        Template('What kind of answer does this question ask for?\n\n{question}\n\n{options}'),
        Template('Question: {question}\nExpected type of answer:\n{options}'),
        Template('Do not answer the question, only say what sort of thing its answer would be.\n{question}\n{options}'),
        Template(
            'A quiz master sorts questions into boxes by what the players have to come up with. Into which box does '
            'this card go?\n\n{question}\n\n{options}'
        ),
        Template('{question}\n\nSomeone who asks this is looking for\n{options}'),
        Template(
            'Before a search engine starts to look for facts, it decides which type of fact is wanted. Decide for the '
            'following query.\n\nQuery: {question}\n\n{options}'
        ),
        Template('{options}\n\nPick the one of these labels that fits the question below.\n{question}'),
        Template(
            'Questions can be classified by their answers. The one below is to be classified even by somebody who does '
            'not know the answer.\n\nQ: {question}\n\nClass:\n{options}'
        ),
        Template(
            'Write a question with the word "{word}" in it. The type of its answer is to be: {answer}.',
            '{question}',
            inverted=True,
        ),
        Template(
            'Pub quiz, next card\nWord to work in: {word}\nWhat the players must come up with: {answer}\nText of the '
            'question:',
            '{question}',
            inverted=True,
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
        Template('{sentence}\n\nAs far as its grammar goes, is this sentence acceptable or unacceptable?\n\n{options}'),
        Template(
            'A linguist reads out a sentence to native speakers of English and asks for their '
            'judgement.\n\n"{sentence}"\n\nWhat will they say of it?\n{options}'
        ),
        Template('Sentence: {sentence}\nGrammar:\n{options}'),
        Template(
            'Judge only the form of the next line, and not whether what it says is true or likely.\n{sentence}\n'
            'As English, the line is\n{options}'
        ),
        Template(
            'Books on syntax put an asterisk before an example that breaks the rules of the language. Here the '
            'asterisk, if there was one, has been rubbed out:\n\n{sentence}\n\nWhat did the author of the book hold '
            'it to be?\n\n{options}'
        ),
        Template('Rate the English of this sentence.\n{sentence}\n{options}'),
        Template(
            'Teacher: "Today we sort sentences into two heaps by their grammar. On which heap would you put the '
            'following one?"\n\n{sentence}\n\n{options}'
        ),
        Template(
            '{options}\n\nPick the word from this list that describes the grammar of the sentence below.\n\n{sentence}'
        ),
        Template(
            'Arrange all of these words so that they form a sentence which a speaker of English finds {answer}.\n\n'
            '{shuffled}',
            '{sentence}',
            inverted=True,
        ),
        Template(
            'An exercise sheet on grammar still lacks one example. Write an {answer} sentence that has the word '
            '"{word}" in it.',
            '{sentence}',
            inverted=True,
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
        Template('What is the value of {unknown} if {equation}?'),
        Template('Equation: {equation}\nUnknown: {unknown}\nSolution:'),
        Template('Find the number {unknown} that makes both sides of this equation equal.\n\n{equation}'),
        Template(
            'Here is an exercise from an algebra lesson.\n\n{question}\n\nWork it out and write the result as a single '
            'number.'
        ),
        Template(
            'Two machines are given the same number {unknown}. One returns {left_side}, the other returns '
            '{right_side}. For which number do they return the same?'
        ),
        Template(
            'My homework says: {question} I have lost my notes on linear equations. Please tell me what {unknown} is.'
        ),
        Template('Given that {left_side} equals {right_side}, {unknown} equals what?'),
        Template(
            'Make up an exercise that begins with "Solve". It should give a linear equation whose only unknown is '
            '{unknown}, and its solution should be {answer}.',
            '{question}',
            inverted=True,
        ),
        Template(
            'A drop of ink has hidden the right-hand side of an equation:\n\n{left_side} = ...\n\nThe solution can '
            'still be read: {unknown} = {answer}. Write a right-hand side that fits.',
            '{right_side}',
            inverted=True,
        ),
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
    return _one_line(ex['en'])


def _without_punctuation(ex: TfdsExample) -> tf.Tensor:
    """The sentence without punctuation marks; symbols, such as those of currencies and units, are none."""
    return _one_line(tf.strings.regex_replace(_english(ex), rf'({_WORD}|[%&@#/])|\pP', r'\1'))


def _lower_case(ex: TfdsExample) -> tf.Tensor:
    """The sentence in small letters, accented ones too."""
    return tf.strings.lower(_english(ex), encoding='utf-8')


def _without_spaces(ex: TfdsExample) -> tf.Tensor:
    """The sentence with its words run together."""
    return tf.strings.regex_replace(_english(ex), ' ', '')


def _para_crawl_splits(train_start: int) -> Splits:
    """The part of the one ParaCrawl split that a dataset trains on; all three share the tails."""
    return Splits(train_start=train_start, validation=Tail(200), test=Tail(3000))


_PARA_CRAWL = {
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
        Template('Add the missing punctuation marks to this sentence.\n\n{bare}'),
        Template(
            '{bare}\n\nWrite this again with commas, full stops, quotation marks and so on where they belong. Leave '
            'the words as they are.'
        ),
        Template('All punctuation has been lost from the text that follows. Put it back: {bare}'),
        Template('Without punctuation: {bare}\nWith punctuation:'),
        Template(
            'A program for speech recognition has written down what it heard, but it knows no punctuation marks.\n\n'
            '{bare}\n\nTurn this into properly punctuated text.'
        ),
        Template(
            'You edit the pages of a web site. An author has sent in a line and forgotten every comma, apostrophe and '
            'full stop:\n\n{bare}\n\nSend back the corrected line.'
        ),
        Template('Which punctuation marks does the text "{bare}" need, and where? Answer with the punctuated text.'),
        Template('Punctuate:\n{bare}'),
        Template(
            'Copy this text, but leave out its punctuation marks, apostrophes among them. Only marks inside a word or '
            'number, like hyphens and decimal points, are to stay.\n\n{answer}',
            '{bare}',
            inverted=True,
        ),
        Template(
            'A class is to practise punctuation. Prepare the sentence below for the pupils by taking out all marks '
            'that they can put back: keep just the words and numbers, and the hyphens and points within '
            'them.\nSentence: {answer}\nFor the pupils:',
            '{bare}',
            inverted=True,
        ),
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
        Template('Write this text with capital letters where they are needed.\n\n{lower}'),
        Template('Lower case: {lower}\nProper case:'),
        Template('Everything here is in small letters: {lower}\n\nRestore the capitals.'),
        Template(
            'A message was typed on a keyboard with a broken shift key. Type it the way its author meant it.\n\n{lower}'
        ),
        Template('{lower}\n\nWhich letters of this should be upper case? Give the whole text, corrected.'),
        Template('Correct the capitalisation and nothing else.\n{lower}'),
        Template(
            'In English, names, many abbreviations and the first words of sentences are written with capitals. Apply '
            'this to the following: {lower}'
        ),
        Template(
            'Before the page goes to print, its text, now all in small letters, must get its capitals back. The next '
            'piece reads:\n\n{lower}\n\nHow should it be printed?'
        ),
        Template('Turn all capital letters in this text into small ones.\n\n{answer}', '{lower}', inverted=True),
        Template(
            'The index of a search engine stores text in lower case. What will it store for the entry below?\n'
            'Entry: {answer}\nStored as:',
            '{lower}',
            inverted=True,
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
        Template('Put the spaces back between the words: {joined}'),
        Template('The space bar did not work when this was typed:\n\n{joined}\n\nType it again, with spaces.'),
        Template('{joined}\n\nSplit this string into words.'),
        Template('Without spaces: {joined}\nWith spaces:'),
        Template('Where does each word end? Rewrite the line so that a reader can see it.\n{joined}'),
        Template(
            'Text that is copied from a PDF file sometimes comes out with its words run together, like '
            'here:\n\n{joined}\n\nWhat did the page say?'
        ),
        Template(
            'Segment the following English text into words, and leave every other character as it is.\n\n{joined}'
        ),
        Template(
            'The tape of an old telegraph has no blanks on it:\n\n{joined}\n\nWrite the message out for readers of '
            'today, word by word.'
        ),
        Template('Remove all spaces from this text: {answer}', '{joined}', inverted=True),
        Template(
            'A hashtag may not contain blanks. Run the words below together to make one, keeping every other '
            'character.\n\n{answer}',
            '{joined}',
            inverted=True,
        ),
    ),
    keep=Keep('a single word, with no spaces to restore', lambda ex: _without_spaces(ex) != _english(ex)),
    note="Not among the paper's 62 datasets, but in the original code. " + _PARA_CRAWL_NOTE,
    **_PARA_CRAWL,
)

DATASETS = (COQA, QUAC, WIC, TREC, COLA, MATH, FIX_PUNCT, TRUE_CASE, WORD_SEGMENT)
