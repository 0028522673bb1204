"""MODEL_DIR/rated.json: how the model of the newest checkpoint rates the responses of held-out rankings."""

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
      source: the dataset of the example.
      scores: the score of each response in the data.
      ratings: the model's rating of each response.
    """

    source: str
    scores: Sequence[float]
    ratings: Sequence[float]


@dataclasses.dataclass(frozen=True)
class Rated:
    """The ratings of one checkpoint.

    Attributes:
      step: number of updates of the model.
      of_probabilities: see `flan_jax.objectives.ranking.Ranking`.
      examples: the prompts with their responses.
    """

    step: int
    of_probabilities: bool
    examples: Sequence[RatedExample]


def write(model_dir: epath.PathLike, rated: Rated) -> None:
    """Writes the newest ratings; replaces earlier ones."""
    write_whole(epath.Path(model_dir) / FILE, json.dumps(dataclasses.asdict(rated)) + '\n')


def read(model_dir: epath.PathLike) -> Rated | None:
    """The newest ratings of a run; None if there are none. Raises DamagedFile."""
    path = epath.Path(model_dir) / FILE
    if not path.exists():
        return None
    advice = 'remove it: the next checkpoint of the run writes it anew'
    found = read_json(path, advice)
    try:
        return Rated(**found | {'examples': [RatedExample(**example) for example in found['examples']]})
    except (LookupError, TypeError) as error:
        raise DamagedFile(f'{path} is damaged: no ratings of examples; {advice}') from error
