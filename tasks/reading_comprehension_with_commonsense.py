"""Reading comprehension that needs commonsense: what does a passage imply?"""

from __future__ import annotations

from etils import epy

from flan_jax.catalogue.declaration import Choice, Cluster, Dataset, Keep, Splits, Tail, Template, TfdsExample, inverted
from flan_jax.tasks.cleaning import cleaned, rewrite

with epy.lazy_imports():
    import tensorflow as tf

CLUSTER = Cluster(
    name='reading_comprehension_with_commonsense',
    title='Reading comprehension with commonsense',
    also_left_out=('reading_comprehension', 'commonsense'),
)


_TOKENIZER_BLANKS = (
    (r' ([.,;:!?)\]%]+)\B', r'\1'),
    (r'([(\[]) ', r'\1'),
    (r" n'?t\b", r"n't"),
    (r" ' ?(s|re|ve|ll|d|m)\b", r"'\1"),
)


COSMOS_QA = Dataset(
    name='cosmos_qa',
    cluster=CLUSTER,
    paper_name='CosmosQA',
    source='cosmos_qa:1.0.0',
    splits=Splits(validation=Tail(200), test='validation'),
    fields=cleaned('context', 'question', rules=_TOKENIZER_BLANKS),
    # The label is the number of the right answer, from 0.
    answer=Choice(options=lambda ex: rewrite(tf.stack([ex[f'answer{i}'] for i in range(4)]), _TOKENIZER_BLANKS)),
    templates=(
        Template('Context: {context}\n\nQuestion: {question}\n\n{options}\n\nAnswer:'),
        Template('{context}\n\n{question}\n\n{options}'),
        inverted(
            '{context}\n\n{options}\n\nWrite a question about this text to which, out of these options, the best answer is: {answer}',
            '{question}',
        ),
        Template('Read the text and use common sense to answer the question.\n\n{context}\n\n{question}\n\n{options}'),
        Template(
            'Question: {question}\n\nThe following text may not say it outright. What is the most plausible answer?\n\n{context}\n\n{options}'
        ),
        Template('Read between the lines of this blog post.\n\n{context}\n\nQ: {question}\n{options}'),
        Template(
            '{options}\n\nGive the most likely answer to the question about this story.\n\nStory: {context}\n\nQuestion: {question}'
        ),
        inverted(
            'Write a few sentences about everyday life that suggest the answer below to a thoughtful reader without spelling it '
            'out.\n\nQuestion: {question}\n{options}\nAnswer: {answer}',
            '{context}',
        ),
        Template(
            '{context}\n\nBased on the text above and on what people generally know about the world: {question}\n{options}'
        ),
        Template(
            'A friend shows you a diary entry and wants to know what you make of it.\n\n{context}\n\nYour friend asks: {question}\n\n{options}'
        ),
    ),
    long_fields=('context',),
    metrics=('accuracy',),
    licence='CC BY 4.0',
    citation='Huang et al. 2019: Cosmos QA: Machine reading comprehension with contextual commonsense reasoning.',
    note='The blanks that the data has beside punctuation marks and inside contractions are taken out.',
)

_GAP = '@placeholder'


def _passage(ex: TfdsExample) -> tf.Tensor:
    """The passage, with its highlights as bullet points."""
    return tf.strings.regex_replace(ex['passage'], r'\s*@highlight\s*', '\n* ')


def _names(ex: TfdsExample) -> tf.Tensor:
    """The names in the passage, each once."""
    return tf.unique(ex['entities']).y


def _is_right(ex: TfdsExample) -> tf.Tensor:
    """Which of the names fill the gap: one, or several that mean the same."""
    return tf.reduce_any(_names(ex)[:, tf.newaxis] == ex['answers'], axis=1)


RECORD = Dataset(
    name='record',
    cluster=CLUSTER,
    paper_name='ReCoRD',
    source='super_glue/record:1.0.2',
    splits=Splits(validation=Tail(200), test='validation'),
    fields={
        'passage': _passage,
        'query': lambda ex: tf.strings.regex_replace(ex['query'], _GAP, '____'),
        'before_gap': lambda ex: tf.strings.regex_replace(ex['query'], f'(?s){_GAP}.*', ''),
        'after_gap': lambda ex: tf.strings.regex_replace(ex['query'], f'(?s)^.*?{_GAP}', '', replace_global=False),
    },
    answer=Choice(options=_names, label=_is_right),
    keep=Keep('no name in the passage is marked as right', lambda ex: tf.reduce_any(_is_right(ex))),
    templates=(
        Template('{passage}\n\nFill in the blank in the following sentence.\n\n{query}\n\n{options}'),
        Template('Article: {passage}\n\nSentence: {query}\n\nWhat does ____ stand for?\n\n{options}'),
        inverted(
            'Write a sentence that could go with the article below and that mentions "{answer}". Put ____ in place of that name.\n\n{passage}',
            '{query}',
        ),
        Template('{query}\n\nWhich name is missing? Find it in this article.\n\n{passage}\n\n{options}'),
        Template(
            'Read the article and complete the statement. Write only what goes into the blank.\n\nArticle: {passage}\n\nStatement: {query}\n\n{options}'
        ),
        Template('{passage}\n\nAccording to the article, who or what belongs in the blank?\n{query}\n\n{options}'),
        Template('{options}\n\nUse the news story to fill in ____ in the sentence after it.\n\n{passage}\n\n{query}'),
        inverted(
            'Here is the beginning of a news article, with its key points.\n\n{passage}\n\nWrite a sentence that could come '
            'later in the article. It should mention one of the following.\n\n{options}',
            '{before_gap}{answer}{after_gap}',
        ),
        Template('Article: {passage}\nCloze: {query}\n{options}\n____ ='),
        Template(
            'You are proofreading a news page, and one name is missing. What is it?\n\n{passage}\n\n{query}\n\n{options}'
        ),
    ),
    long_fields=('passage',),
    metrics=('record',),
    licence='Apache 2.0 for what comes from CNN and the Daily Mail, terms of use of the Internet Archive for the rest '
    '(through SuperGLUE)',
    citation='Zhang et al. 2018: ReCoRD: Bridging the gap between human and machine commonsense reading '
    'comprehension. Wang et al. 2019: SuperGLUE.',
    note='An option is a bare name, as SuperGLUE judges it, and the whole sentence with its gap stands in the prompt. '
    'In the original code an option was a name with the rest of the sentence after it.',
)

DATASETS = (COSMOS_QA, RECORD)
