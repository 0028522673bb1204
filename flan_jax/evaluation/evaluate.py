"""Asking a model about datasets it never saw, template by template, and writing down what it said (FLAN, section 3)."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

import jax
import numpy as np
from etils import epath

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.catalogue.forms import in_form
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.formats.flan import Flan
from flan_jax.data.source import MissingDataError, split_slices
from flan_jax.distributed.placement import DEFAULT_DEVICE, Placement
from flan_jax.errors import UnknownName, UserError
from flan_jax.evaluation import records
from flan_jax.evaluation.eval_set import EvalExample, eval_examples
from flan_jax.evaluation.records import RecordKey
from flan_jax.files import write_whole
from flan_jax.inference.generation import Generator
from flan_jax.inference.scoring import Scorer
from flan_jax.manifest import as_plain
from flan_jax.model.decoder import Execution, Params
from flan_jax.packing.example import Example
from flan_jax.progress import bar
from flan_jax.run import Run
from flan_jax.settings import SettingsError
from flan_jax.tokenizers.vocabulary import Vocabulary

ROWS_AT_A_TIME = 1000
"""Rows asked together and written down when all are answered."""


class EvaluationError(UserError):
    """Records and the settings they were made with do not fit together."""


def evaluated_datasets(experiment: Run) -> list[Dataset]:
    """The datasets to evaluate, as far as they are prepared.

    Raises:
      UnknownName, SettingsError: see `named_datasets`.
      MissingDataError: if a dataset is not prepared and `allow_missing` is off, or none is.
    """
    return _prepared(named_datasets(experiment), experiment)


def named_datasets(experiment: Run) -> list[Dataset]:
    """The datasets that settings name for evaluation, or the held-out cluster's, prepared or not.

    Raises:
      UnknownName: for a name that is neither a cluster nor a dataset.
      SettingsError: if nothing is named and nothing is held out.
    """
    names = experiment.evaluation.targets or ((experiment.data.held_out,) if experiment.data.held_out else ())
    if not names:
        raise SettingsError('nothing to evaluate: set HELD_OUT, or EVAL_TASKS to a tuple of clusters and datasets')
    datasets = []
    for name in names:
        if name in catalogue.CLUSTERS:
            datasets += catalogue.datasets_in(name)
        elif name in catalogue.DATASETS:
            datasets.append(catalogue.dataset(name))
        else:
            raise UnknownName('cluster or dataset', name, [*catalogue.CLUSTERS, *catalogue.DATASETS])
    return datasets


class EvalSet:
    """Everything an experiment asks, read once and asked of several models."""

    def __init__(self, experiment: Run):
        """Lists what to ask; raises as `evaluated_datasets` does."""
        self._experiment = experiment
        self._vocabulary = Vocabulary(experiment.data.vocabulary)
        self._rows: dict[RecordKey, list[EvalExample]] = {}
        self._datasets = {
            dataset.name: in_form(dataset, experiment.evaluation.instructions)
            for dataset in evaluated_datasets(experiment)
        }
        self.keys = [key for dataset in self._datasets.values() for key in _keys_of(dataset, experiment)]

    def rows(self, key: RecordKey) -> list[EvalExample]:
        """The rows of one dataset, template and split."""
        if key not in self._rows:
            self._rows[key] = list(
                eval_examples(
                    self._datasets[key.dataset],
                    key.template,
                    key.split,
                    self._vocabulary,
                    self._experiment.stream.lengths,
                    self._experiment.data.tfds_data_dir,
                    self._experiment.evaluation.limit,
                    self._exemplars(key) if key.shots else None,
                )
            )
        return self._rows[key]

    def _exemplars(self, key: RecordKey) -> Exemplars:
        return Exemplars(
            self._datasets[key.dataset],
            key.shots,
            seed=self._experiment.stream.seed,
            fixed=self._experiment.evaluation.fixed_exemplars,
            data_dir=self._experiment.data.tfds_data_dir,
        )


def _keys_of(dataset: Dataset, experiment: Run) -> list[RecordKey]:
    """What is asked of a dataset; without training rows there are no exemplars, so it is asked zero-shot only.

    Raises:
      SettingsError: if none of the templates asked for is there to be asked.
    """
    wanted = experiment.evaluation.templates
    templates = [template for template in dataset.forward_templates if not wanted or template in wanted]
    if not templates:
        allowed = ', '.join(map(str, dataset.forward_templates))
        raise SettingsError(f'EVAL_TEMPLATES={wanted}: {dataset.name} can be asked with templates {allowed}')
    splits = split_slices(dataset, experiment.data.tfds_data_dir)
    return [
        RecordKey(dataset.name, template, split, shots)
        for split in experiment.evaluation.splits
        if split in splits
        for shots in experiment.evaluation.shots
        if not shots or 'train' in splits
        for template in templates
    ]


def evaluate(
    experiment: Run,
    eval_set: EvalSet,
    load: Callable[[], Params],
    model: str,
    execution: Execution,
    placement: Placement = DEFAULT_DEVICE,
) -> epath.Path:
    """Asks everything that is not on record yet; returns the folder of the records.

    Args:
      experiment: of which decoder, and with which settings.
      eval_set: what to ask.
      load: gives the model's parameters; called only where there is something to ask.
      model: the name under which its records are kept.
      execution: how to compute.
      placement: where batches lie. Every process reads and computes alike; the first writes.

    Raises:
      EvaluationError: if there are records that were asked with other settings.
    """
    folder = records_folder(experiment, model)
    vocabulary = Vocabulary(experiment.data.vocabulary)
    _check_settings(folder, experiment, vocabulary)
    to_ask = unanswered(experiment, eval_set, model)
    if not to_ask:
        return folder
    evaluator = Evaluator(experiment, load(), execution, vocabulary, placement)
    with bar(f'asking the {model} model', len(eval_set.keys), len(eval_set.keys) - len(to_ask)) as advance:
        for group in _groups(eval_set, to_ask, experiment.evaluation.fixed_exemplars):
            for key, found in evaluator.ask(group).items():
                if jax.process_index() == 0:
                    records.write(folder, key, found)
            advance(len(group), f'{key.dataset} {key.split}')
    return folder


def records_folder(experiment: Run, model: str) -> epath.Path:
    """Where a model's records are."""
    return records.folder_of(model, experiment.model_dir, experiment.evaluation.base_dir)


