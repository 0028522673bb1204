"""The results of a run in a form that can be compared bit for bit with those of another."""

import json
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

from flan_jax.errors import UserError

_OF_CLOCKS = ('tokens_per_second', 'model_flops_utilisation')
"""Metrics in the log that depend on the machine and its clock, and are not compared."""

_REPORTED = ('results', 'preferences')
"""Keys of a report that depend only on the weights, and are compared."""

Outcome = Mapping[str, Mapping]
"""What of a run must be equal, by kind and name."""


def outcome(model_dir: pathlib.Path) -> Outcome:
    """The results of the run in a folder.

    Raises:
      UserError: if it has no checkpoint, or any of its files is damaged.
    """
    from flan_jax.training import checkpoints, metrics_log

    folder = checkpoints.latest_folder(model_dir)
    if folder is None:
        raise UserError(f'{model_dir}: the run ended without a checkpoint')
    arrays = {name: np.asarray(array).tobytes() for name, array in checkpoints.read_all(folder).items()}
    log = [
        {name: value for name, value in line.items() if name not in _OF_CLOCKS} for line in metrics_log.read(model_dir)
    ]
    records = {  # the folder of a dataset is named by the time of the checkpoint as well
        (path.parts[-3], path.parts[-2].rpartition('-')[0], path.name): path.read_bytes()
        for path in model_dir.glob('evaluation/*/*/*.jsonl')
    }
    report = json.loads((model_dir / 'report.json').read_text())
    return {
        'checkpoint': {'step': folder.name},
        'parameters and optimizer state': arrays,
        'losses': dict(enumerate(log)),
        'records': records,
        'results': {name: report.get(name) for name in _REPORTED},
    }


def differences(found: Outcome, expected: Outcome) -> Iterator[str]:
    """A line for each kind of result that differs."""
    for kind, values in expected.items():
        names = [name for name in {**values, **found[kind]} if values.get(name) != found[kind].get(name)]
        if names:
            yield f'{kind}: {", ".join(map(str, names[:5]))}'
