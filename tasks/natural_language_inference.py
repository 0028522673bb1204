"""Natural language inference: does one text follow from another?

Two kinds of question must not be mixed up. With two labels, "no" means that the hypothesis does not follow, so templates
ask whether it follows. With three, "no" means that the hypothesis is false, so templates ask whether it is true.
"""

import tensorflow as tf

from flan_jax.catalogue.declaration import Choice, Cluster, Dataset, Field, Keep, Splits, Tail, Template, TfdsExample

CLUSTER = Cluster(
    name='natural_language_inference',
    title='Natural language inference',
    also_left_out=('paraphrase',),
)

_GLUE_NOTE = 'The paper used version 1.0.0 of the TFDS builder; 2.0.0 changes the download of glue/qqp only.'

_CLEANING = (
    (r'(?i)<br ?/?>', '\n'),  # line breaks in ANLI's stories and instructions
    (r'</?(?:nowiki|ref)\b[^<>]*>', ''),  # remains of wiki mark-up in ANLI
    (r'\[(?:substeps|(?:citation|clarification|verification) needed)\]', ''),  # ANLI, QNLI
    (r'&amp;', '&'),  # MNLI
    (r"``|''", '"'),  # CB, ANLI; the rest of the list undoes their tokenized punctuation
    (r'(^|\s)" ([^"]+?) "', r'\1"\2"'),
    (r'\. \. \.', '...'),
    (r' (\.(?:$|[\s"]))', r'\1'),
    (r' ([,;?!])', r'\1'),
    (r" ('(?:d|ll|m|re|s|t|ve)\b|n't\b)", r'\1'),
    (r'[ \t\x{a0}]+', ' '),
    (r'\s*\n\s*', '\n'),
)


def _text(feature: str) -> Field:
    """The text of a feature without mark-up, tokenized punctuation and needless blanks."""

    def read(ex: TfdsExample) -> tf.Tensor:
        text = ex[feature]
        for pattern, plain in _CLEANING:
            text = tf.strings.regex_replace(text, pattern, plain)
        return tf.strings.strip(text)

    return read


def _anli(number: int) -> Dataset:
    """Round `number` of Adversarial NLI."""
    return Dataset(
        name=f'anli_r{number}',
        cluster=CLUSTER,
        paper_name='ANLI',
        source=f'anli/r{number}:0.1.0',
        splits=Splits(validation='validation'),
        fields={'context': _text('context'), 'hypothesis': _text('hypothesis')},
        # Labels: 0 e (entailment), 1 n (neutral), 2 c (contradiction).
        answer=Choice(options=('yes', 'it is impossible to say', 'no')),
        templates=(
            Template('{context}\n\nAccording to this text, is the following claim true?\n{hypothesis}\n\n{options}'),
            Template(
                'Claim: {hypothesis}\n\nCheck the claim against this source and nothing else. Is it correct?\n\n'
                'Source: {context}\n\n{options}'
            ),
            Template('Text: {context}\n\nStatement: {hypothesis}\n\nIs the statement right?\n{options}'),
            Template(
                'You are marking a quiz. The pupils were given this to read:\n\n{context}\n\nOne of them wrote:\n'
                '{hypothesis}\n\nIs what the pupil says true?\n{options}'
            ),
            Template('Is this so?\n{hypothesis}\n\nAll that we know is the following.\n{context}\n\n{options}'),
            Template(
                'Beware: this may be a trick question. Somebody has read the text closely and then made up the '
                'sentence after it. Taking the text at its word, is the sentence true?\n\n{context}\n\n{hypothesis}'
                '\n\n{options}'
            ),
            Template(
                'Answer "yes" if the report shows that the assertion is true, "no" if it shows that it is false, and '
                'otherwise that it is impossible to say.\n\nReport: {context}\n\nAssertion: {hypothesis}\n\n{options}'
            ),
            Template(
                '{options}\n\nPick the answer that fits. If passage (a) is accurate, is line (b) true?\n\n'
                '(a) {context}\n(b) {hypothesis}'
            ),
            Template(
                '{context}\n\nMake a claim about this text. If someone then asks whether the claim is true, the right '
                'answer must be: {answer}.',
                '{hypothesis}',
                inverted=True,
            ),
            Template(
                'Write a short text for a reading test. After reading it, the pupils are asked whether this is true:\n'
                '{hypothesis}\nThe right answer is to be "{answer}".',
                '{context}',
                inverted=True,
            ),
        ),
        long_fields=('context',),
        metrics=('accuracy',),
        licence='CC BY-NC 4.0',
        citation='Nie, Williams, Dinan, Bansal, Weston and Kiela 2020: Adversarial NLI: A new benchmark for natural '
        'language understanding.',
    )


