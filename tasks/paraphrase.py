"""Paraphrase: do two texts mean the same?"""

from __future__ import annotations

from etils import epy

from flan_jax.catalogue.declaration import (
    Choice,
    Cluster,
    Dataset,
    Field,
    Splits,
    Tail,
    Template,
    TfdsExample,
    inverted,
)
from flan_jax.tasks.cleaning import DETOKENIZED, cleaned
from flan_jax.tasks.wording import by_label

with epy.lazy_imports():
    import tensorflow as tf

CLUSTER = Cluster(
    name='paraphrase',
    title='Paraphrase',
    also_left_out=('natural_language_inference',),
)

_GLUE_NOTE = 'The paper used version 1.0.0 of the TFDS builder; 2.0.0 changes the download of glue/qqp only.'

# MRPC and PAWS hold tokenized text: the band 's song , `` Low Tide '' ( 1996 ) .
_DETOKENIZATION = (
    *DETOKENIZED,
    (r' ([,;:?!%)\]])', r'\1'),
    (r'([(\[$]) ', r'\1'),
    (r"s ' ", r"s' "),
    (r'(\d) --? (\d)', r'\1-\2'),
    (r'\s+', ' '),
)

_QUESTION_CLEANING = (
    (r'^"((?:[^"]|"")*)"$', r'\1'),  # the quotation marks around a CSV field
    (r'""', '"'),  # a quotation mark inside of one
    (r'\[/?math\]', ''),
    (r' ([?!])', r'\1'),
    (r'\?{2,}', '?'),
    (r'\s+', ' '),
)


def _sentences() -> dict[str, Field]:
    """Two sentences as people write them, whether or not their punctuation is tokenized."""
    return cleaned('sentence1', 'sentence2', rules=_DETOKENIZATION)


def _rounded_score(ex: TfdsExample) -> tf.Tensor:
    """The score of STS-B as a whole number; halves are rounded up, as a person would (`tf.round` takes 2.5 to 2)."""
    return tf.cast(tf.floor(ex['label'] + 0.5), tf.int64)


_DEGREES = (
    'has nothing in common with',
    'is on the same topic as, but otherwise unlike,',
    'shares some details with',
    'roughly means the same as, but differs in something important from,',
    'means almost the same as',
    'means exactly the same as',
)
"""What the scores of STS-B stand for, from 0 to 5."""


def _degree_of_similarity(ex: TfdsExample) -> tf.Tensor:
    """The score in words."""
    return tf.gather(_DEGREES, _rounded_score(ex))


GLUE_MRPC = Dataset(
    name='glue_mrpc',
    cluster=CLUSTER,
    paper_name='MRPC',
    source='glue/mrpc:2.0.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields=_sentences() | {'says': by_label('does not say the same as', 'says the same as')},
    revealing=('says',),
    # Labels: 0 not_equivalent, 1 equivalent.
    answer=Choice(options=('no', 'yes')),
    templates=(
        Template(
            'Sentence 1: {sentence1}\nSentence 2: {sentence2}\nDo these two sentences mean the same thing?\n{options}'
        ),
        Template('{sentence1}\n{sentence2}\n\nAre these sentences paraphrases of each other?\n\n{options}'),
        inverted('Write a sentence about the same event that {says} the sentence below.\n\n{sentence1}', '{sentence2}'),
        Template(
            '{sentence1}\n\nCan this be restated as follows without changing its meaning?\n\n{sentence2}\n\n{options}'
        ),
        Template('{options}\n\nIs (b) equivalent in meaning to (a)?\n\n(a) {sentence1}\n(b) {sentence2}'),
        Template('Text A: {sentence1}\nText B: {sentence2}\nSame meaning?\n{options}'),
        Template(
            'Do the following sentences report the same facts, apart from small details?\n\n{sentence1}\n\n{sentence2}\n\n{options}'
        ),
        inverted(
            'Sentence: {sentence2}\n\nSuggest another sentence about the same news. It should be one that {says} the first.',
            '{sentence1}',
        ),
        Template(
            'Is the second sentence a rewording of the first?\n\nFirst: {sentence1}\nSecond: {sentence2}\n\n{options}'
        ),
        Template(
            'You are editing a news page and have room for only one of two lines. Do they tell readers the same thing?\n\nLine 1: '
            '{sentence1}\n\nLine 2: {sentence2}\n\n{options}'
        ),
    ),
    metrics=('binary_f1',),
    licence='Microsoft Research shared source licence (MSR-SSLA), for research',
    citation='Dolan and Brockett 2005: Automatically constructing a corpus of sentential paraphrases. Wang et al. '
    '2019: GLUE.',
    note='TFDS prepares a tokenized copy of the text, with blanks around punctuation; the fields are detokenized. '
    f'{_GLUE_NOTE}',
)

