"""Dialogue: what is said next (Flan 2022; Longpre et al. 2023, section 2). Not among FLAN's 62 datasets."""

from __future__ import annotations

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

CLUSTER = Cluster(name='dialogue', title='Dialogue')


def _turn(index: int):
    """The utterance at an index, on one line."""
    return lambda ex: tf.strings.strip(tf.strings.regex_replace(ex['utterances'][index], r'\s+', ' '))


def _history(ex: TfdsExample) -> tf.Tensor:
    """All utterances but the last two, each on a line with its speaker; the last of all is B's."""
    turns = tf.strings.strip(tf.strings.regex_replace(ex['utterances'][:-2], r'\s+', ' '))
    speakers = tf.gather(['B: ', 'A: '], (tf.range(tf.size(turns)) + tf.size(turns) + 1) % 2)
    return tf.strings.reduce_join(tf.strings.join([speakers, turns]), separator='\n')


WIKI_DIALOG = Dataset(
    name='wiki_dialog',
    cluster=CLUSTER,
    paper_name='',
    source='wiki_dialog/OQ:1.0.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields={'topic': 'title', 'history': _history, 'remark': _turn(-2)},
    answer=FreeText(answer=_turn(-1)),
    templates=(
        Template('{history}\nA: {remark}\nB:'),
        inverted('{history}\nA: ...\nB: {answer}\n\nWhat did A ask?', '{remark}'),
        Template('Two people talk about {topic}.\n\n{history}\nA: {remark}\n\nWhat does B say next?'),
        Template('Continue the conversation with one turn.\n\n{history}\nA: {remark}'),
        inverted(
            'In a conversation about {topic}, someone gives this reply: {answer}\nWrite the line to which it replies.',
            '{remark}',
        ),
        Template('Topic: {topic}\n\nSo far:\n{history}\n\nNow A says: {remark}\nB replies:'),
        Template('This has been said:\n{history}\n\nReply to the last question, which is: {remark}'),
        Template('Write the next line of this dialogue.\n---\n{history}\nA: {remark}\n---'),
        inverted('Write how a conversation begins in which B is asked "{remark}" and answers: {answer}', '{history}'),
        Template('You are B and know a lot about {topic}. Answer A.\n\n{history}\nA: {remark}'),
    ),
    keep=Keep('a dialogue of two turns has no history', lambda ex: tf.size(ex['utterances']) > 2),
    metrics=('rouge',),
    licence='CC BY-SA 3.0',
    citation='Dai et al. 2022: Dialog inpainting: turning documents into dialogs.',
    note='The original has Taskmaster and QReCC as well. The first 30,000 dialogues are read, of eleven million.',
)

DATASETS = (WIKI_DIALOG,)
