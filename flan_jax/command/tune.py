"""flan-jax tune: tune a model on a file of instructions, without a gin file or a module of one's own.

The file is JSON Lines, a JSON array or Parquet, with the keys of Alpaca (instruction, input, output), with messages,
with prompt and completion, or with chosen and rejected. All settings are written to OUTPUT/run.gin, so that
`flan-jax run --gin_file=OUTPUT/run.gin` continues the run. Repeating the command resumes an interrupted run.
"""

import argparse
import hashlib
import json
import math
import pathlib
import re
import tempfile
from collections.abc import Mapping
from typing import Any

from flan_jax.command import configuration
from flan_jax.command.instruction_data import renamed_keys
from flan_jax.command.tune_base import Base, base_of
from flan_jax.command.tune_gin import FILE, RATES, Tuned
from flan_jax.errors import UnknownName, UserError
from flan_jax.files import read_utf8, require_writable, write_whole
from flan_jax.objectives.objective import Objective
from flan_jax.progress import CONSOLE

DATA = 'data'
"""Name of the folder of prepared data within the output folder."""

DEFAULT_FORMATS = {'alpaca': 'alpaca'}
"""Prompt formats by format of instruction files, for models without a prompt format; Tulu's for all other files."""


def main(arguments: list[str]) -> int:
    """Checks everything, prepares missing data, and carries out the run."""
    from flan_jax.training.checkpoints import latest_step

    options = _parse(arguments)
    keys = renamed_keys(options.keys or [])
    file_format = _file_format(options, keys)
    base = base_of(options.base, options.output)
    tuned = _tuned(options, base, file_format, keys)
    if base.rates and (options.lora or not tuned.objective.needs_values):
        raise UserError(
            f'--base={options.base} is a reward model, which --objective=reward alone tunes, without --lora; name the '
            'language model that it was tuned from'
        )
    text = tuned.gin_text()
    path = pathlib.Path(options.output) / FILE
    _check(text, tuned)
    if path.exists() and read_utf8(path) != text and latest_step(options.output):
        raise UserError(
            f'{path} is there and asks for something else; choose another --output, or go on with that by '
            f'{configuration.command("run", [str(path)], {})}'
        )
    require_writable(options.output, '--output')
    _require_length(options, tuned, file_format, keys)
    _prepare(options, tuned, file_format, keys)
    write_whole(path, text)
    base.make()
    return _run(path, tuned.objective.needs_values)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='flan-jax tune',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        '--base',
        required=True,
        help='the model: a Hugging Face folder (of a model, or of PEFT), a conversion, a run or one of its steps',
    )
    parser.add_argument('--data', required=True, type=pathlib.Path, help='the file: .jsonl, .json or .parquet')
    parser.add_argument('--output', required=True, help='folder of all that is made; the tuned model is in it')
    _add_data(parser.add_argument_group('data'))
    training = parser.add_argument_group('training')
    training.add_argument('--epochs', type=int, default=3, help='how often every example is read (default: 3)')
    training.add_argument('--lora', action='store_true', help='train a LoRA adapter beside the model')
    training.add_argument('--objective', default='next_token', help='what is learned (default: next_token)')
    training.add_argument('--batch_size', type=int, default=8, help='sequences in a step (default: 8)')
    rates = f'{RATES["Full"]}, with --lora {RATES["Lora"]}; a twentieth of it for dpo and its kind'
    training.add_argument('--learning_rate', type=float, help=f'its peak, from which it falls; default: {rates}')
    training.add_argument(
        '--length', type=int, help='tokens of an example at most; default: 2048, or as many as the model was trained on'
    )
    options = parser.parse_args(arguments)
    options.output = options.output.rstrip('/') or '/'
    for name in ('epochs', 'batch_size', 'length', 'learning_rate'):
        if (value := getattr(options, name)) is not None and not 0 < value < math.inf:
            raise UserError(f'--{name}={value}: must be above 0 and finite')
    options.validation = _validation(options.validation)
    if options.test_examples < 0:
        raise UserError(f'--test_examples={options.test_examples}: must not be below 0')
    return options


