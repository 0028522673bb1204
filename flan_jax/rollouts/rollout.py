"""Rollouts: the answers of a round with their rewards, as records on disk.

MODEL_DIR/rollouts/round_00003.jsonl has a line for each prompt. Files are written atomically, so that a killed run can
resume from them.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence

import numpy as np
from etils import epath

from flan_jax.evaluation.samples import Answered, Question
from flan_jax.files import DamagedFile, write_whole
from flan_jax.inference.generation import Generator
from flan_jax.inference.loaded import LoadedModel
from flan_jax.packing.example import Example

FOLDER = 'rollouts'
"""Folder of a run's rollouts in its MODEL_DIR."""


@dataclasses.dataclass(frozen=True)
class Rollout:
    """A prompt and its answers.

    Attributes:
      answered: the texts of the prompt and its answers.
      example: their tokens; answers end with the EOS unless they reached the generator's length limit.
      rewards: the reward of each answer.
    """

    answered: Answered
    example: Example
    rewards: tuple[float, ...]


Reward = Callable[[Sequence[Answered], Sequence[Example]], list[list[float]]]
"""From the texts and the tokens of a round to the reward of every answer."""


def draw(
    model: LoadedModel, generator: Generator, questions: Sequence[Question], answers: int, call: int
) -> tuple[list[Answered], list[Example]]:
    """Samples answers to questions, and returns them as texts and as tokens.

    Answers that reach the generator's length limit have no EOS. `generator` may have later weights than `model`.
    """
    vocabulary, prompt_format = model.vocabulary, model.prompt_format
    prompts = [np.array(prompt_format.encode_prompt(vocabulary, q.prompt), np.int32) for q in questions]
    given = generator.answer([prompt for prompt in prompts for _ in range(answers)], call=call)
    end = [prompt_format.end_id(vocabulary)]
    texts = [prompt_format.finish(vocabulary.decode(ids)) for ids in given]
    tokens = [ids if len(ids) == generator.max_new_tokens else np.append(ids, end).astype(np.int32) for ids in given]
    places = [slice(start, start + answers) for start in range(0, len(given), answers)]
    return (
        [Answered(question, tuple(texts[place])) for question, place in zip(questions, places)],
        [Example(prompt, tuple(tokens[place])) for prompt, place in zip(prompts, places)],
    )


def write(model_dir: epath.PathLike, number: int, rollouts: Sequence[Rollout]) -> None:
    """Writes the rollouts of a round."""
    lines = (json.dumps(_record(rollout), ensure_ascii=False) + '\n' for rollout in rollouts)
    write_whole(_file(model_dir, number), ''.join(lines))


def exists(model_dir: epath.PathLike, number: int) -> bool:
    """Whether the rollouts of a round are on disk."""
    return _file(model_dir, number).exists()


def read(model_dir: epath.PathLike, number: int) -> list[Rollout] | None:
    """The rollouts of a round; None if they are not on disk. Raises DamagedFile for invalid content."""
    path = _file(model_dir, number)
    if not path.exists():
        return None
    return [_parsed(f'{path}, line {n}', line) for n, line in enumerate(path.read_bytes().splitlines(), start=1)]


def verify(model_dir: epath.PathLike) -> int:
    """Reads the rollouts of all rounds, and returns the number of rounds; raises DamagedFile."""
    return sum(len(read(model_dir, number) or ()) for number in _rounds(model_dir))


def _rounds(model_dir: epath.PathLike) -> list[int]:
    folder = epath.Path(model_dir) / FOLDER
    return sorted(int(path.stem.removeprefix('round_')) for path in folder.glob('round_*.jsonl'))


def _parsed(where: str, line: bytes) -> Rollout:
    try:
        return _rollout(json.loads(line))
    except (ValueError, LookupError, TypeError) as error:
        raise DamagedFile(
            f'{where} is damaged: not a rollout; remove the file, and `flan-jax ppo` generates that round again'
        ) from error


def _file(model_dir: epath.PathLike, number: int) -> epath.Path:
    return epath.Path(model_dir) / FOLDER / f'round_{number:05d}.jsonl'


def _record(rollout: Rollout) -> dict:
    question, example = rollout.answered.question, rollout.example
    return {
        'prompt': question.prompt,
        'reference': question.reference,
        'answers': list(rollout.answered.answers),
        'rewards': list(map(float, rollout.rewards)),
        'prompt_tokens': example.prompt.tolist(),
        'answer_tokens': [response.tolist() for response in example.responses],
    }


def _rollout(record: dict) -> Rollout:
    answered = Answered(Question(record['prompt'], record['reference']), tuple(record['answers']))
    tokens = (np.array(response, np.int32) for response in record['answer_tokens'])
    example = Example(np.array(record['prompt_tokens'], np.int32), tuple(tokens))
    return Rollout(answered, example, tuple(record['rewards']))