def unanswered(experiment: Run, eval_set: EvalSet, model: str) -> list[RecordKey]:
    """What a model is still to be asked."""
    done = set(records.written(records_folder(experiment, model)))
    return [key for key in eval_set.keys if key not in done]


def _groups(
    eval_set: EvalSet, keys: Sequence[RecordKey], fixed_exemplars: bool
) -> Iterator[dict[RecordKey, list[EvalExample]]]:
    """Rows by key in groups large enough to fill batches, small enough to lose little when interrupted.

    Where all prompts of a key begin with the same exemplars it is a group by itself, so that those are read once.
    """
    group: dict[RecordKey, list[EvalExample]] = {}
    for key in keys:
        begins_alike = fixed_exemplars and key.shots > 0
        if begins_alike and group:
            yield group
            group = {}
        group[key] = eval_set.rows(key)
        if begins_alike or sum(map(len, group.values())) >= ROWS_AT_A_TIME:
            yield group
            group = {}
    if group:
        yield group


class Evaluator:
    """Asks one model."""

    def __init__(
        self,
        experiment: Run,
        params: Params,
        execution: Execution,
        vocabulary: Vocabulary,
        placement: Placement,
    ):
        batch_tokens = experiment.evaluation.batch_tokens
        self._vocabulary = vocabulary
        self._scorer = Scorer(experiment.model, params, execution, batch_tokens, placement)
        self._generator = Generator(
            experiment.model,
            params,
            execution,
            eos_id=vocabulary.eos_id,
            max_new_tokens=experiment.stream.target_length,
            batch_tokens=batch_tokens,
            placement=placement,
        )
        self._alone: dict[bytes, np.ndarray] = {}

    def ask(self, rows_by_key: Mapping[RecordKey, Sequence[EvalExample]]) -> dict[RecordKey, list[dict]]:
        """The records of each key."""
        asked = [(key, row) for key, rows in rows_by_key.items() for row in rows]
        found = self._choose([pair for pair in asked if pair[1].choices])
        found += self._write([pair for pair in asked if not pair[1].choices])
        by_key: dict[RecordKey, list[dict]] = {key: [] for key in rows_by_key}
        for key, record in found:
            by_key[key].append(record)
        return by_key

    def _choose(self, asked: Sequence[tuple[RecordKey, EvalExample]]) -> list[tuple[RecordKey, dict]]:
        questions = [Example(row.prompt_tokens, _unique(row.choice_tokens)) for _, row in asked]
        scored = self._scorer.score(questions)
        self._score_alone([option for question in questions for option in question.responses])
        result = []
        for (key, row), question, scores in zip(asked, questions, scored):
            by_tokens = {option.tobytes(): score for option, score in zip(question.responses, scores)}
            options = [
                records.option_scores(text, by_tokens[tokens.tobytes()], self._alone[tokens.tobytes()])
                for text, tokens in zip(row.choices, row.choice_tokens)
            ]
            result.append((key, records.choice_record(key, row, options)))
        return result

    def _score_alone(self, options: Sequence[np.ndarray]) -> None:
        """Scores options after an empty prompt, each once."""
        new = [option for option in _unique(options) if option.tobytes() not in self._alone]
        empty = np.array(Flan().encode_empty_prompt(self._vocabulary), np.int32)
        for option, scores in zip(new, self._scorer.score([Example(empty, (option,)) for option in new])):
            self._alone[option.tobytes()] = scores[0]

    def _write(self, asked: Sequence[tuple[RecordKey, EvalExample]]) -> list[tuple[RecordKey, dict]]:
        answers = self._generator.answer([row.prompt_tokens for _, row in asked])
        texts = (self._vocabulary.decode(answer).strip() for answer in answers)
        return [(key, records.text_record(key, row, text)) for (key, row), text in zip(asked, texts)]