ANLI_R1, ANLI_R2, ANLI_R3 = _anli(1), _anli(2), _anli(3)

CB = Dataset(
    name='cb',
    cluster=CLUSTER,
    paper_name='CB',
    source='super_glue/cb:1.0.2',
    splits=Splits(validation=Tail(50), test='validation'),
    # The hypothesis is a clause without capital letter and full stop, so it fits into a sentence.
    fields={'premise': _text('premise'), 'hypothesis': _text('hypothesis')},
    # Labels: 0 entailment, 1 contradiction, 2 neutral; unlike in the other datasets, contradiction comes second.
    answer=Choice(options=('yes', 'no', 'it is impossible to say')),
    templates=(
        Template('{premise}\n\nGoing by the passage above, is it true that {hypothesis}?\n\n{options}'),
        Template(
            'Passage: {premise}\n\nStatement: {hypothesis}\n\nWould the author of the passage say that the statement '
            'is true?\n{options}'
        ),
        Template('Is it the case that {hypothesis}? All there is to go on is this:\n\n{premise}\n\n{options}'),
        Template(
            'What follows is a scrap of a conversation or a story.\n\n{premise}\n\nJudging by that scrap alone, is it '
            'a fact that {hypothesis}?\n\n{options}'
        ),
        Template(
            'Somebody overhears these words:\n{premise}\n\nLater a friend asks the eavesdropper whether {hypothesis}. '
            'What is the best answer?\n{options}'
        ),
        Template(
            'Does the person who says or writes this think that {hypothesis}?\n\n{premise}\n\nChoose one of these '
            'answers.\n{options}'
        ),
        Template(
            'Read between the lines. A speaker can mention an idea and hold it to be true, hold it to be false, or '
            'leave it open.\n\nThe idea: {hypothesis}\nThe words: {premise}\n\nIs the idea true, as the speaker sees it?\n'
            '{options}'
        ),
        Template(
            '{options}\n\nPick the right answer to the question at the end.\n\nText: {premise}\nQuestion: Is it right '
            'that {hypothesis}?'
        ),
        Template(
            'Write a few lines of dialogue or prose. A reader who is then asked whether {hypothesis} should answer: '
            '{answer}.',
            '{premise}',
            inverted=True,
        ),
        Template(
            '{premise}\n\nComplete the question "Is it true that ...?" in such a way that, going by the text above, '
            'the answer is "{answer}". Give the missing words only.',
            '{hypothesis}',
            inverted=True,
        ),
    ),
    long_fields=('premise',),
    metrics=('macro_f1',),
    licence='not stated (used in research through SuperGLUE)',
    citation='De Marneffe, Simons and Tonhauser 2019: The CommitmentBank: Investigating projection in naturally '
    'occurring discourse. Wang et al. 2019: SuperGLUE.',
)


