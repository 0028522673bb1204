"""Records: one line per example and template, with everything needed to judge the answer without the model.

MODEL_DIR/evaluation/MODEL/DATASET-FINGERPRINT/ holds the answers of one model on one dataset. The fingerprint covers
everything that the answers depend on; settings.json next to the records lists it in two parts, 'model' (weights,
vocabulary, prompt format) and 'examples' (contents of the data, templates, lengths, exemplars).

A damaged file is reported with file and line. It is evaluated again, and never scored.
"""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from etils import epath

from flan_jax import settings
from flan_jax.errors import UserError
from flan_jax.evaluation import record_lines
from flan_jax.evaluation.record_lines import DamagedLine
from flan_jax.files import read_json, write_whole

FOLDER = 'evaluation'
"""Folder of a run's records in its MODEL_DIR: one subfolder per model, one below that per dataset."""

SETTINGS_FILE = 'settings.json'

BASE = 'base'
"""The model before tuning."""

STEP = 'step_'
"""Prefix of the names of models after a step of tuning."""

Record = Mapping[str, Any]


class RecordsError(UserError):
    """Records are missing or damaged, or belong to other settings."""


@dataclasses.dataclass(frozen=True)
class RecordKey:
    """The key of one file of records.

    Attributes:
      dataset: name of the dataset.
      variant: variant of the template, such as a direction of translation; empty if there is none.
      template: index of the template.
      split: 'validation' or 'test'.
      shots: number of exemplars, as set; fewer may have fitted.
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
        """Dataset, variant and number of exemplars, which are reported together."""
        return self.dataset, self.variant, self.shots

    @classmethod
    def of(cls, record: Record) -> 'RecordKey':
        """The key of the file that a record belongs to."""
        return cls(**{field.name: record[field.name] for field in dataclasses.fields(cls)})


FolderOf = Callable[[RecordKey], epath.Path]
"""The folder of a key's records."""


@dataclasses.dataclass(frozen=True)
class ModelRecords:
    """The location of one model's records.

    Attributes:
      root: folder that contains `FOLDER`.
      model: 'base' or 'step_N'.
      settings: the model's part of the fingerprint: weights, vocabulary and prompt format.
      prompt: number, from 1, of the soft prompt that is used, if a task has several.
    """

    root: epath.PathLike
    model: str
    settings: Mapping[str, Any]
    prompt: int = 1

    @property
    def name(self) -> str:
        """Name of the model for people."""
        return f'{self.model}, prompt {self.prompt}' if self.prompt > 1 else self.model

    def folder(self, examples: Mapping[str, Any]) -> epath.Path:
        """The folder of a dataset's records, by everything that its examples depend on (`EvalSet.settings`)."""
        covered = fingerprint(self._covered(examples))
        return model_folder(self.root, self.model) / f'{examples["dataset"]}-{covered}'

    def open(self, examples: Mapping[str, Any]) -> epath.Path:
        """The same folder, created with its settings.json if it does not exist.

        Raises:
          RecordsError: if it holds records of other settings, because of a collision of fingerprints.
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
    """A fingerprint of settings, eight hexadecimal digits."""
    return settings.fingerprint(covered)[:8]


def step_model(step: int) -> str:
    """The name of the model after a step."""
    return f'{STEP}{step}'


def step_of(model: str) -> int:
    """The inverse of `step_model`; 0 for the base model."""
    return 0 if model == BASE else int(model.removeprefix(STEP))


def model_folder(root: epath.PathLike, model: str) -> epath.Path:
    """The folder of all records of a model."""
    return epath.Path(root) / FOLDER / model


def models_in(root: epath.PathLike) -> list[str]:
    """The models with records, ordered by step."""
    folder = epath.Path(root) / FOLDER
    names = [path.name for path in folder.iterdir()] if folder.exists() else []
    return sorted((name for name in names if name == BASE or name[len(STEP) :].isdigit()), key=step_of)


def folders_in(folder_of_model: epath.Path) -> list[epath.Path]:
    """The folders of datasets in a model's folder."""
    found = folder_of_model.iterdir() if folder_of_model.exists() else ()
    return sorted(folder for folder in found if (folder / SETTINGS_FILE).exists())


def last_written(folder: epath.Path) -> float:
    """The time of the newest records in a folder, in seconds since 1970."""
    return max((path.stat().mtime for path in folder.glob('*.jsonl')), default=0)


def settings_of(folder: epath.Path) -> dict[str, Any]:
    """The settings that the fingerprint of a dataset's folder covers."""
    return read_json(folder / SETTINGS_FILE, f'remove {folder}; `flan-jax evaluate` writes it anew')


def write(folder: epath.Path, key: RecordKey, records: Iterable[Record]) -> None:
    """Writes the file of a key, see `record_lines`."""
    write_whole(folder / key.file, record_lines.dumped(records).decode())


def read(folder: epath.Path, key: RecordKey) -> list[dict[str, Any]]:
    """The records of a key.

    Raises:
      RecordsError: if they are missing or damaged; names file and line.
    """
    path = folder / key.file
    if not path.exists():
        raise RecordsError(f'{path}: not there; `flan-jax evaluate` writes it')
    try:
        return record_lines.parsed(path.read_bytes())
    except DamagedLine as error:
        raise _damaged(path, error) from error


def complete(folder: epath.Path) -> list[RecordKey]:
    """The keys with complete and sound records, in order."""
    contents = (path.read_bytes() for path in folder.glob('*.jsonl'))
    keys = (RecordKey.of(record_lines.first(content)) for content in contents if _damage(content) is None)
    return sorted(keys, key=dataclasses.astuple)


def damaged(folder: epath.Path) -> list[RecordsError]:
    """Errors for the damaged files of a folder, with file and line."""
    found = ((path, _damage(path.read_bytes())) for path in sorted(folder.glob('*.jsonl')))
    return [_damaged(path, damage) for path, damage in found if damage is not None]


def sound(folder: epath.Path) -> list[RecordKey]:
    """As `complete`, but raises RecordsError, naming file and line, if a file is damaged."""
    for error in damaged(folder):
        raise error
    return complete(folder)


def recorded(keys: Iterable[RecordKey], folder_of: FolderOf) -> set[RecordKey]:
    """The keys whose records are complete in their folders."""
    folders = {key: folder_of(key) for key in keys}
    found = {folder: set(complete(folder)) for folder in set(folders.values())}
    return {key for key, folder in folders.items() if key in found[folder]}


def require_sound(keys: Iterable[RecordKey], folder_of: FolderOf) -> set[RecordKey]:
    """The keys with records; raises RecordsError, naming file and line, if one is damaged."""
    paths = {key: folder_of(key) / key.file for key in keys}
    existing = {key for key, path in paths.items() if path.exists()}
    for path in sorted(paths[key] for key in existing):
        if (damage := _damage(path.read_bytes())) is not None:
            raise _damaged(path, damage)
    return existing


def _damaged(path: epath.Path, error: Exception) -> RecordsError:
    return RecordsError(f'{path} is damaged: {error}; `flan-jax evaluate` writes it anew')


def _damage(content: bytes) -> DamagedLine | None:
    """The damage of a file's content; None if it is sound."""
    try:
        record_lines.verify(content)
    except DamagedLine as error:
        return error
    fields = {field.name for field in dataclasses.fields(RecordKey)}
    return None if fields <= record_lines.first(content).keys() else DamagedLine('line 1 is no record')
