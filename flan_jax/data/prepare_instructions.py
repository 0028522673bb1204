"""Writes a user's instruction files as prepared datasets that contain their declaration."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

from etils import epath

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.example_files import ExampleError
from flan_jax.data.instruction_files import format_called
from flan_jax.data.instruction_files.conversation import Conversation
from flan_jax.data.instruction_files.detected import conversations
from flan_jax.data.members import FORMS, own_mixtures
from flan_jax.data.own_instructions import DECLARATION_KEY, UNFINISHED, Instructions, declare_prepared, is_declared
from flan_jax.data.prepare import unprepared_builder, write_examples
from flan_jax.data.source import ORIGIN_KEY
from flan_jax.errors import UnknownName, UserError

SPLITS = ('train', 'validation', 'test')


@dataclasses.dataclass(frozen=True)
class Written:
    """The result of preparing instruction files.

    Attributes:
      folder: folder of the prepared dataset.
      dataset: the dataset in the catalogue.
      ties_dropped: number of examples left out because all their responses are equally good.
      repeated: number of validation examples that are also training examples.
    """

    folder: pathlib.Path
    dataset: Dataset
    ties_dropped: int
    repeated: int = 0


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
      files: the file of each split.
      format_name: one of `flan_jax.data.instruction_files`.
      data_dir: directory of prepared datasets.
      keys: names of keys in the files, by the names that the format expects.
      keep_ties: whether to keep examples whose responses are all equally good, which express no preference.
      origin: where the examples come from; None for a user's files.

    Raises:
      ExampleError: for the first row that does not fit, with file and line; nothing is written.
      UnknownName: for an unknown split or format.
      UserError: if the name is taken, or the dataset is prepared there already.
    """
    dataset = instructions.dataset
    require_free(instructions.name, data_dir)
    if unknown := [split for split in files if split not in SPLITS]:
        raise UnknownName('split', unknown[0], SPLITS)
    _require_one_test_split(instructions, files)
    given = {split: _conversations(path, format_name, keys or {}) for split, path in files.items()}
    kept = {split: [c for c in found if keep_ties or not c.is_tie] for split, found in given.items()}
    if emptied := [split for split, found in kept.items() if not found]:
        raise ExampleError(f'{files[emptied[0]]}: every example is a tie, which --ties=keep would keep')
    ties = sum(map(len, given.values())) - sum(map(len, kept.values()))
    kept = _with_validation(kept, instructions.validation_share)
    most = max(len(conversation.scores) for found in kept.values() for conversation in found)
    _require_training_examples(instructions, len(kept.get('train', ())))
    instructions = dataclasses.replace(instructions, responses=most)
    examples = {split: [conversation.as_example() for conversation in found] for split, found in kept.items()}
    builder = unprepared_builder(dataset.source, instructions.dataset.features, data_dir)
    metadata = {ORIGIN_KEY: origin or f'{format_name} files of your own'}
    folder = write_examples(builder, examples, metadata | {DECLARATION_KEY: dataclasses.asdict(instructions)})
    declare_prepared(data_dir)
    return Written(folder, instructions.dataset, ties, _in_both(kept))


def _with_validation(kept: dict[str, list[Conversation]], share: float) -> dict[str, list[Conversation]]:
    """The splits, with a share of the training examples moved to validation."""
    if not share:
        return kept
    if 'validation' in kept:
        raise UserError('the validation split has its own file; do not also hold out a share of the training examples')
    train = kept['train']
    chosen = [said for index, said in enumerate(train) if int((index + 1) * share) > int(index * share)]
    known = set(chosen)
    rest = [said for said in train if said not in known]
    if not chosen or not rest:
        raise UserError(
            f'a share of {share} of {len(train)} examples leaves {len(chosen)} validation and {len(rest)} '
            'training examples; choose another share'
        )
    return {**kept, 'train': rest, 'validation': chosen}


def _in_both(kept: Mapping[str, Sequence[Conversation]]) -> int:
    """The number of validation examples that are also training examples."""
    known = set(kept.get('train', ()))
    return sum(said in known for said in kept.get('validation', ()))


def _require_one_test_split(instructions: Instructions, files: Mapping[str, pathlib.Path]) -> None:
    if 'test' in files and instructions.test_examples:
        raise UserError('the test split has its own file; do not also set a number of training examples for it')


def _require_training_examples(instructions: Instructions, examples: int) -> None:
    """Raises UserError if all training examples would become the test split."""
    if 0 < instructions.test_examples >= examples:
        raise UserError(
            f'{instructions.name} has {examples} training examples, of which {instructions.test_examples} shall '
            'become the test split; choose a smaller number'
        )


def require_free(name: str, data_dir: str) -> None:
    """Raises UserError if a name, or the folder of that name, is already used by another dataset."""
    folders = {dataset.source_name.partition('/')[0] for dataset in catalogue.DATASETS.values()}
    suffix = next((suffix for suffix in FORMS if suffix and name.endswith(suffix)), None)
    if is_declared(name):
        folder = epath.Path(data_dir) / name
        if any(not version.name.startswith(UNFINISHED) for version in folder.glob('*')):
            raise UserError(f'{name!r} is already prepared in {folder}; remove that folder to prepare it again')
        return
    if name in catalogue.DATASETS or name in own_mixtures() or name in folders:
        raise UserError(f'{name!r} is the name of a dataset, cluster or mixture; choose another name')
    if suffix:
        raise UserError(
            f'{name!r} would be read as a form of {name.removesuffix(suffix)!r}; choose a name that '
            f'does not end with {suffix!r}'
        )


def _conversations(path: pathlib.Path, format_name: str, keys: Mapping[str, str]) -> list[Conversation]:
    """The conversations of a file."""
    found = list(conversations(path, format_called(format_name), keys))
    if not found:
        raise ExampleError(f'{path}: contains no examples')
    return found
