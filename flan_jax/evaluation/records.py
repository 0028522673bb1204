"""Records: one line per row and template, with everything needed to judge it again without the model."""

import dataclasses
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from etils import epath

from flan_jax.evaluation.eval_set import EvalExample
from flan_jax.files import write_whole
from flan_jax.metrics.metrics import Judgement

FOLDER = 'evaluation'
"""Folder of an experiment's records in its MODEL_DIR: one subfolder per model, one below that per dataset."""

SETTINGS_FILE = 'asked.json'
"""File beside a model's records that says with which settings they were made."""

BASE, TUNED = MODELS = 'base', 'tuned'


def tuned_at(step: int | str) -> str:
    """The name of the model as it was after a step, before the last."""
    return f'{TUNED}_at_{step}'


def steps_tuned_at(model_dir: epath.PathLike) -> list[int]:
    """The steps before the last of which there are records."""
    folders = (epath.Path(model_dir) / FOLDER).glob(tuned_at('*'))
    return sorted(int(folder.name.removeprefix(tuned_at(''))) for folder in folders)


WITH_EOS = ('sum', 'mean', 'byte', 'unconditional')
WITHOUT_EOS = tuple(f'{score}_without_eos' for score in WITH_EOS)
SCORES = WITH_EOS + WITHOUT_EOS
"""Ways to rank options, all recorded: log-likelihood in nats as the sum over tokens (FLAN), per token, per UTF-8 byte,
and as the sum minus the option's own log-likelihood without the prompt (Brown et al. 2020, section 2.4); each with the
EOS that ends the option, and without."""


def folder_of(model: str, model_dir: str, base_dir: str | None) -> epath.Path:
    """Where a model's records are; runs may share the base model's in `base_dir`."""
    shared = model == BASE and base_dir is not None
    return epath.Path(base_dir if shared else model_dir) / FOLDER / model


@dataclasses.dataclass(frozen=True)
class RecordKey:
    """Which records a file holds; `shots` is how many exemplars were asked for."""

    dataset: str
    template: int
    split: str
    shots: int = 0

    @property
    def file(self) -> str:
        """Path of the file below the model's folder."""
        few_shot = f'_{self.shots}_shot' if self.shots else ''
        return f'{self.dataset}/{self.split}_template_{self.template}{few_shot}.jsonl'

    @classmethod
    def of_file(cls, dataset: str, stem: str) -> 'RecordKey':
        """The key of a file by the names of its folder and itself, the inverse of `file`."""
        split, template, shots = re.fullmatch(r'(\w+)_template_(\d+)(?:_(\d+)_shot)?', stem).groups(default=0)
        return cls(dataset, int(template), split, int(shots))


def option_scores(text: str, tokens: np.ndarray, alone: np.ndarray) -> dict[str, float]:
    """All scores of an option.

    Args:
      text: the option.
      tokens: log-likelihood of each of its tokens after the prompt, EOS last, in nats.
      alone: the same after an empty prompt.
    """
    num_bytes = len(text.encode())
    return dict(
        zip(SCORES, (*_four_scores(num_bytes, tokens, alone), *_four_scores(num_bytes, tokens[:-1], alone[:-1])))
    )


def _four_scores(num_bytes: int, tokens: np.ndarray, alone: np.ndarray) -> tuple[float, ...]:
    total = float(tokens.sum(dtype=np.float64))
    unconditional = total - float(alone.sum(dtype=np.float64))
    return total, total / max(1, len(tokens)), total / max(1, num_bytes), unconditional  # an option may be empty


def choice_record(key: RecordKey, asked: EvalExample, scores: list[dict[str, float]]) -> dict[str, Any]:
    """The record of a row whose options were scored."""
    options = [{'text': text} | score for text, score in zip(asked.choices, scores)]
    return _record(key, asked) | {'options': options}


def text_record(key: RecordKey, asked: EvalExample, prediction: str) -> dict[str, Any]:
    """The record of a row whose answer was written out."""
    return _record(key, asked) | {'prediction': prediction}


def judgement(record: Mapping[str, Any], score: str) -> Judgement:
    """What a record comes to, its options ranked by `score`; of equal options the first wins.

    Raises:
      ValueError: if a score is not finite, which no ranking may hide.
    """
    references = tuple(record['references'])
    if 'prediction' in record:
        return Judgement(record['prediction'], references, group=record['group'])
    values = [option[score] for option in record['options']]
    if not all(map(math.isfinite, values)):
        raise ValueError(f'{record["dataset"]} example {record["example"]}: score {score!r} is not finite: {values}')
    choices = tuple(option['text'] for option in record['options'])
    return Judgement(choices[int(np.argmax(values))], references, choices, record['group'])


def write(folder: epath.Path, key: RecordKey, records: Iterable[Mapping[str, Any]]) -> None:
    """Writes the file of a key; it appears only when it is complete."""
    write_whole(folder / key.file, ''.join(json.dumps(record, ensure_ascii=False) + '\n' for record in records))


def read(folder: epath.Path, key: RecordKey) -> list[dict[str, Any]]:
    """The records of a key; raises FileNotFoundError where they are not written."""
    return [json.loads(line) for line in (folder / key.file).read_text().split('\n') if line]


def written(folder: epath.Path) -> list[RecordKey]:
    """The keys whose records are complete, in order."""
    keys = (RecordKey.of_file(path.parent.name, path.stem) for path in folder.glob('*/*.jsonl'))
    return sorted(keys, key=dataclasses.astuple)


def _record(key: RecordKey, asked: EvalExample) -> dict[str, Any]:
    return dataclasses.asdict(key) | {
        'example': asked.example,
        'prompt': asked.prompt,
        'prompt_tokens': len(asked.prompt_tokens),
        'exemplars': asked.exemplars,
        'references': list(asked.references),
        'group': asked.group,
    }
