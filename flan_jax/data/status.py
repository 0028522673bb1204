"""The state of datasets: ready or not, and what to do about it."""

import dataclasses
import enum

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data import source
from flan_jax.data.source import SAMPLES


class State(enum.Enum):
    """The state of a dataset."""

    READY = 'ready'
    SAMPLES = 'samples only'
    MANUAL = 'needs a manual step'
    MISSING = 'missing'


@dataclasses.dataclass(frozen=True)
class Status:
    """A dataset's state in a data directory.

    Attributes:
      dataset: the dataset.
      state: the state.
      examples: number of examples by split, or of rows if these hold several examples.
      advice: what the user should do; empty if it is ready.
    """

    dataset: Dataset
    state: State
    examples: dict[str, int]
    advice: str


def status(dataset: Dataset, data_dir: str) -> Status:
    """The state of one dataset."""
    try:
        examples = {name: len(examples) for name, examples in source.split_slices(dataset, data_dir).items()}
    except source.MissingDataError:
        state = State.MANUAL if dataset.manual_step else State.MISSING
        return Status(dataset, state, {}, how_to_get(dataset))
    except source.FileFormatError as error:
        return Status(dataset, State.MANUAL, {}, str(error))
    if source.origin(dataset.source, data_dir) == SAMPLES:
        return Status(dataset, State.SAMPLES, examples, how_to_get(dataset))
    return Status(dataset, State.READY, examples, _what_lacks(dataset, examples))


def how_to_get(dataset: Dataset) -> str:
    """What a user must do to get the official data."""
    if dataset.features is not None:
        return f'flan-jax data prepare {dataset.name} --from SPLIT=FILE'
    command = f'flan-jax data download {dataset.name}'
    return f'{dataset.manual_step} Then: {command}' if dataset.manual_step else command


def _what_lacks(dataset: Dataset, examples: dict[str, int]) -> str:
    declared = [name for name in ('train', 'validation', 'test') if getattr(dataset.splits, name) is not None]
    lacking = [name for name in declared if name not in examples]
    return f'no examples for {", ".join(lacking)}' if lacking else ''