def _mnli(section: str) -> Dataset:
    """MultiNLI, evaluated on the 'matched' or the 'mismatched' genres."""
    return Dataset(
        name=f'mnli_{section}',
        cluster=CLUSTER,
        paper_name='MNLI',
        source='glue/mnli:2.0.0',
        splits=Splits(validation=Tail(200), test=f'validation_{section}'),
        fields={'premise': _text('premise'), 'hypothesis': _text('hypothesis')},
        # Labels: 0 entailment, 1 neutral, 2 contradiction.
        answer=Choice(options=('yes', 'it is not possible to tell', 'no')),
        templates=(
            Template(
                'Premise: {premise}\nHypothesis: {hypothesis}\nIf the premise is true, is the hypothesis true?\n'
                '{options}'
            ),
            Template('{premise}\n\nGiven that, is it true to say the following?\n\n{hypothesis}\n\n{options}'),
            Template(
                'Two people talk about the same thing.\nThe first says: {premise}\nThe second says: {hypothesis}\n\n'
                'The first is right. Is the second right as well?\n\n{options}'
            ),
            Template(
                'Take this sentence:\n{hypothesis}\n\nIs it true in a situation that can be described as follows?\n'
                '{premise}\n\n{options}'
            ),
            Template(
                'A fact checker may use one source only. Here it is:\n\n{premise}\n\nIs the line below true, as far '
                'as the source lets the fact checker judge?\n\n{hypothesis}\n\n{options}'
            ),
            Template(
                '{options}\n\nWhich of these answers fits the question "Is B true, if A is?"\n\nA: {premise}\n'
                'B: {hypothesis}'
            ),
            Template('{hypothesis}\n\nTrue or not? Let this decide it:\n\n{premise}\n\n{options}'),
            Template(
                'The second text was written by someone who had read the first. Work out whether what it says is '
                'true, supposing that the first text is reliable.\n\n(1) {premise}\n\n(2) {hypothesis}\n\n{options}'
            ),
            Template(
                '{premise}\n\nAdd one sentence about this. To the question whether your sentence is true, the answer '
                'must be: {answer}.',
                '{hypothesis}',
                inverted=True,
            ),
            Template(
                'A reader of a certain passage was asked whether the sentence below is true, and rightly answered '
                '"{answer}". Write the passage.\n\n{hypothesis}',
                '{premise}',
                inverted=True,
            ),
        ),
        long_fields=('premise',),
        metrics=('accuracy',),
        licence='the OANC licence for most of the text; the fiction is in the public domain or under CC BY 3.0 and '
        'CC BY-SA 3.0',
        citation='Williams, Nangia and Bowman 2018: A broad-coverage challenge corpus for sentence understanding '
        'through inference. Wang et al. 2019: GLUE.',
        note=f'Both MNLI tasks train on the same examples, as in the original code. {_GLUE_NOTE}',
    )


MNLI_MATCHED, MNLI_MISMATCHED = _mnli('matched'), _mnli('mismatched')

QNLI = Dataset(
    name='qnli',
    cluster=CLUSTER,
    paper_name='QNLI',
    source='glue/qnli:2.0.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields={'question': _text('question'), 'sentence': _text('sentence')},
    # Labels: 0 entailment (the sentence contains the answer), 1 not_entailment.
    answer=Choice(options=('yes', 'no')),
    templates=(
        Template(
            'Question: {question}\nSentence: {sentence}\nDoes the sentence contain the answer to the question?\n'
            '{options}'
        ),
        Template('{sentence}\n\nHaving read this, could you answer the following?\n\n{question}\n\n{options}'),
        Template(
            'Someone typed this into a search engine:\n{question}\n\nThe first result was:\n{sentence}\n\nIs the '
            'search over, that is, has the question been answered?\n{options}'
        ),
        Template('I want to know: {question}\nWill the next line tell me?\n{sentence}\n{options}'),
        Template(
            'Say whether the information asked for is given in the text.\n\nText: {sentence}\n\nAsked for: '
            '{question}\n\n{options}'
        ),
        Template(
            'For homework, a pupil had to find the answer to this question: {question}\n\nThe pupil copied a sentence '
            'from an encyclopedia: {sentence}\n\nIs the answer in it?\n\n{options}'
        ),
        Template('{options}\n\nUse one of these words to say whether B answers A.\n\nA: {question}\nB: {sentence}'),
        Template(
            'Without any knowledge of your own, and with nothing but the statement below, can the question that comes '
            'after it be answered?\n\n{sentence}\n{question}\n\n{options}'
        ),
        Template(
            'Sentence: {sentence}\nContains the answer to the question: {answer}\n\nWrite a question that fits both '
            'lines.',
            '{question}',
            inverted=True,
        ),
        Template(
            'A reader of an encyclopedia wonders: {question}\n\nWrite a sentence that could stand in the article. '
            'When the reader is asked whether the sentence gives the answer, the reply should be "{answer}".',
            '{sentence}',
            inverted=True,
        ),
    ),
    long_fields=('sentence',),
    metrics=('accuracy',),
    licence='CC BY-SA 4.0 (of SQuAD, from which it is made)',
    citation='Rajpurkar, Zhang, Lopyrev and Liang 2016: SQuAD: 100,000+ questions for machine comprehension of text. '
    'Wang et al. 2019: GLUE.',
    note=_GLUE_NOTE,
)

