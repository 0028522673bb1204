"""Instruction files of a user's own as datasets of the catalogue.

The declaration of such a dataset lies in the metadata of its prepared examples, so that both appear together and every
command that reads the folder of prepared data finds it again (`declare_prepared`).
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath

from flan_jax import catalogue
from flan_jax.catalogue.declaration import (
    Cluster,
    Dataset,
    DeclarationError,
    Dialogue,
    FreeText,
    Keep,
    MetricName,
    Ranking,
    Splits,
    Tail,
    Template,
    TfdsExample,
)
from flan_jax.data.example_files import ExampleError, read_file
from flan_jax.data.instruction_files import format_called
from flan_jax.data.instruction_files.conversation import Conversation
from flan_jax.data.members import FORMS, own_mixtures
from flan_jax.data.prepare import unprepared_builder, write_examples
from flan_jax.data.source import ORIGIN_KEY
from flan_jax.errors import UnknownName, UserError
from flan_jax.files import DamagedFile, read_json

CLUSTER = Cluster(name='instruction_following', title='Instruction following')
"""The cluster of all such datasets."""

SPLITS = ('train', 'validation', 'test')

DECLARATION_KEY = 'flan_jax_declaration'
"""Key of the declaration in a prepared dataset's metadata."""

FEATURES = {
    'system': tfds.features.Text(),
    'history': tfds.features.Sequence(tfds.features.Text()),
    'instruction': tfds.features.Text(),
    'input': tfds.features.Text(),
    'response': tfds.features.Text(),
    'rejected': tfds.features.Sequence(tfds.features.Text()),
}
"""The features of `Conversation` on disk."""


RANKED_FEATURES = FEATURES | {'scores': tfds.features.Sequence(tf.float32)}
"""The features of `Conversation` on disk where its answers have scores."""


def all_answers(ex: TfdsExample) -> tf.Tensor:
    """The response and the others, in the order of their scores' places."""
    return tf.concat([[ex['response']], ex['rejected']], 0)


def answers(ex: TfdsExample) -> tf.Tensor:
    """Whether the response of an example says anything."""
    return tf.strings.length(tf.strings.strip(ex['response'])) > 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Instructions:
    """What is declared of a dataset that is made from instruction files.

    Attributes:
      name: of the dataset.
      train_examples: the first so many examples train; None for all.
      test_examples: the last so many training examples are kept for the test split; 0 where that has a file, or none.
      metrics: how answers are judged.
      licence: the terms of the data.
      citation: the publication to cite.
      responses: responses to a prompt at most, where they have scores; 0 where each has one, or none says how good.
    """

    name: str
    train_examples: int | None = None
    test_examples: int = 0
    metrics: tuple[MetricName, ...] = ('rouge',)
    licence: str = 'not stated'
    citation: str = 'not stated'
    responses: int = 0

    @property
    def dataset(self) -> Dataset:
        """The dataset as the catalogue has it."""
        return Dataset(
            name=self.name,
            cluster=CLUSTER,
            paper_name='',
            source=f'{self.name}:1.0.0',
            splits=Splits(
                validation='validation',
                test=Tail(self.test_examples) if self.test_examples else 'test',
                train_examples=self.train_examples,
            ),
            fields={'instruction': 'instruction', 'input': 'input'},
            answer=FreeText(answer='response'),
            templates=(Template('{instruction}\n\n{input}'),),
            metrics=self.metrics,
            licence=self.licence,
            citation=self.citation,
            keep=Keep('An empty response teaches nothing.', answers),
            dialogue=Dialogue(history='history', system='system', context='input'),
            ranking=Ranking(responses=all_answers, scores='scores', most=self.responses) if self.responses else None,
            features=RANKED_FEATURES if self.responses else FEATURES,
        )


@dataclasses.dataclass(frozen=True)
class Written:
    """What was made of instruction files.

    Attributes:
      folder: where the dataset lies.
      dataset: as the catalogue has it now.
      ties_dropped: examples left out because all their responses are equally good.
    """

    folder: pathlib.Path
    dataset: Dataset
    ties_dropped: int


_DECLARED: dict[str, Instructions] = {}
"""The datasets of the catalogue that `declare_prepared` added."""