GLUE_QQP = Dataset(
    name='glue_qqp',
    cluster=CLUSTER,
    paper_name='QQP',
    source='glue/qqp:2.0.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields=cleaned('question1', 'question2', rules=_QUESTION_CLEANING)
    | {'asks': by_label('asks for something different from', 'asks for the same thing as')},
    revealing=('asks',),
    # Labels: 0 not_duplicate, 1 duplicate.
    answer=Choice(options=('no', 'yes')),
    templates=(
        Template(
            'Question 1: {question1}\nQuestion 2: {question2}\nAre these two questions asking the same thing?\n{options}'
        ),
        Template(
            'Is the second question a duplicate of the first?\n\nFirst: {question1}\nSecond: {question2}\n\n{options}'
        ),
        inverted('Write another question that {asks} the one below.\n\n{question1}', '{question2}'),
        Template('{question1}\n{question2}\n\nWould the same answer do for both of these questions?\n\n{options}'),
        Template(
            'Do the questions below differ only in their wording?\n\n(1) {question1}\n\n(2) {question2}\n\n{options}'
        ),
        Template('{options}\n\nDo the following two questions have the same meaning?\n\n{question1}\n\n{question2}'),
        Template('{question1} {question2} Are these questions paraphrases of each other?\n\n{options}'),
        inverted(
            'Second question: {question2}\n\nWrite a first question. The second should be one that {asks} the first.',
            '{question1}',
        ),
        Template(
            '(a) {question1}\n(b) {question2}\n\nDo people who ask (a) and people who ask (b) want to know the same thing?\n\n{options}'
        ),
        Template(
            'You moderate a question-and-answer site. A user posts this question:\n{question1}\n\nThere is an older post:\n'
            '{question2}\n\nShould the new post be closed as a duplicate?\n\n{options}'
        ),
    ),
    metrics=('binary_f1',),
    licence="Quora's terms of service; non-commercial use",
    citation='Iyer, Dandekar and Csernai 2017: First Quora dataset release: Question pairs. Wang et al. 2019: GLUE.',
    note='The paper used version 1.0.0 of the TFDS builder; 2.0.0 takes the data from another address.',
)

