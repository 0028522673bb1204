"""Samples: several answers to each question of a file, drawn once and kept on disk for everything made of them.

A folder of samples holds settings.json, which says what the answers depend on, and files of a fixed number of questions
each, with a record a line: {"question": 0, "prompt": ..., "reference": ..., "answers": [...]}. A file is there only
when it is complete, and its answers depend on nothing but the settings and its own questions. So drawing that was
stopped goes on with the files that are missing, and gives the same samples.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath

from flan_jax import settings
from flan_jax.data.example_files import ExampleError, read_file
from flan_jax.data.instruction_files.conversation import question_of, text_of
from flan_jax.errors import UserError
from flan_jax.files import DamagedFile, read_json, write_whole
from flan_jax.inference.generation import Generator
from flan_jax.inference.loaded import LoadedModel

SETTINGS_FILE = 'settings.json'

QUESTIONS_PER_FILE = 64

_ADVICE = 'remove the folder, and draw anew'


class SamplesError(UserError):
    """A folder of samples is not what it should be."""


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
      prompt: the text of it.
      reference: the answer or solution that is known to be right; empty where none is known.
    """

    prompt: str
    reference: str = ''


@dataclasses.dataclass(frozen=True)
class Answered:
    """A question with its sampled answers, in the order of drawing.

    Attributes:
      question: what is asked.
      answers: to it.
      context: the part of the question that it is about and with which it ends, where that is known; empty for none.
    """

    question: Question
    answers: tuple[str, ...]
    context: str = ''


def read_questions(path: pathlib.Path, keys: Mapping[str, str], limit: int | None = None) -> list[Question]:
    """The questions of a file of examples; that of an `instruction` ends with its `input`, where the file has one.

    Args:
      path: .jsonl, .json or .parquet.
      keys: the keys of 'prompt' and 'completion' where they have other names.
      limit: the first so many; None for all.

    Raises:
      ExampleError: naming file and line of what cannot be read, and for a file without questions.
    """
    prompt, completion = keys.get('prompt', 'prompt'), keys.get('completion', 'completion')
    rows = list(read_file(path))[:limit]
    default = None if 'completion' in keys else ''
    found = [Question(question_of(at, row, prompt)[0], text_of(at, row, completion, default)) for at, row in rows]
    if not found:
        raise ExampleError(f'{path}: holds no questions')
    return found


class Sampler:
    """Draws answers to questions with one model."""

    def __init__(self, model: LoadedModel, generator: Generator, samples: int):
        """Draws `samples` answers to each question by `generator`, which is of `model`."""
        self._model, self._generator, self._samples = model, generator, samples

    def answers(self, questions: Sequence[Question], call: int) -> list[Answered]:
        """The questions with their answers; `call` tells the random numbers of one file from those of another."""
        vocabulary, prompt_format = self._model.vocabulary, self._model.prompt_format
        prompts = [
            np.array(prompt_format.encode_prompt(vocabulary, question.prompt), np.int32) for question in questions
        ]
        each = [prompt for prompt in prompts for _ in range(self._samples)]
        texts = [prompt_format.finish(vocabulary.decode(ids)) for ids in self._generator.answer(each, call=call)]
        grouped = np.array(texts, object).reshape(len(questions), self._samples)
        return [Answered(question, tuple(answers)) for question, answers in zip(questions, grouped)]


def require_same(folder: epath.PathLike, drawn_by: Mapping[str, Any], unsaid: Collection[str] = ()) -> None:
    """Begins a folder of samples, or goes on with one; raises SamplesError for one of other settings, DamagedFile.

    What is `unsaid` by folders of earlier versions is taken for what it is now.
    """
    path = epath.Path(folder) / SETTINGS_FILE
    text = json.dumps(drawn_by, indent=2, sort_keys=True) + '\n'
    if not path.exists():
        write_whole(path, text)
        return
    now = json.loads(text)
    before = {name: now[name] for name in unsaid if name in now} | read_json(path, _ADVICE)
    if different := sorted(name for name in before | now if before.get(name) != now.get(name)):
        raise SamplesError(
            f'{folder} holds samples with another {", ".join(different)}; take another folder, or the settings '
            f'in {path}'
        )


def draw(
    folder: epath.PathLike,
    questions: Sequence[Question],
    answers: Callable[[Sequence[Question], int], list[Answered]],
    progress: Callable[[int], None],
) -> None:
    """Writes the files of a folder that are missing.

    Args:
      folder: as `require_same` left it.
      questions: all of them.
      answers: as `Sampler.answers`.
      progress: told how many more questions are answered.
    """
    for number, start in enumerate(range(0, len(questions), QUESTIONS_PER_FILE)):
        path, asked = _file(folder, number), questions[start : start + QUESTIONS_PER_FILE]
        if not path.exists():
            records = (_record(start + index, found) for index, found in enumerate(answers(asked, number)))
            write_whole(path, ''.join(json.dumps(record, ensure_ascii=False) + '\n' for record in records))
        progress(len(asked))


def read(folder: epath.PathLike) -> list[Answered]:
    """The samples of a folder, in the order of the questions.

    Raises:
      SamplesError: if it holds none, or not all.
      DamagedFile: for a file that is not what was written.
    """
    path = epath.Path(folder) / SETTINGS_FILE
    if not path.exists():
        raise SamplesError(f'{folder} holds no samples; `flan-jax samples draw --output={folder}` draws them')
    expected = read_json(path, _ADVICE).get('questions')
    if not isinstance(expected, int):
        raise DamagedFile(f'{path} is damaged: does not say how many "questions" there are; {_ADVICE}')
    found = [record for number in range(-(-expected // QUESTIONS_PER_FILE)) for record in _records(folder, number)]
    if len(found) != expected:
        raise SamplesError(
            f'{folder} holds samples of {len(found)} of {expected} questions; the command that draws them goes on'
        )
    return [Answered(Question(row['prompt'], row['reference']), tuple(row['answers'])) for row in found]


def fingerprint(questions: Sequence[Question]) -> str:
    """What identifies questions and their references."""
    return settings.fingerprint([dataclasses.astuple(question) for question in questions])


def union(folders: Sequence[Sequence[Answered]]) -> list[Answered]:
    """The questions of all folders, each with its answers from every folder, in the order of the folders.

    Raises:
      SamplesError: for questions that stand in two folders with other references.
    """
    joined: dict[str, Answered] = {}
    for answered in (answered for samples in folders for answered in samples):
        question = answered.question
        present = joined.setdefault(question.prompt, Answered(question, ()))
        if present.question != question:
            raise SamplesError(f'two references for the question {question.prompt[:60]!r}; keep one')
        joined[question.prompt] = Answered(question, (*present.answers, *answered.answers))
    return list(joined.values())


def _file(folder: epath.PathLike, number: int) -> epath.Path:
    return epath.Path(folder) / f'samples_{number:05d}.jsonl'


def _record(index: int, answered: Answered) -> dict[str, Any]:
    question = answered.question
    return {
        'question': index,
        'prompt': question.prompt,
        'reference': question.reference,
        'answers': list(answered.answers),
    }


def _records(folder: epath.PathLike, number: int) -> Iterator[dict[str, Any]]:
    path = _file(folder, number)
    if path.exists():
        try:
            yield from [json.loads(line) for line in path.read_bytes().splitlines()]
        except ValueError as error:
            raise DamagedFile(f'{path} is damaged: not JSON; remove it, and draw again: the rest stays') from error
