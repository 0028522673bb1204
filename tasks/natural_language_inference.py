"""Natural language inference: does one text follow from another?

Templates depend on the number of labels. With two labels, "no" means that the hypothesis does not follow, so templates ask
whether it follows. With three labels, "no" means that the hypothesis is false, so templates ask whether it is true.
"""

from flan_jax.catalogue.declaration import (
    Choice,
    Cluster,
    Dataset,
    Field,
    Keep,
    Splits,
    Tail,
    Template,
    inverted,
)
from flan_jax.tasks.cleaning import DETOKENIZED, clean, cleaned
from flan_jax.tasks.wording import by_label

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
    *DETOKENIZED,  # CB, ANLI
    (r' ([,;?!])', r'\1'),
    (r'[ \t\x{a0}]+', ' '),
    (r'\s*\n\s*', '\n'),
)


def _texts(*features: str) -> dict[str, Field]:
    """Fields for features, without mark-up, tokenized punctuation and needless blanks."""
    return cleaned(*features, rules=_CLEANING)


_MUST = by_label('must be true', 'may or may not be true', 'must be false')
"""What a hypothesis is if the premise is true, for the labels entailment, neutral, contradiction."""


def _anli(number: int) -> Dataset:
    """Round `number` of Adversarial NLI."""
    return Dataset(
        name=f'anli_r{number}',
        cluster=CLUSTER,
        paper_name='ANLI',
        source=f'anli/r{number}:0.1.0',
        splits=Splits(validation='validation'),
        fields=_texts('context', 'hypothesis') | {'must': _MUST},
        revealing=('must',),
        # Labels: 0 e (entailment), 1 n (neutral), 2 c (contradiction).
        answer=Choice(options=('yes', 'it is impossible to say', 'no')),
        templates=(
            Template('{context}\n\nBased on this passage, is the following claim true?\n\n{hypothesis}\n\n{options}'),
            Template(
                'Premise: {context}\n\nHypothesis: {hypothesis}\n\nIs the hypothesis true, given the premise?\n\n{options}'
            ),
            inverted('{context}\n\nWrite a claim that {must} according to this passage.', '{hypothesis}'),
            Template(
                'Fact-check the claim, using only the source below. Is the claim true?\n\nSource: {context}\n\nClaim: '
                '{hypothesis}\n\n{options}'
            ),
            Template('Text: {context}\nStatement: {hypothesis}\nIs the statement true?\n{options}'),
            Template('{hypothesis}\n\nIs that true according to the text below?\n\n{context}\n\n{options}'),
            Template(
                'Does the report show that the assertion is true? Answer "yes" if it does, "no" if it shows that the assertion is '
                'false, and "it is impossible to say" otherwise.\n\nReport: {context}\n\nAssertion: {hypothesis}\n\n{options}'
            ),
            inverted(
                'Write a short passage. If the passage is accurate, the claim below {must}.\n\nClaim: {hypothesis}',
                '{context}',
            ),
            Template(
                '{options}\n\nAssume that the passage is accurate. Is the sentence after it true?\n\n{context}\n\n{hypothesis}'
            ),
            Template(
                'Read the text carefully, because small details matter.\n\n{context}\n\nNow judge this sentence, going by the text '
                'alone. Is it true?\n{hypothesis}\n\n{options}'
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
    fields=_texts('premise', 'hypothesis')
    | {'must': by_label('must be true', 'must be false', 'may or may not be true')},
    revealing=('must',),
    # Labels: 0 entailment, 1 contradiction, 2 neutral; unlike the other datasets, contradiction is second.
    answer=Choice(options=('yes', 'no', 'it is impossible to say')),
    templates=(
        Template('{premise}\n\nBased on the passage above, is it true that {hypothesis}?\n\n{options}'),
        Template(
            'Premise: {premise}\n\nHypothesis: {hypothesis}\n\nIs the hypothesis true, given the premise?\n{options}'
        ),
        inverted(
            'Write a few lines of dialogue or prose. Going by what the speaker says, the following {must}.\n\n{hypothesis}',
            '{premise}',
        ),
        Template('Is it the case that {hypothesis}? Use only the text below to decide.\n\n{premise}\n\n{options}'),
        Template('{premise}\n\nJudging by this excerpt alone, can we say that {hypothesis}?\n\n{options}'),
        Template('Does the speaker believe that {hypothesis}?\n\n{premise}\n\n{options}'),
        Template('Excerpt: {premise}\nQuestion: Is it true that {hypothesis}?\n{options}\nAnswer:'),
        inverted(
            '{premise}\n\nFinish the sentence "Someone claims that ..." with something that {must}, judging by the text '
            'above. Give the missing words only.',
            '{hypothesis}',
        ),
        Template(
            'People can mention an idea without believing it. Is the idea below true, as far as the speaker is concerned?'
            '\n\nSpeaker: {premise}\n\nIdea: {hypothesis}\n\n{options}'
        ),
        Template(
            '{options}\n\nYou overhear this conversation:\n{premise}\n\nLater, someone asks you whether {hypothesis}. What do '
            'you say?'
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
        fields=_texts('premise', 'hypothesis') | {'must': _MUST},
        revealing=('must',),
        # Labels: 0 entailment, 1 neutral, 2 contradiction.
        answer=Choice(options=('yes', 'it is not possible to tell', 'no')),
        templates=(
            Template(
                'Premise: {premise}\nHypothesis: {hypothesis}\nIf the premise is true, is the hypothesis true?\n{options}'
            ),
            Template(
                '{premise}\n\nBased on the text above, is the following sentence true?\n\n{hypothesis}\n\n{options}'
            ),
            inverted('{premise}\n\nWrite a sentence that {must} if the text above is true.', '{hypothesis}'),
            Template('Assume the following:\n{premise}\n\nIs this true as well?\n{hypothesis}\n\n{options}'),
            Template(
                'Sentence 1: {premise}\nSentence 2: {hypothesis}\n\nIf sentence 1 is correct, is sentence 2 correct?\n{options}'
            ),
            Template(
                'You are checking an article against its only source. Is the claim in the article true, as far as you can tell '
                'from the source?\n\nSource: {premise}\n\nClaim: {hypothesis}\n\n{options}'
            ),
            Template('{options}\n\nIs B true if A is?\n\nA: {premise}\nB: {hypothesis}'),
            inverted('Write a text. If it is true, the following sentence {must}.\n\n{hypothesis}', '{premise}'),
            Template('{hypothesis}\n\nIs that true? Here is everything we know:\n\n{premise}\n\n{options}'),
            Template(
                'Work out whether the second text is true, taking the first one to be reliable.\n\n(1) {premise}\n\n(2) '
                '{hypothesis}\n\n{options}'
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
    fields=_texts('question', 'sentence') | {'answers': by_label('answers', 'does not answer')},
    revealing=('answers',),
    # Labels: 0 entailment (the sentence contains the answer), 1 not_entailment.
    answer=Choice(options=('yes', 'no')),
    templates=(
        Template(
            'Question: {question}\nSentence: {sentence}\nDoes the sentence contain the answer to the question?\n{options}'
        ),
        Template('{sentence}\n\nDoes this answer the following question?\n\n{question}\n\n{options}'),
        inverted(
            'Write a question about the subject of this sentence that the sentence {answers}.\n\n{sentence}',
            '{question}',
        ),
        Template('{question}\n\nDoes the sentence below tell us?\n\n{sentence}\n\n{options}'),
        Template(
            'Is the information that the question asks for given in the text?\n\nText: {sentence}\n\nQuestion: {question}\n\n{options}'
        ),
        Template(
            'Someone typed this into a search engine:\n{question}\n\nThe top result says:\n{sentence}\n\nDoes the result '
            'answer the query?\n{options}'
        ),
        Template('{options}\n\nDoes B answer A?\n\nA: {question}\nB: {sentence}'),
        inverted(
            'Write a sentence for an encyclopedia article. It should be related to the question below, and it should be one '
            'that {answers} it.\n\n{question}',
            '{sentence}',
        ),
        Template(
            'Using only the statement below and no other knowledge, is it possible to answer the question?\n\nStatement: '
            '{sentence}\nQuestion: {question}\n\n{options}'
        ),
        Template('{question}\n\nCan you find the answer in this line from an encyclopedia?\n{sentence}\n{options}'),
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
    fields=_texts('premise', 'hypothesis') | {'follows': by_label('follows from', 'does not follow from')},
    revealing=('follows',),
    # Labels: 0 entailment, 1 not_entailment.
    answer=Choice(options=('yes', 'no')),
    templates=(
        Template(
            'Premise: {premise}\n\nHypothesis: {hypothesis}\n\nDoes the premise entail the hypothesis?\n\n{options}'
        ),
        Template('{premise}\n\nBased on the text above, can we conclude the following?\n\n{hypothesis}\n\n{options}'),
        inverted('Write a sentence that {follows} the text below.\n\n{premise}', '{hypothesis}'),
        Template('Text: {premise}\n\nClaim: {hypothesis}\n\nDoes the text support the claim?\n{options}'),
        Template(
            'Suppose that the following is true.\n{premise}\n\nMust this be true as well?\n{hypothesis}\n{options}'
        ),
        Template('Does the second statement follow from the first?\n\n1. {premise}\n2. {hypothesis}\n\n{options}'),
        Template('{hypothesis}\n\nIs this stated or implied in the following passage?\n\n{premise}\n\n{options}'),
        inverted(
            'Write a short news report. The statement below must be one that {follows} your report.\n\nStatement: {hypothesis}',
            '{premise}',
        ),
        Template(
            'You are editing a news story. Is the line below backed up by the notes of the reporter?\n\nNotes: {premise}\n\n'
            'Line: {hypothesis}\n\n{options}'
        ),
        Template(
            '{options}\n\nCan a reader of this passage be sure of the sentence after it?\n\nPassage: {premise}\nSentence: {hypothesis}'
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
    fields=_texts('premise', 'hypothesis') | {'must': _MUST},
    revealing=('must',),
    # Labels: 0 entailment, 1 neutral, 2 contradiction.
    answer=Choice(options=('yes', 'it is not possible to tell', 'no')),
    templates=(
        Template('Premise: {premise}\nHypothesis: {hypothesis}\nIs the hypothesis true, given the premise?\n{options}'),
        Template(
            'A photo shows the following: {premise}\n\nIs this statement about the photo true? {hypothesis}\n\n{options}'
        ),
        inverted(
            'Caption of a photo: {premise}\n\nWrite a statement about the photo that {must} if the caption is accurate.',
            '{hypothesis}',
        ),
        Template(
            'Caption: {premise}\nStatement: {hypothesis}\nIf the caption describes the picture correctly, is the statement true?\n{options}'
        ),
        Template(
            '{premise}\n\nThat is all we know about a picture. Is it true to say this about it?\n\n{hypothesis}\n\n{options}'
        ),
        Template('Scene: {premise}\n\nIs the following sentence true in this scene?\n{hypothesis}\n{options}'),
        Template('{hypothesis}\n\nIs that true? Use only this description to decide: {premise}\n{options}'),
        inverted(
            'Write a one-sentence caption for a photo. If it is accurate, the statement below {must}.\n\nStatement: {hypothesis}',
            '{premise}',
        ),
        Template(
            'Take sentence 1 as given and decide whether sentence 2 is true.\n\nSentence 1: {premise}\nSentence 2: {hypothesis}\n\n{options}'
        ),
        Template(
            '{options}\n\nYou cannot see a photo, but a friend describes it to you: {premise}\n\nAs far as you know, is the '
            'following true of the photo?\n\n{hypothesis}'
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
    fields={
        'text': clean('sentence1', _CLEANING),
        'statement': clean('sentence2', _CLEANING),
        'follows': by_label('does not follow from', 'follows from'),
    },
    revealing=('follows',),
    # Labels: 0 not_entailment, 1 entailment; the reverse of RTE and QNLI.
    answer=Choice(options=('no', 'yes')),
    templates=(
        Template('Premise: {text}\nHypothesis: {statement}\nDoes the premise entail the hypothesis?\n{options}'),
        Template('Text: {text}\nStatement: {statement}\nDoes the statement follow from the text?\n{options}'),
        inverted(
            '{text}\n\nRewrite part of this text with a noun in place of a pronoun, so that the result {follows} the text.',
            '{statement}',
        ),
        Template(
            '{text}\n\nIn the following line, a pronoun has been replaced by a noun. Is the line correct?\n\n{statement}\n\n{options}'
        ),
        Template(
            'Work out what the pronouns in the text refer to. Is the sentence after it correct?\n\n{text}\n\n{statement}\n\n{options}'
        ),
        Template('If you read this:\n{text}\nwould you conclude the following?\n{statement}\n{options}'),
        Template('{statement}\n\nIs that what the author of this text means?\n\n{text}\n\n{options}'),
        inverted(
            'Write a sentence or two in which it takes some thought to see what a pronoun refers to. The statement below should '
            'be one that {follows} your text.\n\nStatement: {statement}',
            '{text}',
        ),
        Template(
            'A student who is learning English reads:\n{text}\n\nThe student takes it to mean:\n{statement}\n\nIs that '
            'right?\n{options}'
        ),
        Template(
            '{options}\n\nUse common sense to decide whether the conclusion is valid.\n\nStory: {text}\nConclusion: {statement}'
        ),
    ),
    metrics=('accuracy',),
    licence='CC BY 4.0 (of the collection of Winograd schemas, from which it is made)',
    citation='Levesque, Davis and Morgenstern 2012: The Winograd schema challenge. Wang et al. 2019: GLUE.',
    note=_GLUE_NOTE,
)

DATASETS = (ANLI_R1, ANLI_R2, ANLI_R3, CB, MNLI_MATCHED, MNLI_MISMATCHED, QNLI, RTE, SNLI, WNLI)
