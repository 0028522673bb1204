"""flan-jax data prepare NAME --from FILE --format FORMAT: makes a dataset of the catalogue from instruction files."""

import argparse
import pathlib
import typing

from flan_jax.catalogue.declaration import MetricName
from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE

_DECLARED = ('keys', 'ties', 'train_examples', 'test_examples', 'metric', 'licence', 'citation')
"""Options for the declaration of the dataset; they need --format."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `data prepare` that turn instruction files into a dataset."""
    group = parser.add_argument_group(
        'instruction files, prepared as a new dataset; --from takes one FILE of training examples'
    )
    group.add_argument(
        '--format', help='format of the files: alpaca, messages, prompt_completion, preference or ranked'
    )
    group.add_argument(
        '--keys',
        nargs='+',
        metavar='OURS=THEIRS',
        help='names of keys in your files, such as prompt=question completion=answer',
    )
    group.add_argument(
        '--ties',
        choices=('drop', 'keep'),
        help='what to do with examples whose responses are all equally good (default: drop)',
    )
    group.add_argument(
        '--train_examples', type=int, help='number of training examples, from the start of the file (default: all)'
    )
    group.add_argument(
        '--test_examples',
        type=int,
        help='number of training examples, from the end of the file, that become the test split',
    )
    group.add_argument('--metric', choices=typing.get_args(MetricName), help='metric of answers (default: rouge)')
    group.add_argument('--licence', help='licence of the data')
    group.add_argument('--citation', help='publication to cite')


def require_format(options: argparse.Namespace) -> None:
    """Raises UserError for options that need --format if it is not given."""
    for name in _DECLARED:
        if getattr(options, name) is not None:
            raise UserError(f'--{name} only applies with --format, which prepares instruction files as a new dataset')


def run(options: argparse.Namespace) -> None:
    """Writes the dataset that `options` describe."""
    from flan_jax.data.mixtures import usable_examples
    from flan_jax.data.own_instructions import Instructions
    from flan_jax.data.prepare_instructions import prepare_instructions
    from flan_jax.data.status import status

    for name in ('train_examples', 'test_examples'):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise UserError(f'--{name}={getattr(options, name)}: must be at least 1')
    given = {name: getattr(options, name) for name in _DECLARED if name not in ('keys', 'ties', 'metric')}
    given = {name: value for name, value in given.items() if value is not None}
    if options.metric:
        given['metrics'] = (options.metric,)
    instructions = Instructions(name=options.name[0], **given)
    files = _one_to_train(options.files) or files_by_split(options.files)
    keys, keep_ties = renamed_keys(options.keys or []), options.ties == 'keep'
    written = prepare_instructions(instructions, files, options.format, options.data_dir, keys, keep_ties)
    dataset = written.dataset
    examples = status(dataset, options.data_dir).examples
    counted = ', '.join(f'{count} {split}' for split, count in examples.items())
    CONSOLE.print(f'{instructions.name} is prepared in {written.folder}, number of examples: {counted}')
    if dataset.ranking:
        CONSOLE.print(
            f'up to {dataset.ranking.most} responses to a prompt; {written.ties_dropped} examples were dropped '
            'because all their responses are equally good'
        )
    unused = sum(count - usable_examples(dataset, split, options.data_dir) for split, count in examples.items())
    if unused and dataset.keep:
        CONSOLE.print(f'{unused} of them are never used, because: {dataset.keep.reason}')


def files_by_split(arguments: list[str]) -> dict[str, pathlib.Path]:
    """The files that SPLIT=FILE arguments name; raises UserError for another form, or a split named twice."""
    files: dict[str, pathlib.Path] = {}
    for split, file in _pairs('--from', arguments, 'SPLIT=FILE, such as train=examples.jsonl'):
        if split in files:
            raise UserError(f'--from names {split} twice, {files[split]} and {file}; use one file per split')
        files[split] = pathlib.Path(file)
    return files


def _one_to_train(arguments: list[str]) -> dict[str, pathlib.Path]:
    """A single file without a split as the training split; empty for other arguments."""
    return {'train': pathlib.Path(arguments[0])} if len(arguments) == 1 and '=' not in arguments[0] else {}


def renamed_keys(arguments: list[str]) -> dict[str, str]:
    """KEY=NAME arguments: a format's key to the file's name of it; raises UserError for another form."""
    return dict(_pairs('--keys', arguments, 'OURS=THEIRS, such as prompt=question'))


def _pairs(option: str, arguments: list[str], form: str) -> list[tuple[str, str]]:
    pairs = [argument.partition('=') for argument in arguments]
    for argument, (left, _, right) in zip(arguments, pairs):
        if not left or not right:
            raise UserError(f'cannot read {argument!r}; {option} expects {form}')
    return [(left, right) for left, _, right in pairs]