def _unique(options: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Options without repetitions, so that equal options get the very same score."""
    return tuple({option.tobytes(): option for option in options}.values())


def _prepared(datasets: Sequence[Dataset], experiment: Run) -> list[Dataset]:
    present = [d for d in datasets if has_test_rows(d, experiment.data.tfds_data_dir)]
    missing = [d.name for d in datasets if d not in present]
    if missing and (not experiment.data.allow_missing or not present):
        raise MissingDataError(
            f'not prepared in {experiment.data.tfds_data_dir}, but to be evaluated: {", ".join(missing)}; see '
            '`flan-jax data status`, or set ALLOW_MISSING = True to go on without them'
        )
    return present


def has_test_rows(dataset: Dataset, data_dir: str) -> bool:
    """Whether a dataset is prepared and can be evaluated."""
    try:
        return 'test' in split_slices(dataset, data_dir)
    except MissingDataError:
        return False


def _check_settings(folder: epath.Path, experiment: Run, vocabulary: Vocabulary) -> None:
    settings = {
        'vocabulary': vocabulary.fingerprint,
        'lengths': experiment.stream.lengths,
        'limit': experiment.evaluation.limit,
        'data': experiment.data.tfds_data_dir,
        'model': as_plain(experiment.model),
        'initial_checkpoint': experiment.initial_checkpoint,
        'seed': None if experiment.initial_checkpoint else experiment.training.seed,
        'instructions': experiment.evaluation.instructions,
        'original_templates': experiment.data.original_templates,
        'exemplars': {'fixed': experiment.evaluation.fixed_exemplars, 'seed': experiment.stream.seed},
    }
    path = folder / records.SETTINGS_FILE
    if not path.exists():
        if jax.process_index() == 0:
            write_whole(path, json.dumps(settings, indent=2))
        return
    found: Mapping = json.loads(path.read_text())
    if changed := [
        f'  {name}: {found.get(name)} before, {settings[name]} now'
        for name in settings
        if found.get(name) != settings[name]
    ]:
        raise EvaluationError(
            f'{folder} holds records asked with other settings; remove it to ask anew:\n' + '\n'.join(changed)
        )
