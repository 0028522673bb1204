"""MODEL_DIR/rated.json: how the model of the newest checkpoint rates the responses of rankings that it has not seen."""

import dataclasses
import json
from collections.abc import Sequence

from etils import epath

from flan_jax.files import DamagedFile, read_json, write_whole

FILE = 'rated.json'


@dataclasses.dataclass(frozen=True)
class RatedExample:
    """The responses to one prompt.

    Attributes:
      source: the dataset that it comes from.
      scores: how good each response is by the data.
      ratings: and by the model.
    """

    source: str
    scores: Sequence[float]
    ratings: Sequence[float]


@dataclasses.dataclass(frozen=True)
class Rated:
    """All that are rated.

    Attributes:
      step: updates that the model has had.
      of_probabilities: see `flan_jax.objectives.ranking.Ranking`.
      examples: the prompts.
    """

    step: int
    of_probabilities: bool
    examples: Sequence[RatedExample]


def write(model_dir: epath.PathLike, rated: Rated) -> None:
    """Writes what was rated last over what was rated before."""
    write_whole(epath.Path(model_dir) / FILE, json.dumps(dataclasses.asdict(rated)) + '\n')


def read(model_dir: epath.PathLike) -> Rated | None:
    """What a run has rated last; None where it rates nothing. Raises DamagedFile."""
    path = epath.Path(model_dir) / FILE
    if not path.exists():
        return None
    advice = 'remove it: the next checkpoint of the run writes it anew'
    found = read_json(path, advice)
    try:
        return Rated(**found | {'examples': [RatedExample(**example) for example in found['examples']]})
    except (LookupError, TypeError) as error:
        raise DamagedFile(f'{path} is damaged: no ratings of examples; {advice}') from error
