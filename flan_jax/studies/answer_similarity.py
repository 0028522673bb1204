"""For which prompts a model tuned on one task answers as on that task (Hewitt et al. 2024, section 5.2, Figure 5).

Every prompt is a point. x is the similarity of the prompt to the task's instructions; y is the similarity of its answer
to the task's responses minus that to responses to varied instructions. The paper uses Nomic's embeddings, which are not
available here; we use TF-IDF vectors, which need no model. The similarity to a set is the mean cosine.
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
"""Pattern of tokens: words, numbers, and all other characters one by one, such as those of equations."""

KEYS = ({'prompt': 'question', 'completion': 'answer'}, {'prompt': 'text', 'completion': 'code'})
"""Keys of instruction and response in GSM8K's and MBPP's files."""

X, Y = "prompt to the task's instructions", "answer to the task's responses, minus that to varied ones"


@dataclasses.dataclass(frozen=True)
class Points:
    """Prompts with their answers.

    Attributes:
      x: similarity of each prompt to the task's instructions, from 0 to 1, [E].
      y: similarity of its answer to the task's responses minus that to the varied ones, from -1 to 1, [E].
      empty: number of empty answers, whose y is 0.
    """

    x: np.ndarray
    y: np.ndarray
    empty: int


class Similarity:
    """The mean cosine similarity of texts to each of two sets, by TF-IDF vectors fitted on both sets."""

    def __init__(self, a: Sequence[str], b: Sequence[str]):
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._words = TfidfVectorizer(token_pattern=TOKEN, sublinear_tf=True).fit([*a, *b])
        self._means = [np.asarray(self._words.transform(texts).mean(axis=0)).ravel() for texts in (a, b)]

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """The similarities, [texts, 2]; 0 for texts without a known word, such as empty ones."""
        return self._words.transform(texts) @ np.stack(self._means, axis=1)


def similarities(files: Sequence[pathlib.Path]) -> Table:
    """The points of every file of answers and, for scale, of the examples of both sets."""
    if len(files) < 3:
        raise UserError(f'--from names {len(files)} files; expected {READS}')
    require_different([file.stem for file in files])
    task, varied = _read(files[0]), _read(files[1])
    for what in ('question', 'response'):
        if not any(getattr(one, what).strip() for one in (*task, *varied)):
            raise UserError(f'{files[0]} and {files[1]}: every {what} is empty, so similarities are undefined')
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
    """The examples of a file; only the last turn of dialogues."""
    _, row = next(read_file(file), ('', {}))
    keys = next((keys for keys in KEYS if set(keys.values()) <= set(row)), {})
    return list(conversations(file, format_called(format_of_file(file, known_formats(), keys)), keys))


def _points(answers: Mapping[str, str], of_prompts: Similarity, of_answers: Similarity) -> Points:
    to_task, to_varied = of_answers(list(answers.values())).T
    empty = sum(not answer.strip() for answer in answers.values())
    return Points(of_prompts(list(answers))[:, 0], to_task - to_varied, empty)


def _summary(found: Points) -> dict[str, float | None]:
    """The means of x and y, and their Spearman correlation; None if one of them is constant."""
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
    title='Prompts on which a single-task model answers as in its task',
    source='Hewitt et al. 2024, section 5.2, Figure 5',
    reads=READS,
    make=similarities,
    note='x: similarity of a prompt to the task’s instructions. y: similarity of the answer to the task’s responses, '
    'minus that to the responses of the varied instructions. Similarities are mean cosines of TF-IDF vectors; the '
    'paper uses cosines of Nomic’s embeddings, so its values cannot be compared. The first two rows are computed '
    'from the examples themselves, and show the range of possible values.',
)

STUDIES = {FIGURE_5.id: FIGURE_5}