def _add_data(data) -> None:
    """Adds the arguments for reading the file."""
    data.add_argument(
        '--format', help='alpaca, messages, prompt_completion, preference or ranked; default: found by the keys'
    )
    data.add_argument('--keys', nargs='+', metavar='OURS=THEIRS', help='keys with other names, as prompt=question')
    data.add_argument(
        '--chat_template',
        help="such as alpaca, tulu or flan, or the path of a chat template; default: the model's own, else alpaca for "
        'files of its kind and tulu for others',
    )
    data.add_argument('--test_examples', type=int, default=0, help='keep the last so many to evaluate on (default: 0)')
    data.add_argument(
        '--validation',
        metavar='FILE|SHARE',
        help='show the loss on these while training: a file like --data, or a share of --data that is not trained on, '
        'such as 0.05',
    )


def _validation(given: str | None) -> pathlib.Path | float | None:
    """The file of validation data, or the share of the data to validate on; raises UserError for an invalid share."""
    try:
        share = float(given or '')
    except ValueError:
        return pathlib.Path(given) if given else None
    if not 0 < share < 1:
        raise UserError(f'--validation={given}: must be a file, or a share between 0 and 1')
    return share


def _file_format(options: argparse.Namespace, keys: Mapping[str, str]) -> str:
    """The format of the data, named by an option or detected; errors are raised before anything is written."""
    from flan_jax.data.example_files import read_file
    from flan_jax.data.instruction_files import format_called, known_formats
    from flan_jax.data.instruction_files.detected import format_of_file

    if isinstance(options.validation, pathlib.Path):
        next(read_file(options.validation), None)
    if options.format:
        format_called(options.format)
        next(read_file(options.data), None)  # raises now if the file cannot be read
        return options.format
    return format_of_file(options.data, known_formats(), keys)


def _tuned(options: argparse.Namespace, base: Base, file_format: str, keys: Mapping[str, str]) -> Tuned:
    from flan_jax.data.formats import format_named
    from flan_jax.data.instruction_files import format_called
    from flan_jax.data.instruction_files.detected import most_responses

    objective = _objective(options.objective, file_format)
    if options.validation and objective.ranked:
        raise UserError(
            f'--validation shows the loss of next_token; what --objective={options.objective} makes of answers that it '
            'does not learn from is shown by --test_examples=N'
        )
    responses = most_responses(options.data, format_called(file_format), keys) if objective.ranked else 1
    if options.chat_template:
        prompt_format = format_named(options.chat_template)
    else:
        prompt_format = base.prompt_format or format_named(DEFAULT_FORMATS.get(file_format, 'tulu'))
    digest = _digest(options, file_format, keys)
    return Tuned(
        command=configuration.joined(['flan-jax', 'tune', *_given(options)]),
        output=options.output,
        base=base,
        dataset='own_' + re.sub(r'[^a-z0-9_]+', '_', options.data.stem.lower()),
        data_dir=f'{options.output}/{DATA}/{digest}',
        prompt_format=prompt_format,
        objective=objective,
        tuning='Lora' if options.lora else 'Full',
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        length=options.length,
        test_examples=options.test_examples,
        validates=options.validation is not None,
        responses=responses,
    )


def _digest(options: argparse.Namespace, file_format: str, keys: Mapping[str, str]) -> str:
    """A digest of the data file and all options that its preparation depends on."""
    read_as, content = [file_format, sorted(keys.items()), options.test_examples], options.data.read_bytes()
    if isinstance(options.validation, pathlib.Path):
        content += options.validation.read_bytes()
    elif options.validation:
        read_as.append(options.validation)
    return hashlib.sha256(content + json.dumps(read_as).encode()).hexdigest()[:8]


def _given(options: argparse.Namespace) -> list[str]:
    """The options as words of a command line, without those that have their default value."""
    words = []
    for name, value in vars(options).items():
        if value is True:
            words.append(f'--{name}')
        elif isinstance(value, list):
            words += [f'--{name}', *value]
        elif value and value != _DEFAULTS.get(name):
            words.append(f'--{name}={value}')
    return words


RANKED_FORMATS = ('preference', 'ranked')
"""Formats of files with several answers to each prompt."""

_DEFAULTS = {'epochs': 3, 'objective': 'next_token', 'batch_size': 8}


