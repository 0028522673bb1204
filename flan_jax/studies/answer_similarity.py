"""Where a model that was tuned on one task answers as on that task (Hewitt et al. 2024, section 5.2, Figure 5).

Every prompt is a point: how similar it is to the task's instructions, and how much more similar the answer to it is to
the task's responses than to those of varied instructions. The paper compares Nomic's embeddings, which are not here.
Ours are weighted counts of words, so that no model is needed, and a similarity is the mean cosine to a set.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from flan_jax.data.example_files import read_file
from flan_jax.data.instruction_files import format_called, known_formats
from flan_jax.data.instruction_files.conversation import Conversation
from flan_jax.data.instruction_files.detected import conversations, format_of_file
from flan_jax.errors import UserError
from flan_jax.evaluation.judges.answers import read_answers
from flan_jax.reports.file_charts import points
from flan_jax.studies.file_study import FileStudy, Table
from flan_jax.studies.parsing import require_different

READS = 'TASK.jsonl VARIED.jsonl ANSWERS.jsonl...: the task, varied instructions, and answers of one model or several'

TOKEN = r'\w+|[^\w\s]'
"""Words, numbers, and every other sign by itself, such as those of equations."""

KEYS = ({'prompt': 'question', 'completion': 'answer'}, {'prompt': 'text', 'completion': 'code'})
"""The keys of GSM8K's and MBPP's files."""

X, Y = "prompt to the task's instructions", "answer to the task's responses, less that to varied ones"


@dataclasses.dataclass(frozen=True)
class Points:
    """Prompts with their answers.

    Attributes:
      x: similarity of each prompt to the task's instructions, from 0 to 1; shape (prompts,).
      y: similarity of its answer to the task's responses, less that to the varied ones, from -1 to 1.
      empty: answers that say nothing, whose y is 0.
    """

    x: np.ndarray
    y: np.ndarray
    empty: int


class Similarity:
    """The mean cosine of texts to each of two sets, by counts of words weighted as TF-IDF over both sets."""

    def __init__(self, a: Sequence[str], b: Sequence[str]):
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._words = TfidfVectorizer(token_pattern=TOKEN, sublinear_tf=True).fit([*a, *b])
        self._means = [np.asarray(self._words.transform(texts).mean(axis=0)).ravel() for texts in (a, b)]

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Shape (texts, 2). A text none of whose words is known, as an empty one, is similar to nothing: 0."""
        return self._words.transform(texts) @ np.stack(self._means, axis=1)


def similarities(files: Sequence[pathlib.Path]) -> Table:
    """Points of every file of answers, and of the examples of both sets themselves, which show the scale."""
    if len(files) < 3:
        raise UserError(f'--from names {len(files)} files; give {READS}')
    require_different([file.stem for file in files])
    task, varied = _read(files[0]), _read(files[1])
    for what in ('question', 'response'):
        if not any(getattr(one, what).strip() for one in (*task, *varied)):
            raise UserError(f'{files[0]} and {files[1]}: every {what} is empty; nothing can be similar to them')
    of_prompts = Similarity(*([one.question for one in of] for of in (task, varied)))
    of_answers = Similarity(*([one.response for one in of] for of in (task, varied)))
    asked = {file.stem: {one.question: one.response for one in of} for file, of in zip(files, (task, varied))} | {
        file.stem: read_answers(file) for file in files[2:]
    }
    found = {name: _points(answers, of_prompts, of_answers) for name, answers in asked.items()}
    rows = {name: _summary(of) for name, of in found.items()}
    picture = functools.partial(points, {name: (of.x.tolist(), of.y.tolist()) for name, of in found.items()}, X, Y)
    return Table(rows, {}, (), {'figure': picture})


def _read(file: pathlib.Path) -> list[Conversation]:
    """The examples of a file; of a dialogue its last turn."""
    _, row = next(read_file(file), ('', {}))
    keys = next((keys for keys in KEYS if set(keys.values()) <= set(row)), {})
    return list(conversations(file, format_called(format_of_file(file, known_formats(), keys)), keys))


def _points(answers: Mapping[str, str], of_prompts: Similarity, of_answers: Similarity) -> Points:
    to_task, to_varied = of_answers(list(answers.values())).T
    empty = sum(not answer.strip() for answer in answers.values())
    return Points(of_prompts(list(answers))[:, 0], to_task - to_varied, empty)


def _summary(found: Points) -> dict[str, float | None]:
    """Means, and Spearman's rank correlation of both; None where one of them does not vary."""
    from scipy.stats import spearmanr

    order, quarter = np.argsort(found.x, kind='stable'), -(-len(found.x) // 4)
    varies = np.ptp(found.x) > 0 and np.ptp(found.y) > 0
    return {
        'prompts': len(found.x),
        'empty answers': found.empty,
        'x, mean': float(found.x.mean()),
        'y, mean': float(found.y.mean()),
        'y, quarter least like the task': float(found.y[order[:quarter]].mean()),
        'y, quarter most like it': float(found.y[order[-quarter:]].mean()),
        'rank correlation': float(spearmanr(found.x, found.y).statistic) if varies else None,
    }


FIGURE_5 = FileStudy(
    id='hewitt.figure5',
    title='Where a model answers as on the one task it was tuned on',
    source='Hewitt et al. 2024, section 5.2, Figure 5',
    reads=READS,
    make=similarities,
    note='x: similarity of a prompt to the task’s instructions. y: similarity of the answer to the task’s responses, '
    'less that to the responses of the varied instructions. The paper’s are cosines of Nomic’s embeddings; '
    'these are mean cosines of weighted counts of words (TF-IDF): ours, and no values of the paper stand beside '
    'them. The first two rows are the examples themselves, and show which values are to be had.',
)

STUDIES = {FIGURE_5.id: FIGURE_5}
