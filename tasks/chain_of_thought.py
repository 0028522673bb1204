"""Chain of thought: questions whose answer starts with the reasoning (Flan 2022; Chung et al. 2022, appendix C).

Each of these datasets is also held out with the cluster whose questions it shares, such as e-SNLI with natural language
inference. None of them is one of FLAN's 62. Options, if any, are a part of the question.
"""

from __future__ import annotations

import numpy as np
from etils import epy

from flan_jax.catalogue.declaration import (
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

with epy.lazy_imports():
    import tensorflow as tf
    import tensorflow_datasets as tfds

CLUSTER = Cluster(name='chain_of_thought', title='Chain of thought')

REASONED = '{rationale}\nThe answer is {answer}.'
"""What a model writes: its reasoning, then the answer in the words that the metric looks for."""

TEMPLATES = (
    Template('{question}\n\nThink step by step, then give the answer.', REASONED),
    inverted(
        'Write a question that can be answered by this reasoning.\n\n{rationale}\nThe answer is {answer}.', '{question}'
    ),
    Template('Reply with the answer alone, without an explanation.\n\n{question}'),
    Template('Question: {question}\nReasoning:', REASONED),
    Template('Explain how to arrive at the answer before you state it.\n\n{question}', REASONED),
    inverted('{question}\n\nThe answer is {answer}. Explain why.', '{rationale}'),
    Template('Q: {question}\nA: Let us work it out.', REASONED),
    Template(
        'Solve the problem. Write down your line of thought first, and end with "The answer is ...".\n\n{question}',
        REASONED,
    ),
    Template('{question}\n\nWhat is the answer, and why?', REASONED),
    inverted('Answer: {answer}\nExplanation: {rationale}\nWhat was asked?', '{question}'),
)
"""Six that want reasoning and the answer, one that wants the answer alone, three inverted."""


def _one_line(text: tf.Tensor) -> tf.Tensor:
    return tf.strings.strip(tf.strings.regex_replace(text, r'\s+', ' '))


def _with_choices(question: tf.Tensor, choices: tf.Tensor) -> tf.Tensor:
    """A question with its options, each on a line of its own. A scalar string and strings [n] to a scalar string."""
    return tf.strings.join([_one_line(question), tf.strings.reduce_join(tf.strings.join(['\n* ', choices]))])


def _gsm8k_rationale(ex: TfdsExample) -> tf.Tensor:
    """The solution without calculator annotations such as <<48/2=24>> and without the line of the answer."""
    solution = tf.strings.regex_replace(ex['answer'], r'<<[^>]*>>', '')
    return tf.strings.strip(tf.strings.regex_replace(solution, r'\s*####.*', ''))


GSM8K = Dataset(
    name='gsm8k',
    cluster=CLUSTER,
    paper_name='',
    source='gsm8k:1.0.0',
    splits=Splits(validation=Tail(200), test='test'),
    fields={'question': lambda ex: _one_line(ex['question']), 'rationale': _gsm8k_rationale},
    answer=FreeText(answer=lambda ex: tf.strings.strip(tf.strings.regex_replace(ex['answer'], r'(?s).*####', ''))),
    templates=TEMPLATES,
    metrics=('final_answer',),
    licence='MIT',
    citation='Cobbe et al. 2021: Training verifiers to solve math word problems.',
    held_out_with=('miscellaneous',),
    note='Held out with the miscellaneous cluster, which has algebra.',
)


def _aqua_choices(ex: TfdsExample) -> tf.Tensor:
    """AQuA's options without the letters that its files put before them, as in "A)21"."""
    return tf.strings.strip(tf.strings.regex_replace(ex['options'], r'^\s*[A-E]\s*\)', ''))


AQUA_RAT = Dataset(
    name='aqua_rat',
    cluster=CLUSTER,
    paper_name='',
    source='aqua_rat:1.0.0',
    features={
        'question': tfds.features.Text(),
        'options': tfds.features.Sequence(tfds.features.Text()),
        'rationale': tfds.features.Text(),
        'correct': tfds.features.Text(),
    },
    splits=Splits(validation=Tail(200), test='test'),
    fields={
        'question': lambda ex: _with_choices(ex['question'], _aqua_choices(ex)),
        'rationale': lambda ex: tf.strings.strip(ex['rationale']),
    },
    answer=FreeText(answer=lambda ex: tf.boolean_mask(_aqua_choices(ex), tf.constant([*'ABCDE']) == ex['correct'])[0]),
    templates=TEMPLATES,
    keep=Keep('AQuA has five options throughout', lambda ex: tf.size(ex['options']) == 5),
    metrics=('final_answer',),
    licence='Apache 2.0',
    citation='Ling, Yogatama, Dyer and Blunsom 2017: Program induction by rationale generation.',
    held_out_with=('miscellaneous',),
    note='Not in TFDS: `flan-jax data prepare aqua_rat --from train=train.json test=test.json` reads the files of '
    'https://github.com/google-deepmind/AQuA as they are.',
)


def _esnli_question(ex: TfdsExample) -> tf.Tensor:
    parts = ['Premise: ', _one_line(ex['premise']), '\nStatement: ', _one_line(ex['hypothesis'])]
    return tf.strings.join([*parts, '\nIf the premise is true, is the statement true: yes, no, or impossible to say?'])


ESNLI = Dataset(
    name='esnli',
    cluster=CLUSTER,
    paper_name='',
    source='esnli:0.1.0',
    splits=Splits(validation='validation', test='test'),
    fields={'question': _esnli_question, 'rationale': lambda ex: _one_line(ex['explanation_1'])},
    # Labels: 0 entailment, 1 neutral, 2 contradiction.
    answer=FreeText(answer=lambda ex: tf.gather(['yes', 'impossible to say', 'no'], ex['label'])),
    templates=TEMPLATES,
    keep=Keep(
        'some examples have no label or no explanation',
        lambda ex: (ex['label'] >= 0) & (tf.strings.strip(ex['explanation_1']) != ''),
    ),
    metrics=('final_answer',),
    licence='MIT',
    citation='Camburu, Rocktäschel, Lukasiewicz and Blunsom 2018: e-SNLI: natural language inference with natural '
    'language explanations.',
    held_out_with=('natural_language_inference',),
    note='SNLI with explanations, so held out with natural language inference.',
)

QASC = Dataset(
    name='qasc',
    cluster=CLUSTER,
    paper_name='',
    source='qasc:0.1.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields={
        'question': lambda ex: _with_choices(ex['question'], ex['choices']['text']),
        'rationale': lambda ex: _one_line(ex['combinedfact']),
    },
    answer=FreeText(
        answer=lambda ex: tf.boolean_mask(ex['choices']['text'], ex['choices']['label'] == ex['answerKey'])[0]
    ),
    templates=TEMPLATES,
    metrics=('final_answer',),
    licence='CC BY 4.0',
    citation='Khot, Clark, Guerquin, Jansen and Sabharwal 2020: QASC: a dataset for question answering via sentence '
    'composition.',
    held_out_with=('closed_book_qa', 'reading_comprehension'),
    note='Science questions like those of ARC and OpenBookQA, so held out with their clusters. Its test split has no '
    'labels.',
)

