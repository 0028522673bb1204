"""Several runs as columns of one table, from their records and manifests."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from flan_jax import catalogue
from flan_jax.data import source
from flan_jax.data.source import MissingDataError
from flan_jax.errors import UserError
from flan_jax.evaluation import records
from flan_jax.evaluation.records import BASE, RecordKey
from flan_jax.evaluation.results import Result, results
from flan_jax.reports import answers
from flan_jax.reports.answers import Answered
from flan_jax.reports.report import from_samples

Found = Mapping[RecordKey, epath.Path]
"""The folders of a model's complete records."""


@dataclasses.dataclass(frozen=True)
class EvaluatedRuns:
    """The arguments of `write_side_by_side` for several runs."""

    models: dict[str, dict[str, str]]
    results: dict[str, list[Result]]
    answered: list[Answered]
    more: dict[str, Any]


def evaluated_runs(paths: Mapping[str, str], made: Mapping[str, Mapping[str, Any]], score: str) -> EvaluatedRuns:
    """The newest model of each run, and their base model if it is the same for all.

    Args:
      paths: the runs' folders by name.
      made: their manifests by name.
      score: the score by which options are ranked.

    Raises:
      UserError: if a run has no records, or runs were evaluated on different examples of one dataset.
    """
    columns, models = _base_column(paths, made), {}
    if columns:
        models[BASE] = _described(columns[BASE], 'the base model of all runs', 'not tuned')
    for name, path in paths.items():
        newest = next(reversed(records.models_in(path)), BASE)
        columns[name] = _found(records.model_folder(_root(path, made[name], newest), newest))
        if not columns[name]:
            raise UserError(
                f'{name}: {path} has no evaluation records, which the comparison needs; set HELD_OUT or '
                'EVAL_TASKS in its gin file, and run `flan-jax evaluate`. Its training is described in its own '
                'report.html'
            )
        mixture = made[name]['run']['data']['mixture']
        notes = 'not tuned' if newest == BASE else f'{newest.replace("_", " ")}, tuned on {mixture}'
        models[name] = _described(columns[name], path, notes)
    _check_same_examples(columns)
    found = {name: results(_known(of_model), of_model.__getitem__, score) for name, of_model in columns.items()}
    tests = {name: {key: of[key] for key in of if key.split == 'test'} for name, of in columns.items()}
    return EvaluatedRuns(models, found, answers.answered(tests, score), _more(found, made, score))


def _root(path: str, made: Mapping[str, Any], model: str) -> str:
    """The root folder of the records of a run's model; runs may share those of their base model."""
    return (made['run']['evaluation']['base_dir'] or path) if model == BASE else path


def _base_column(paths: Mapping[str, str], made: Mapping[str, Mapping[str, Any]]) -> dict[str, Found]:
    """The records of the base model, if every tuned run has some and they are of the same model."""
    tuned = {name: path for name, path in paths.items() if set(records.models_in(path)) - {BASE}}
    found = [_found(records.model_folder(_root(path, made[name], BASE), BASE)) for name, path in tuned.items()]
    settings = {records.fingerprint(records.settings_of(folder)['model']) for of in found for folder in of.values()}
    return {BASE: found[0]} if len(settings) == 1 and all(found) and BASE not in paths else {}


def _found(of_model: epath.Path) -> dict[RecordKey, epath.Path]:
    """The folder of every key, from the newest settings, so that a report never mixes different settings."""
    found: dict[RecordKey, epath.Path] = {}
    for folder in sorted(records.folders_in(of_model), key=records.last_written):
        keys = records.sound(folder)
        lines = {key.without_template for key in keys}
        found = {key: before for key, before in found.items() if key.without_template not in lines}
        found |= dict.fromkeys(keys, folder)
    return found


def _known(found: Found) -> list[RecordKey]:
    """Raises UnknownName for a dataset that the catalogue lacks."""
    return [key for key in found if catalogue.dataset(key.dataset)]


def _described(found: Found, path: str, notes: str) -> dict[str, str]:
    model = records.settings_of(next(iter(found.values())))['model']
    return {'path': path, 'prompt_format': model['prompt_format']['name'], 'notes': notes}


def _check_same_examples(columns: Mapping[str, Found]) -> None:
    """Raises UserError if two models answered the same dataset on different examples or templates."""
    first: dict[RecordKey, tuple[str, epath.Path]] = {}
    for name, found in columns.items():
        for key, folder in found.items():
            other, elsewhere = first.setdefault(key, (name, folder))
            here, there = (records.settings_of(path)['examples'] for path in (folder, elsewhere))
            if here != there:
                differs = ', '.join(sorted(k for k in here.keys() | there.keys() if here.get(k) != there.get(k)))
                raise UserError(
                    f'{name} and {other} were evaluated on different examples of {key.dataset} ({differs} of '
                    f'{records.SETTINGS_FILE} in {folder} and {elsewhere}); evaluate both with the same settings'
                )


def _more(found: Mapping[str, Sequence[Result]], made: Mapping[str, Mapping[str, Any]], score: str) -> dict[str, Any]:
    lines = {name: {result.name for result in of_model} for name, of_model in found.items()}
    every = set().union(*lines.values())
    first = next(iter(made.values()))['run']
    datasets = {result.dataset for of_model in found.values() for result in of_model}
    return {
        'not_evaluated': {name: sorted(every - there) for name, there in lines.items() if every - there},
        'score': score,
        'limit': first['evaluation']['limit'],
        'from_samples': from_samples(
            _prepared(datasets, first['data']['tfds_data_dir']), first['data']['tfds_data_dir']
        ),
    }


def _prepared(names: set[str], data_dir: str) -> list[str]:
    """The datasets that still exist in the data folder of the first run."""

    def is_there(name: str) -> bool:
        try:
            source.prepared_builder(catalogue.dataset(name).source, data_dir)
        except MissingDataError:
            return False
        return True

    return list(filter(is_there, sorted(names)))