RTE = Dataset(
    name='rte',
    cluster=CLUSTER,
    paper_name='RTE',
    source='super_glue/rte:1.0.2',
    splits=Splits(validation=Tail(200), test='validation'),
    fields={'premise': _text('premise'), 'hypothesis': _text('hypothesis')},
    # Labels: 0 entailment, 1 not_entailment.
    answer=Choice(options=('yes', 'no')),
    templates=(
        Template('{premise}\n\nGoing by the text above, can we conclude the following?\n{hypothesis}\n\n{options}'),
        Template('Text: {premise}\n\nClaim: {hypothesis}\n\nDoes the text support the claim?\n{options}'),
        Template('{hypothesis}\n\nCan a reader be sure of that after reading this passage?\n\n{premise}\n\n{options}'),
        Template('Suppose that the following is true.\n{premise}\nMust this be true as well?\n{hypothesis}\n{options}'),
        Template(
            'These are the notes of a journalist:\n{premise}\n\nAn editor would like to print this line:\n'
            '{hypothesis}\n\nIs the line backed by the notes?\n\n{options}'
        ),
        Template(
            'Decide whether the second statement follows from the first.\n\n1. {premise}\n2. {hypothesis}\n\n{options}'
        ),
        Template('Is this stated or implied in the text below it? {hypothesis}\n\n{premise}\n\n{options}'),
        Template(
            '{options}\n\nAnswer with one of these words. I read the news item below. Could I have learned from it '
            'what my neighbour tells me?\n\nNews item: {premise}\nMy neighbour: {hypothesis}'
        ),
        Template(
            'Statement: {hypothesis}\n\nInvent a short news item. Asked whether the statement follows from it, a '
            'careful reader should answer: {answer}.',
            '{premise}',
            inverted=True,
        ),
        Template(
            '{premise}\n\nWrite a sentence for which the answer to "Does it follow from the text?" is "{answer}".',
            '{hypothesis}',
            inverted=True,
        ),
    ),
    long_fields=('premise',),
    metrics=('accuracy',),
    licence='research use; terms of the PASCAL RTE challenges (through SuperGLUE)',
    citation='Dagan et al. 2005; Bar Haim et al. 2006; Giampiccolo et al. 2007; Bentivogli et al. 2009: The PASCAL '
    'recognising textual entailment challenges. Wang et al. 2019: SuperGLUE.',
)

