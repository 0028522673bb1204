"""A few test examples with what each model answered."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from flan_jax.evaluation import records
from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.judges.exact import judgement
from flan_jax.evaluation.records import RecordKey
from flan_jax.reports.result_lines import Models, folder_of

SHOWN = 12


def predictions(eval_set: EvalSet, models: Models) -> list[dict[str, Any]]:
    """Some test examples, taken from all datasets and templates in turn."""
    tests = [key for key in eval_set.keys if key.split == 'test']
    answered: dict[RecordKey, dict[str, Any]] = {}
    for label, model in models.items():
        folder = folder_of(eval_set, model)
        recorded = records.recorded(tests, folder)
        for key in filter(recorded.__contains__, tests):
            answered.setdefault(key, {})[label] = folder(key)
    picked = itertools.islice(_in_turn(list(answered)), SHOWN)
    return [_prediction(key, turn, answered[key], eval_set.evaluation.score) for key, turn in picked]


def _in_turn(keys: list[RecordKey]) -> Iterator[tuple[RecordKey, int]]:
    """The keys of all datasets in turn, each with the number of the turn."""
    by_dataset: dict[str, list[RecordKey]] = {}
    for key in keys:
        by_dataset.setdefault(key.dataset, []).append(key)
    for turn in range(max(map(len, by_dataset.values()), default=0)):
        yield from ((found[turn], turn) for found in by_dataset.values() if turn < len(found))


def _prediction(key: RecordKey, index: int, folders: Mapping[str, Any], score: str) -> dict[str, Any]:
    answers, right, record = {}, {}, {}
    for label, folder in folders.items():
        found = records.read(folder, key)
        record = found[index % len(found)]
        judged = judgement(record, score)
        answers[label], right[label] = judged.prediction, judged.is_right
    shown = {name: record[name] for name in ('dataset', 'template', 'shots', 'prompt', 'references')}
    options = [option['text'] for option in record.get('options', ())]
    return shown | {'options': options, 'answers': answers, 'right': right}