STRATEGY_QA = Dataset(
    name='strategy_qa',
    cluster=CLUSTER,
    paper_name='',
    source='strategy_qa:1.0.0',
    features={
        'question': tfds.features.Text(),
        'answer': tfds.features.Scalar(np.bool_),
        'facts': tfds.features.Sequence(tfds.features.Text()),
    },
    splits=Splits(validation=Tail(200), test=Tail(200)),
    fields={
        'question': lambda ex: _one_line(ex['question']),
        'rationale': lambda ex: _one_line(tf.strings.reduce_join(ex['facts'], separator=' ')),
    },
    answer=FreeText(answer=lambda ex: tf.where(ex['answer'], 'yes', 'no')),
    templates=TEMPLATES,
    metrics=('final_answer',),
    licence='MIT',
    citation='Geva, Khashabi, Segal, Khot, Roth and Berant 2021: Did Aristotle use a laptop? A question answering '
    'benchmark with implicit reasoning strategies.',
    held_out_with=('commonsense', 'closed_book_qa'),
    note='Not in TFDS: `flan-jax data prepare strategy_qa --from train=FILE` reads lines with question, answer (true or '
    'false) and facts of strategyqa_train.json, https://github.com/eladsegal/strategyqa. Its test split has no labels, '
    'so that test examples are cut from the training file.',
)

DATASETS = (GSM8K, AQUA_RAT, ESNLI, QASC, STRATEGY_QA)