def _objective(name: str, file_format: str) -> type[Objective]:
    """The class of an objective by a name such as next_token; raises UserError if the data does not fit it."""
    from flan_jax.command.configurables import configurables
    from flan_jax.objectives.ppo import Ppo

    members = [found for found in configurables().values() if isinstance(found, type) and issubclass(found, Objective)]
    known = {re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', found.__name__).lower(): found for found in members}
    if known.get(name) is Ppo:
        raise UserError(
            '--objective=ppo learns from rewards of its own answers, not from a file of them; use `flan-jax ppo '
            '--gin_file=gin/runs/ppo.gin`'
        )
    if name not in known:
        raise UnknownName('objective', name, known)
    if known[name].ranked and file_format not in RANKED_FORMATS:
        raise UserError(
            f'--objective={name} learns from several answers to each question, which a file of the format '
            f'{file_format} does not have; give one with chosen and rejected'
        )
    return known[name]


def _require_length(options: argparse.Namespace, tuned: Tuned, file_format: str, keys: Mapping[str, str]) -> None:
    """Raises UserError if too many examples would be cut; prints their share otherwise."""
    from flan_jax.command.tune_lengths import require_length
    from flan_jax.data.instruction_files import format_called
    from flan_jax.loaded_model import is_hugging_face

    vocabulary = options.base if is_hugging_face(options.base) else tuned.base.vocabulary
    require_length(tuned, options.data, format_called(file_format), keys, vocabulary)


def _check(text: str, tuned: Tuned) -> None:
    """Raises UserError for settings that cannot work, before anything is written, the chat template included."""
    held: Any = tuned.prompt_format
    in_place = {'ChatTemplate.template': held.template} if tuned.keeps_template else {}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / FILE
        path.write_text(text, 'utf-8')
        configuration.load([str(path)], in_place)


def _prepare(options: argparse.Namespace, tuned: Tuned, file_format: str, keys: Mapping[str, str]) -> None:
    """Writes the data as a dataset, unless it exists."""
    from flan_jax.command.libraries import load_datasets
    from flan_jax.command.quiet import import_tensorflow

    import_tensorflow()
    from flan_jax.data.formats.chat_template import ChatTemplate
    from flan_jax.data.own_instructions import Instructions
    from flan_jax.data.prepare_instructions import prepare_instructions

    load_datasets((), tuned.data_dir, ())
    files, share = {'train': options.data}, 0.0
    if isinstance(options.validation, pathlib.Path):
        files['validation'] = options.validation
    elif options.validation:
        share = options.validation
    instructions = Instructions(name=tuned.dataset, test_examples=options.test_examples, validation_share=share)
    if (pathlib.Path(tuned.data_dir) / instructions.dataset.source.replace(':', '/')).exists():
        return  # complete: unfinished folders have a temporary name
    written = prepare_instructions(instructions, files, file_format, tuned.data_dir, keys)
    is_own = isinstance(tuned.prompt_format, ChatTemplate)
    prompt_format = "the model's chat template" if is_own else f'the prompt format {tuned.prompt_format.name}'
    CONSOLE.print(f'{options.data} is read as {file_format}, in {prompt_format}')
    if written.repeated:
        CONSOLE.print(
            f'{options.validation}: {written.repeated} examples stand in {options.data}, too, and are learned'
        )
    if written.ties_dropped:
        CONSOLE.print(f'{written.ties_dropped} examples were dropped whose responses are all equally good')


def _run(path: pathlib.Path, rates: bool) -> int:
    """Carries out the run, and prints what to do next with the language model, or with a reward model if `rates`."""
    from flan_jax.command.run import complete
    from flan_jax.command.start import start_run

    complete(*start_run('run', [str(path)], {}))
    output = str(path.parent)
    use = {
        configuration.joined(['flan-jax', 'generate', output, '--chat']): 'ask it',
        configuration.joined(['flan-jax', 'evaluate', output, '--tasks=DATASET']): 'measure it',
        configuration.joined(['flan-jax', 'convert', '--from=flan', output, '--to=hf', 'FOLDER']): 'take it elsewhere',
    }
    again = {configuration.command('run', [str(path)], {}): 'the same, or what you change there'}
    commands = again if rates else use | again
    width = max(map(len, commands))
    lines = [f'\n{output} holds the {"reward" if rates else "tuned"} model. Next:']
    lines += [f'  {command:<{width}}    {purpose}' for command, purpose in commands.items()]
    CONSOLE.print('\n'.join(lines), soft_wrap=True, markup=False)
    return 0
