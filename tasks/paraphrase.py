"""Paraphrase: do two texts mean the same?"""

import tensorflow as tf

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


GLUE_MRPC = Dataset(
    name='glue_mrpc',
    cluster=CLUSTER,
    paper_name='MRPC',
    source='glue/mrpc:2.0.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields=_sentences(),
    # Labels: 0 not_equivalent, 1 equivalent.
    answer=Choice(options=('no', 'yes')),
    templates=(
        Template('Sentence 1: {sentence1}\nSentence 2: {sentence2}\nDo the two sentences mean the same?\n{options}'),
        Template(
            '{sentence1}\n\nAnother newspaper put it like this:\n\n{sentence2}\n\nIs that the same news in other '
            'words?\n\n{options}'
        ),
        inverted(
            '{sentence1}\n\nWrite a sentence about the same event. When readers are asked whether both sentences mean '
            'the same, they should say: {answer}.',
            '{sentence2}',
        ),
        Template(
            'Two agencies have sent a report. Do the reports say essentially the same thing?\n\nFirst agency: '
            '{sentence1}\nSecond agency: {sentence2}\n\n{options}'
        ),
        Template('Is this a paraphrase?\n{sentence2}\nIt is meant to restate this line:\n{sentence1}\n{options}'),
        Template('{sentence1}\n{sentence2}\nSame meaning?\n{options}'),
        Template(
            'An editor can print only one of these lines. Would the readers learn the same from either of them, small '
            'details aside?\n\nLine A: {sentence1}\n\nLine B: {sentence2}\n\n{options}'
        ),
        inverted(
            'Second sentence: {sentence2}\nEquivalent to the first sentence: {answer}\n\nWhat could the first '
            'sentence be?',
            '{sentence1}',
        ),
        Template(
            '{options}\n\nCompare (a) with (b) and choose the word that tells whether they are equivalent in '
            'meaning.\n\n(a) {sentence1}\n(b) {sentence2}'
        ),
        Template(
            'A student was told to express the statement "in your own words", without adding or leaving out anything '
            'that matters. Has the student done so?\n\nStatement: {sentence1}\nStudent: {sentence2}\n\n{options}'
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
    fields=cleaned('question1', 'question2', rules=_QUESTION_CLEANING),
    # Labels: 0 not_duplicate, 1 duplicate.
    answer=Choice(options=('no', 'yes')),
    templates=(
        Template(
            'Question 1: {question1}\nQuestion 2: {question2}\nAre these two questions asking the same thing?\n'
            '{options}'
        ),
        Template('{question1}\n{question2}\n\nWould one and the same answer do for both?\n\n{options}'),
        inverted(
            '{question1}\n\nWrite another question. To anybody who asks whether the two mean the same, the answer '
            'should be: {answer}.',
            '{question2}',
        ),
        Template(
            'Somebody posts this on a question-and-answer site:\n{question1}\n\nA moderator finds an older post:\n'
            '{question2}\n\nShould the new post be closed as a duplicate?\n\n{options}'
        ),
        Template(
            'Yesterday I was asked: {question1}\nToday I was asked: {question2}\nWas it the same question twice?\n'
            '{options}'
        ),
        Template(
            'Decide whether the questions below differ in nothing but their wording.\n\n(1) {question1}\n\n'
            '(2) {question2}\n\n{options}'
        ),
        Template(
            'A help page has an entry for one question. Will a user who asks the other one find what they need '
            'there?\n\nQuestion on the help page: {question1}\nQuestion of the user: {question2}\n\n{options}'
        ),
        inverted(
            'In a list of paired questions, every pair is marked "yes" if both ask for the same thing and "no" if they '
            'do not. One pair is marked "{answer}", and its second question is this:\n{question2}\nGive a first '
            'question for the pair.',
            '{question1}',
        ),
        Template(
            '{options}\n\nPick a word to fill the gap: "Do these questions have the same meaning? ..."\n\n'
            '{question1}\n{question2}'
        ),
        Template(
            'What does each of these two people want to know? Answer "yes" if it is the same thing, "no" if it is '
            'not.\n\nFirst person: {question1}\nSecond person: {question2}\n\n{options}'
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
    fields=_sentences(),
    # Labels: 0 different_meaning, 1 paraphrase.
    answer=Choice(options=('no', 'yes')),
    templates=(
        Template(
            'First sentence: {sentence1}\nSecond sentence: {sentence2}\nDo both of them say the same thing?\n{options}'
        ),
        Template(
            'The two sentences below use almost the same words. Do they also have the same meaning?\n\n{sentence1}\n'
            '{sentence2}\n\n{options}'
        ),
        inverted(
            'Put the words of this sentence into another order and change a few of them.\nSentence: {sentence1}\n'
            'Keep its meaning: {answer}',
            '{sentence2}',
        ),
        Template(
            'Somebody has moved and replaced words in this sentence:\n{sentence1}\n\nThis is the result:\n'
            '{sentence2}\n\nHas the meaning survived?\n\n{options}'
        ),
        Template(
            'If A is true, must B be true, and if B is true, must A be true?\n\nA: {sentence1}\nB: {sentence2}\n\n'
            '{options}'
        ),
        Template('{sentence1}\n\nIs the next line a faithful rewording of that?\n\n{sentence2}\n\n{options}'),
        Template(
            'An editor of an encyclopedia wants to improve the style of an article. The old text reads:\n\n'
            '{sentence1}\n\nThe new text reads:\n\n{sentence2}\n\nDo the facts remain the same?\n{options}'
        ),
        inverted(
            '{sentence2}\n\nThis was made out of another sentence by moving words about. When you ask whether the two '
            'still mean the same, the answer is "{answer}". Give the other sentence.',
            '{sentence1}',
        ),
        Template('Paraphrases of each other, yes or no?\n{sentence2}\n{sentence1}\n{options}'),
        Template(
            '{options}\n\nWho did what, when and where? Compare both accounts and choose "yes" only if they agree on '
            'all of that.\n\nOne account: {sentence1}\nThe other account: {sentence2}'
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
    fields=_sentences(),
    answer=Choice(options=('0', '1', '2', '3', '4', '5'), label=_rounded_score),
    templates=(
        Template(
            'Rate from 0 (nothing in common) to 5 (the same meaning) how similar these sentences are.\n\n'
            'Sentence 1: {sentence1}\nSentence 2: {sentence2}\n\n{options}'
        ),
        Template(
            '{sentence1}\n{sentence2}\n\nHow close in meaning are the two lines above? Five stands for equivalent, '
            'zero for unrelated.\n\n{options}'
        ),
        inverted(
            '{sentence1}\n\nWrite a sentence whose similarity in meaning to the one above is {answer} on a scale from '
            '0 to 5.',
            '{sentence2}',
        ),
        Template(
            'A pupil was asked to say the same as the model sentence. How many points out of five does the pupil '
            'deserve for keeping its meaning?\n\nModel: {sentence1}\nPupil: {sentence2}\n\n{options}'
        ),
        Template(
            'On this scale, 5 means that two sentences say the same, 4 that they differ in small things, 3 that they differ '
            'in something important, 2 that they share some details, 1 that they share no more than a topic, and 0 '
            'that they have nothing to do with each other. Where on the scale is the pair below?\n\n{sentence1}\n'
            '{sentence2}\n\n{options}'
        ),
        Template(
            'Text A: {sentence1}\nText B: {sentence2}\nSimilarity, 0 being the lowest and 5 the highest:\n{options}'
        ),
        Template(
            'A news site groups sentences that tell the same story. Score this pair: 5 if either sentence can stand '
            'for the other, 0 if they do not belong together at all, and something in between for all other '
            'cases.\n\n(a) {sentence1}\n(b) {sentence2}\n\n{options}'
        ),
        inverted(
            'People gave a pair of sentences {answer} out of 5 points for meaning the same. The second sentence of the '
            'pair is printed here; write the first.\n\n{sentence2}',
            '{sentence1}',
        ),
        Template(
            'Take this sentence: {sentence1}\nNow take this one: {sentence2}\nHow much of their meaning do they share, '
            'if 0 is none of it and 5 is all of it?\n{options}'
        ),
        Template(
            '{options}\n\nWhich of these numbers tells best to what degree two speakers agree in what they say (0: '
            'not at all, 5: entirely)?\n\nFirst speaker: {sentence1}\n\nSecond speaker: {sentence2}'
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
