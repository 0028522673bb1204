"""Records: one line per example and template, with everything needed to judge it again without the model.

MODEL_DIR/evaluation/MODEL/DATASET-FINGERPRINT/ holds what one model answered on one dataset. The fingerprint covers all
that the answers depend on; settings.json beside the records spells it out in two parts, 'model' (weights, vocabulary,
prompt format) and 'examples' (contents of the data, templates, lengths, exemplars).
"""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from etils import epath

from flan_jax import settings
from flan_jax.errors import UserError
from flan_jax.files import read_json, write_whole

FOLDER = 'evaluation'
"""Folder of a run's records in its MODEL_DIR: one subfolder per model, one below that per dataset."""

SETTINGS_FILE = 'settings.json'

BASE = 'base'
"""The model before tuning."""

STEP = 'step_'
"""Begins the name of a model as it was after a step of tuning."""

Record = Mapping[str, Any]


class RecordsError(UserError):
    """Records are not what they should be."""


@dataclasses.dataclass(frozen=True)
class RecordKey:
    """Which records a file holds.

    Attributes:
      dataset: name of the dataset.
      variant: the variant that the template is of, such as a direction of translation; empty where there is none.
      template: index of the template.
      split: 'validation' or 'test'.
      shots: how many exemplars were wanted.
    """

    dataset: str
    variant: str
    template: int
    split: str
    shots: int = 0

    @property
    def file(self) -> str:
        """Name of the file in the dataset's folder."""
        few_shot = f'_{self.shots}_shot' if self.shots else ''
        return f'{self.split}_template_{self.template}{few_shot}.jsonl'

    @property
    def without_template(self) -> tuple[str, str, int]:
        """What is reported together: dataset, variant and number of exemplars."""
        return self.dataset, self.variant, self.shots

    @classmethod
    def of(cls, record: Record) -> 'RecordKey':
        """The key of the file that a record is in."""
        return cls(**{field.name: record[field.name] for field in dataclasses.fields(cls)})


FolderOf = Callable[[RecordKey], epath.Path]
"""The folder of a key's records."""


@dataclasses.dataclass(frozen=True)
class ModelRecords:
    """Where one model's records are.

    Attributes:
      root: folder that holds `FOLDER`.
      model: 'base' or 'step_N'.
      settings: the part of the fingerprint that is the model's: weights, vocabulary and prompt format.
      prompt: which of a task's soft prompts is read, counted from 1; the first where there are not several.
    """

    root: epath.PathLike
    model: str
    settings: Mapping[str, Any]
    prompt: int = 1

    @property
    def name(self) -> str:
        """What it is called where people read."""
        return f'{self.model}, prompt {self.prompt}' if self.prompt > 1 else self.model

    def folder(self, examples: Mapping[str, Any]) -> epath.Path:
        """The folder of a dataset's records, by all that its examples depend on (`EvalSet.settings`)."""
        covered = fingerprint(self._covered(examples))
        return model_folder(self.root, self.model) / f'{examples["dataset"]}-{covered}'

    def open(self, examples: Mapping[str, Any]) -> epath.Path:
        """The same folder, made with its settings.json where it is new.

        Raises:
          RecordsError: if it holds the records of other settings, which a fingerprint may do by chance.
        """
        folder, covered = self.folder(examples), self._covered(examples)
        if not (folder / SETTINGS_FILE).exists():
            write_whole(folder / SETTINGS_FILE, json.dumps(covered, indent=2, ensure_ascii=False))
        elif settings_of(folder) != json.loads(json.dumps(covered)):
            raise RecordsError(f'{folder} holds records of other settings, see {SETTINGS_FILE} there; remove it')
        return folder

    def _covered(self, examples: Mapping[str, Any]) -> dict[str, Any]:
        further = {'prompt': self.prompt} if self.prompt > 1 else {}
        return {'model': {**self.settings, **further}, 'examples': examples}


def fingerprint(covered: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits that stand for settings."""
    return settings.fingerprint(covered)[:8]


def step_model(step: int) -> str:
    """The name of a model as it was after a step."""
    return f'{STEP}{step}'


def step_of(model: str) -> int:
    """The inverse of `step_model`; the base model has seen 0 steps."""
    return 0 if model == BASE else int(model.removeprefix(STEP))


def model_folder(root: epath.PathLike, model: str) -> epath.Path:
    """The folder of all records of a model."""
    return epath.Path(root) / FOLDER / model


def models_in(root: epath.PathLike) -> list[str]:
    """The models of which there are records, by step."""
    folder = epath.Path(root) / FOLDER
    names = [path.name for path in folder.iterdir()] if folder.exists() else []
    return sorted((name for name in names if name == BASE or name[len(STEP) :].isdigit()), key=step_of)


def folders_in(of_model: epath.Path) -> list[epath.Path]:
    """The folders of datasets below a model's, each with settings."""
    found = of_model.iterdir() if of_model.exists() else ()
    return sorted(folder for folder in found if (folder / SETTINGS_FILE).exists())


def settings_of(folder: epath.Path) -> dict[str, Any]:
    """What the fingerprint of a dataset's folder covers."""
    return read_json(folder / SETTINGS_FILE, f'remove {folder}; `flan-jax evaluate` writes it anew')


def write(folder: epath.Path, key: RecordKey, records: Iterable[Record]) -> None:
    """Writes the file of a key; each record says how many there are, so that a cut file is no complete one."""
    records = list(records)
    lines = (dict(record) | {'num_records': len(records)} for record in records)
    write_whole(folder / key.file, ''.join(json.dumps(line, ensure_ascii=False) + '\n' for line in lines))


def read(folder: epath.Path, key: RecordKey) -> list[dict[str, Any]]:
    """The records of a key.

    Raises:
      RecordsError: if they are not complete.
    """
    path = folder / key.file
    content = path.read_bytes() if path.exists() else b''
    if not _is_complete(content):
        raise RecordsError(f'{path}: not there, or cut short; `flan-jax evaluate` writes it anew')
    try:
        return [json.loads(line) for line in content.decode().split('\n') if line]
    except ValueError as error:
        raise RecordsError(f'{path} is damaged: {error}; remove it, and `flan-jax evaluate` writes it anew') from error


def complete(folder: epath.Path) -> list[RecordKey]:
    """The keys whose records are complete, in order."""
    contents = (path.read_bytes() for path in folder.glob('*.jsonl'))
    keys = (RecordKey.of(_first_record(content)) for content in contents if _is_complete(content))
    return sorted(keys, key=dataclasses.astuple)


def recorded(keys: Iterable[RecordKey], folder_of: FolderOf) -> set[RecordKey]:
    """Those of the keys whose records are complete in the folders that are theirs."""
    folders = {key: folder_of(key) for key in keys}
    found = {folder: set(complete(folder)) for folder in set(folders.values())}
    return {key for key, folder in folders.items() if key in found[folder]}


def _is_complete(content: bytes) -> bool:
    """Whether a file has as many lines as its first record says, the last one ended."""
    first = _first_record(content)
    return bool(first) and content.endswith(b'\n') and content.count(b'\n') == first['num_records']


def _first_record(content: bytes) -> dict[str, Any]:
    """The first record of a file; empty where its line is not ended, or damaged."""
    line, end, _ = content.partition(b'\n')
    try:
        record = json.loads(line) if end else {}
    except ValueError:  # such a file is none, and is written anew
        return {}
    fields = {'num_records', *(field.name for field in dataclasses.fields(RecordKey))}
    return record if isinstance(record, dict) and fields <= record.keys() else {}
