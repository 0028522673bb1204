"""flan-jax ifs: computes the Instruction Following Score: the share of a model's outputs that answer the instruction.

An output that merely continues the instruction does not count. This is a reconstruction of AlShikh et al. 2023, who
published neither code, data nor classifier:

  flan-jax ifs data alpaca_data.json --format=alpaca --output=out/ifs
  flan-jax ifs train --data=out/ifs
  flan-jax generate --checkpoint=RUN --file=out/ifs/instructions.jsonl --output=answers.jsonl --prompt_format=alpaca
  flan-jax ifs score answers.jsonl --data=out/ifs
  flan-jax ifs score MODEL_DIR --data=out/ifs          (records of `flan-jax evaluate`)

The paper's prompts A, B and C are the prompt formats alpaca, responsesuffix and plain. ObjecQA is a set of a hundred
questions that ask for a choice, to measure how objective a model's answers are:

  flan-jax ifs objecqa --questions=choices.jsonl
  flan-jax generate --checkpoint=RUN --file=choices.jsonl --output=chosen.jsonl
  flan-jax ifs objecqa chosen.jsonl
  flan-jax ifs objecqa chosen.jsonl --endpoint=URL --endpoint_model=NAME --prices 0 0 --output=judged.jsonl

The last line judges answers with a model behind an endpoint, as in the paper; the line before uses our own rules.
"""

import argparse
import json
import pathlib

from rich.table import Table

from flan_jax.command import endpoint_options, ifs_scores
from flan_jax.command.ifs_curve import CLASSIFIER, rows_of
from flan_jax.command.instruction_data import renamed_keys
from flan_jax.command.tables import print_table
from flan_jax.errors import UserError
from flan_jax.files import require_writable_file, write_whole
from flan_jax.progress import CONSOLE

SETS = ('train', 'validation', 'instructions')


def main(arguments: list[str]) -> int:
    """Carries out `data`, `train`, `score` or `objecqa`."""
    options = _parse(arguments)
    actions = {'data': _data, 'train': _train, 'score': _score, 'objecqa': ifs_scores.objecqa}
    actions[options.action](options)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog='flan-jax ifs',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest='action', required=True)
    data = actions.add_parser(
        'data', allow_abbrev=False, help='extract instructions, and training data of the classifier, from dialogues'
    )
    data.add_argument('files', nargs='+', type=pathlib.Path, help='dialogues: JSONL, JSON or Parquet')
    data.add_argument(
        '--format', default='alpaca', help='format of the files, see `flan-jax data prepare` (default: alpaca)'
    )
    data.add_argument(
        '--keys',
        nargs='+',
        default=[],
        metavar='OURS=THEIRS',
        help='names of keys in your files, such as prompt=question',
    )
    data.add_argument('--output', type=pathlib.Path, required=True, help='output folder')
    data.add_argument('--seed', type=int, default=0, help='seed of the random cuts and of the split (default: 0)')
    train = actions.add_parser(
        'train', allow_abbrev=False, help='train the classifier that tells answers from continuations'
    )
    score = actions.add_parser('score', allow_abbrev=False, help="compute the score of a model's answers")
    score.add_argument(
        'answers',
        type=pathlib.Path,
        help='answers written by `flan-jax generate --file`, or a folder with records of `flan-jax evaluate`',
    )
    for action in (train, score):
        action.add_argument('--data', type=pathlib.Path, required=True, help='folder written by `flan-jax ifs data`')
        action.add_argument(
            '--classifier', type=pathlib.Path, help=f'folder of the classifier; default: {CLASSIFIER} in --data'
        )
    _add_objecqa(actions)
    options = parser.parse_args(arguments)
    if options.action == 'objecqa':
        _check_objecqa(options)
    return options


def _add_objecqa(actions) -> None:
    choices = actions.add_parser(
        'objecqa', allow_abbrev=False, help='measure how objective answers to questions are that ask for a choice'
    )
    choices.add_argument('answers', type=pathlib.Path, nargs='?', help='answers written by `flan-jax generate --file`')
    choices.add_argument(
        '--questions', type=pathlib.Path, metavar='FILE', help='write the questions to this file, as prompts'
    )
    choices.add_argument(
        '--output', type=pathlib.Path, metavar='FILE', help='with --endpoint: write its verdicts to this file'
    )
    endpoint_options.add_arguments(choices)


def _check_objecqa(options: argparse.Namespace) -> None:
    """Raises UserError for options that exclude or need each other, and for a file that cannot be written."""
    if bool(options.answers) == bool(options.questions):
        raise UserError('give a file of answers to judge, or --questions=FILE to write the questions')
    if options.endpoint and options.questions:
        raise UserError('--endpoint only applies when judging answers; remove --questions')
    endpoint_options.require_endpoint(options)
    if options.output and not options.endpoint:
        raise UserError('--output only applies with --endpoint=URL, the server of the judge')
    if options.output:
        require_writable_file(options.output, '--output')


def _data(options: argparse.Namespace) -> None:
    from flan_jax.data.instruction_files import format_called
    from flan_jax.data.instruction_files.detected import conversations
    from flan_jax.data.instruction_following import build

    if options.seed < 0:
        raise UserError(f'--seed={options.seed}: must be at least 0')
    read_as, keys = format_called(options.format), renamed_keys(options.keys)
    built = build((said for file in options.files for said in conversations(file, read_as, keys)), options.seed)
    for name in SETS:
        lines = (json.dumps(row, ensure_ascii=False) + '\n' for row in getattr(built, name))
        write_whole(options.output / f'{name}.jsonl', ''.join(lines))
    counts = ', '.join(f'{len(getattr(built, name))} {name}' for name in SETS)
    CONSOLE.print(
        f'{options.output}: {counts}; {built.skipped} dialogues were skipped: too short to cut, or duplicates'
    )


def _train(options: argparse.Namespace) -> None:
    from flan_jax.evaluation.instruction_following import classifier
    from flan_jax.evaluation.instruction_following.quality import PAPER, quality

    train, validation = (rows_of(options.data / f'{name}.jsonl', ('text', 'label')) for name in SETS[:2])
    learned = classifier.fit([row['text'] for row in train], [row['label'] for row in train])
    classifier.save(learned, _classifier(options))
    found = quality(learned, [row['text'] for row in validation], [row['label'] for row in validation])
    table = Table('on held-out dialogues', 'here', 'in the paper (BERT, on dialogues of OASST)', box=None)
    for name, value in found.items():
        table.add_row(name, f'{value:.3f}', f'{PAPER[name]:.3f}')
    print_table(table)
    CONSOLE.print(
        f'{len(train)} training texts, {len(validation)} held-out texts, {len(learned.features)} features; '
        f'written to {_classifier(options)}. This classifier is a reconstruction: the paper published none'
    )


def _score(options: argparse.Namespace) -> None:
    from flan_jax.evaluation.instruction_following.classifier import load

    classifier = load(_classifier(options))
    if options.answers.is_dir():
        ifs_scores.of_records(options.answers, classifier)
    else:
        ifs_scores.of_answers(options.answers, options.data, classifier)


def _classifier(options: argparse.Namespace) -> pathlib.Path:
    return options.classifier or options.data / CLASSIFIER