PAWS_WIKI = Dataset(
    name='paws_wiki',
    cluster=CLUSTER,
    paper_name='PAWS',
    source='paws_wiki/labeled_final_tokenized:1.1.0',
    splits=Splits(validation='validation'),
    fields=_sentences() | {'means': by_label('does not mean the same as', 'means the same as')},
    revealing=('means',),
    # Labels: 0 different_meaning, 1 paraphrase.
    answer=Choice(options=('no', 'yes')),
    templates=(
        Template(
            'Sentence 1: {sentence1}\nSentence 2: {sentence2}\nDo these two sentences have the same meaning?\n{options}'
        ),
        Template('{sentence1}\n\nIs the next sentence a paraphrase of the one above?\n\n{sentence2}\n\n{options}'),
        inverted(
            'Change the word order of this sentence and replace a few of its words, so that the result {means} the original.\n\n{sentence1}',
            '{sentence2}',
        ),
        Template(
            'The two sentences below use almost the same words. Do they also have the same meaning?\n\n{sentence1}\n{sentence2}\n\n{options}'
        ),
        Template(
            'If A is true, must B be true, and the other way around?\n\nA: {sentence1}\nB: {sentence2}\n\n{options}'
        ),
        Template('Are these paraphrases of each other?\n\n{sentence2}\n{sentence1}\n{options}'),
        Template(
            '{options}\n\nCheck who did what, when and where. Do both sentences agree on all of that?\n\nFirst: {sentence1}\nSecond: {sentence2}'
        ),
        inverted(
            'This sentence was made from another one by moving words around:\n\n{sentence2}\n\nIt {means} the original. What could the original be?',
            '{sentence1}',
        ),
        Template(
            'Original: {sentence1}\nRewrite: {sentence2}\n\nDoes the rewrite keep the meaning of the original?\n\n{options}'
        ),
        Template(
            'You are reviewing an edit to an encyclopedia article.\n\nOld text: {sentence1}\n\nNew text: {sentence2}\n\nDo the '
            'facts stay the same?\n{options}'
        ),
    ),
    metrics=('accuracy',),
    licence='free for any purpose; acknowledgement of Google LLC as the source is asked for',
    citation='Zhang, Baldridge and He 2019: PAWS: Paraphrase adversaries from word scrambling.',
    note='The paper used version 1.0.0, whose only text is called labeled_final_tokenized in 1.1.0; the fields are '
    'detokenized.',
)

STSB = Dataset(
    name='stsb',
    cluster=CLUSTER,
    paper_name='STS-B',
    source='glue/stsb:2.0.0',
    splits=Splits(validation=Tail(100), test='validation'),
    fields=_sentences() | {'shares': _degree_of_similarity},
    revealing=('shares',),
    answer=Choice(options=('0', '1', '2', '3', '4', '5'), label=_rounded_score),
    templates=(
        Template(
            'Rate the similarity of these two sentences from 0 (unrelated) to 5 (the same meaning).\n\nSentence 1: '
            '{sentence1}\nSentence 2: {sentence2}\n\n{options}'
        ),
        Template(
            '{sentence1}\n{sentence2}\n\nOn a scale from 0 to 5, how similar in meaning are the two sentences above?\n\n{options}'
        ),
        inverted('{sentence1}\n\nWrite a sentence that {shares} the one above.', '{sentence2}'),
        Template('Text A: {sentence1}\nText B: {sentence2}\nSimilarity (0 is the lowest, 5 the highest):\n{options}'),
        Template(
            'How much of their meaning do these sentences share, if 0 stands for none of it and 5 for all of it?\n\n'
            '{sentence1}\n\n{sentence2}\n\n{options}'
        ),
        Template(
            'Score the pair: 5 if the sentences are equivalent, 4 if they differ in minor details, 3 if they differ in '
            'something important, 2 if they share some details, 1 if they only share a topic, and 0 if they have nothing in '
            'common.\n\n{sentence1}\n{sentence2}\n\n{options}'
        ),
        Template(
            '{options}\n\nGive a number from 0 to 5 for how close (b) is in meaning to (a), with 5 as the closest.\n\n(a) {sentence1}\n(b) {sentence2}'
        ),
        inverted('Sentence: {sentence2}\n\nWrite another sentence that {shares} this one.', '{sentence1}'),
        Template(
            'Does the second sentence say the same as the first? Answer with a number between 0 (not at all) and 5 '
            '(completely).\n\nFirst: {sentence1}\nSecond: {sentence2}\n\n{options}'
        ),
        Template(
            'You are grouping news headlines by story. How similar are these two, from 0 for different subjects to 5 for the same '
            'statement?\n\n{sentence1}\n{sentence2}\n\n{options}'
        ),
    ),
    metrics=('pearson_spearman',),
    licence='scores: CC BY-SA 4.0; each source of sentences has terms of its own',
    citation='Cer, Diab, Agirre, Lopez-Gazpio and Specia 2017: SemEval-2017 task 1: Semantic textual similarity. Wang '
    'et al. 2019: GLUE.',
    note='Scores are rounded to whole numbers, halves upwards; the original code rounds halves to the even number. '
    f'{_GLUE_NOTE}',
)

DATASETS = (GLUE_MRPC, GLUE_QQP, PAWS_WIKI, STSB)