SNLI = Dataset(
    name='snli',
    cluster=CLUSTER,
    paper_name='SNLI',
    source='snli:1.1.0',
    splits=Splits(validation='validation'),
    fields={'premise': _text('premise'), 'hypothesis': _text('hypothesis')},
    # Labels: 0 entailment, 1 neutral, 2 contradiction.
    answer=Choice(options=('yes', 'it is not possible to tell', 'no')),
    templates=(
        Template('A photo shows the following: {premise}\n\nIs this true of the photo? {hypothesis}\n\n{options}'),
        Template(
            'Caption: {premise}\nStatement: {hypothesis}\nIf the caption describes the picture correctly, is the '
            'statement true?\n{options}'
        ),
        Template(
            '{premise}\n\nThat is what can be seen in a certain picture. Somebody else says about it:\n\n'
            '{hypothesis}\n\nIs that right?\n\n{options}'
        ),
        Template(
            'Imagine this scene:\n{premise}\n\nNow answer a question about it: is the next line true there?\n'
            '{hypothesis}\n{options}'
        ),
        Template(
            'You are on the phone and cannot see the photograph, but a friend describes it to you in these words:\n\n'
            '{premise}\n\nAnother friend describes the same photograph:\n\n{hypothesis}\n\nIf the first friend is '
            'right, is the second?\n\n{options}'
        ),
        Template('Is it true? {hypothesis}\nAll that is known is this: {premise}\n{options}'),
        Template(
            'Take sentence 1 as true and work out whether sentence 2 is true.\n\nSentence 1: {premise}\nSentence 2: '
            '{hypothesis}\n\n{options}'
        ),
        Template(
            '{options}\n\nChoose one of these answers. An archive has two captions for a photograph. The old one is '
            'known to be correct. Is the new one correct?\n\nOld caption: {premise}\nNew caption: {hypothesis}'
        ),
        Template(
            'Somebody describes a photo: {premise}\n\nAdd a sentence about the photo. When the others are asked '
            'whether it is true, they should answer: {answer}.',
            '{hypothesis}',
            inverted=True,
        ),
        Template(
            'This was said about a photo:\n{hypothesis}\n\nWrite a caption for the photo. A person who knows nothing '
            'but your caption and is asked whether the remark is true should answer "{answer}".',
            '{premise}',
            inverted=True,
        ),
    ),
    long_fields=('premise',),
    metrics=('accuracy',),
    licence='CC BY-SA 4.0',
    citation='Bowman, Angeli, Potts and Manning 2015: A large annotated corpus for learning natural language '
    'inference.',
    keep=Keep('the annotators did not agree on a label (-1)', lambda ex: ex['label'] >= 0),
)

WNLI = Dataset(
    name='wnli',
    cluster=CLUSTER,
    paper_name='WNLI',
    source='glue/wnli:2.0.0',
    splits=Splits(validation=Tail(30), test='validation'),
    # The statement is a part of the text in which a noun has taken the place of a pronoun.
    fields={'text': _text('sentence1'), 'statement': _text('sentence2')},
    # Labels: 0 not_entailment, 1 entailment; the other way round than in RTE and QNLI.
    answer=Choice(options=('no', 'yes')),
    templates=(
        Template('Text: {text}\nStatement: {statement}\nDoes the statement follow from the text?\n{options}'),
        Template(
            '{text}\n\nA part of this was rewritten, so that everybody can see who or what is meant:\n\n{statement}\n\n'
            'Is the new version true to the text?\n\n{options}'
        ),
        Template(
            'Work out what the pronouns in the first line stand for. Is the second line then correct?\n\n1. {text}\n'
            '2. {statement}\n\n{options}'
        ),
        Template('If you are told this:\n{text}\nwould you conclude the following?\n{statement}\n{options}'),
        Template('{statement}\n\nIs that what the writer of these words means?\n\n{text}\n\n{options}'),
        Template(
            'Someone who is learning English reads:\n{text}\n\nThe learner takes it to mean:\n{statement}\n\nHas the '
            'learner understood it properly?\n{options}'
        ),
        Template(
            '{options}\n\nReply with one of these words. Common sense tells us whom or what each word of the story '
            'refers to; may we then infer the sentence below it?\n\nStory: {text}\nSentence: {statement}'
        ),
        Template('{text}\nHence: {statement}\nIs this conclusion valid?\n{options}'),
        Template(
            'Read this: {text}\n\nSay in a sentence of your own who or what one of the pronouns stands for. To the '
            'question whether your sentence is right, the reply must be: {answer}.',
            '{statement}',
            inverted=True,
        ),
        Template(
            'Write a sentence or two with a pronoun that takes some thought. A reader who is asked whether the '
            'statement below follows from them should say "{answer}".\n\n{statement}',
            '{text}',
            inverted=True,
        ),
    ),
    metrics=('accuracy',),
    licence='CC BY 4.0 (of the collection of Winograd schemas, from which it is made)',
    citation='Levesque, Davis and Morgenstern 2012: The Winograd schema challenge. Wang et al. 2019: GLUE.',
    note=_GLUE_NOTE,
)

DATASETS = (ANLI_R1, ANLI_R2, ANLI_R3, CB, MNLI_MATCHED, MNLI_MISMATCHED, QNLI, RTE, SNLI, WNLI)