def prepare_instructions(
    instructions: Instructions,
    files: Mapping[str, pathlib.Path],
    format_name: str,
    data_dir: str,
    keys: Mapping[str, str] | None = None,
    keep_ties: bool = False,
    origin: str | None = None,
) -> Written:
    """Writes instruction files as a prepared dataset with its declaration, and adds it to the catalogue.

    Args:
      instructions: the declaration.
      files: split to file.
      format_name: one of `flan_jax.data.instruction_files`.
      data_dir: directory of prepared datasets.
      keys: a key that the format reads to the one that the files have in its place.
      keep_ties: whether examples stay all of whose responses are equally good, which teach no preference.
      origin: where the examples come from; None for files of the user's own.

    Raises:
      ExampleError: naming file and line of the first row that does not fit; nothing is written then.
      UnknownName: for another split or format.
      UserError: if the name is taken, or the dataset is prepared there already.
    """
    dataset = instructions.dataset
    require_free(instructions.name, data_dir)
    if unknown := [split for split in files if split not in SPLITS]:
        raise UnknownName('split', unknown[0], SPLITS)
    if 'test' in files and instructions.test_examples:
        raise UserError('the test split has a file, so give no number of examples to keep for it')
    conversations = {split: _conversations(path, format_name, keys or {}) for split, path in files.items()}
    kept = {split: [c for c in found if keep_ties or not c.is_tie] for split, found in conversations.items()}
    if emptied := [split for split, found in kept.items() if not found]:
        raise ExampleError(f'{files[emptied[0]]}: every example is a tie, which teaches no preference; --ties=keep')
    ties = sum(map(len, conversations.values())) - sum(map(len, kept.values()))
    most = max(len(conversation.scores) for found in kept.values() for conversation in found)
    _require_training_examples(instructions, len(kept.get('train', ())))
    instructions = dataclasses.replace(instructions, responses=most)
    examples = {split: [conversation.as_example() for conversation in found] for split, found in kept.items()}
    builder = unprepared_builder(dataset.source, instructions.dataset.features, data_dir)
    metadata = {ORIGIN_KEY: origin or f'{format_name} files of your own'}
    folder = write_examples(builder, examples, metadata | {DECLARATION_KEY: dataclasses.asdict(instructions)})
    declare_prepared(data_dir)
    return Written(folder, instructions.dataset, ties)


def _require_training_examples(instructions: Instructions, examples: int) -> None:
    """Raises UserError where all training examples would be kept for the test split."""
    if 0 < instructions.test_examples >= examples:
        raise UserError(
            f'{instructions.name} has {examples} training examples, and {instructions.test_examples} of them were to '
            'be kept for the test split; keep fewer'
        )


def declare_prepared(data_dir: str) -> None:
    """Adds the datasets to the catalogue that `prepare_instructions` wrote into a folder of prepared data.

    Raises:
      DeclarationError: if a module of the catalogue has a dataset of the same name.
    """
    for path in sorted(epath.Path(data_dir).glob('*/*/metadata.json')):
        instructions = _declared_in(path)
        if instructions is None:
            continue
        name = instructions.name
        if _DECLARED.get(name) == instructions:
            continue
        if name in catalogue.DATASETS and name not in _DECLARED:
            raise DeclarationError(
                f'{path} declares {name!r}, as another dataset is called; prepare it under another name'
            )
        catalogue.DATASETS.pop(name, None)
        catalogue.add(instructions.dataset)
        _DECLARED[name] = instructions


def _declared_in(path: epath.Path) -> Instructions | None:
    """What a prepared dataset's metadata declares; raises UserError where they are damaged."""
    advice = f'remove {path.parent} and prepare the dataset again'
    content = read_json(path, advice).get(DECLARATION_KEY)
    if content is None:
        return None
    try:
        instructions = Instructions(**content | {'metrics': tuple(content['metrics'])})
        instructions.dataset  # noqa: B018  checks the declaration
    except (TypeError, KeyError, ValueError) as error:
        raise DamagedFile(f'{path} is damaged: {DECLARATION_KEY}: {error}; {advice}') from error
    return instructions


def require_free(name: str, data_dir: str) -> None:
    """Raises UserError unless a name, and the folder it gives, can be a new dataset's beside all that has one."""
    folders = {dataset.source_name.partition('/')[0] for dataset in catalogue.DATASETS.values()}
    suffix = next((suffix for suffix in FORMS if suffix and name.endswith(suffix)), None)
    if name in _DECLARED and not (epath.Path(data_dir) / name).exists():
        return
    if name in catalogue.DATASETS or name in own_mixtures() or name in folders:
        raise UserError(f'{name!r} is taken by a dataset, cluster or mixture; prepare it under another name')
    if suffix:
        raise UserError(f'{name!r} would read as a form of {name.removesuffix(suffix)!r}; do not end it in {suffix!r}')


def _conversations(path: pathlib.Path, format_name: str, keys: Mapping[str, str]) -> list[Conversation]:
    """The conversations of a file."""
    read = format_called(format_name).read
    found = [read(where, _renamed(where, row, keys)) for where, row in read_file(path)]
    if not found:
        raise ExampleError(f'{path}: holds no examples')
    return found


def _renamed(where: str, row: Mapping[str, Any], keys: Mapping[str, str]) -> Mapping[str, Any]:
    """A row with the keys that its format reads."""
    for theirs in keys.values():
        if theirs not in row:
            raise ExampleError(f'{where}: {theirs!r} is missing; the keys are {", ".join(map(str, row)) or "none"}')
    return {**row, **{ours: row[theirs] for ours, theirs in keys.items()}}
