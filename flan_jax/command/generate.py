"""flan-jax generate MODEL PROMPT...: generates answers to prompts, or chats with a model (--chat).

Prompts are given on the command line, typed one by one, or read from a file. In a text file, each line is a prompt. In
a .jsonl, .json or .parquet file, each example has the key "prompt" or "instruction"; the "input" of an "instruction" is
appended after a blank line. Answers to a file are written as JSON lines with "prompt" and "answer".
"""

import argparse
import dataclasses
import json
import pathlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from flan_jax.errors import UserError
from flan_jax.files import read_utf8, require_writable_file, write_whole
from flan_jax.progress import CONSOLE, bar
from flan_jax.terminal import shown


@dataclasses.dataclass(frozen=True)
class FilePrompt:
    """A prompt of a file, or of the command line.

    Attributes:
      name: the prompt as the output shows it.
      text: the prompt as the model reads it.
      context: the end of `text` that the instruction refers to, which some prompt formats put in a section of its own;
        empty for none.
    """

    name: str
    text: str
    context: str = ''


def main(arguments: list[str]) -> int:
    """Answers the prompts of the command line or file, or those that are typed until the end of input."""
    options = _parse(arguments)
    if options.chat:
        _talk(options)
        return 0
    prompts = read_prompts(options.file, options.template) if options.file else []
    if options.output:
        require_writable_file(options.output, '--output')
    answer = _answerer(options)
    if options.file:
        _write_answers(prompts, answer(prompts), options.output)
    elif options.prompt:
        print('\n'.join(map(shown, answer([FilePrompt(text, text) for text in options.prompt]))))
    else:
        for text in _typed():
            print(*map(shown, answer([FilePrompt(text, text)])))
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog='flan-jax generate',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'words',
        nargs='*',
        metavar='MODEL PROMPT',
        help='folder of a model (Hugging Face, a run, a checkpoint or a converted model); then prompts, in quotes',
    )
    parser.add_argument(
        '--checkpoint', metavar='MODEL', help='folder of the model, instead of MODEL; all words are then prompts'
    )
    parser.add_argument('--prompt', action='append', default=[], help='a prompt; may be repeated')
    parser.add_argument('--chat', action='store_true', help='chat: each answer takes all earlier turns into account')
    parser.add_argument('--system', metavar='TEXT', help='with --chat: the system message')
    parser.add_argument('--file', type=pathlib.Path, help='file of prompts')
    parser.add_argument(
        '--template',
        metavar='TEXT',
        help='with --file of examples: prompt with keys of the example in braces, such as '
        '"Translate into Chinese: {answer}"; the output keeps the "prompt" of the example',
    )
    parser.add_argument('--output', type=pathlib.Path, help='with --file: output file (default: standard output)')
    decoding = add_arguments(parser)
    decoding.add_argument('--beams', type=int, help='beam search with this number of beams and length penalty 0.6')
    decoding.add_argument(
        '--gin_file',
        action='append',
        default=[],
        help='gin file that sets Evaluation.decoding, such as gin/decoding/rule_adapter.gin; --gin.NAME=value, '
        '--max_new_tokens and --seed still apply, other decoding options do not',
    )
    options, others = parser.parse_known_intermixed_args(arguments)
    options.bindings = _bindings(others)
    _take_model(options)
    _check(options)
    return options


def add_arguments(parser: argparse.ArgumentParser):
    """Adds the arguments for opening a model and for decoding; returns the group of the latter."""
    parser.add_argument('--vocabulary', help='path of the vocabulary; default: that of the model')
    parser.add_argument('--task', help='task whose soft prompt is used, if the run has one per task')
    parser.add_argument('--prompt_format', help='prompt format, such as flan or plain; default: that of the model')
    decoding = parser.add_argument_group('decoding (default: greedy)')
    decoding.add_argument(
        '--max_new_tokens', type=int, default=128, help='maximum length of an answer in tokens (default: 128)'
    )
    decoding.add_argument('--temperature', type=float, help='sample with this temperature')
    decoding.add_argument('--top_k', type=int, help='sample from the K most likely tokens')
    decoding.add_argument(
        '--top_p', type=float, help='sample from the most likely tokens with total probability P (nucleus sampling)'
    )
    decoding.add_argument('--seed', type=int, default=0, help='seed of sampling (default: 0)')
    decoding.add_argument(
        '--repetition_penalty', type=float, help='penalty on tokens that have already occurred (1: none)'
    )
    devices = parser.add_argument_group('devices')
    devices.add_argument(
        '--batch_tokens', type=int, default=8192, help='size of the KV cache in tokens (default: 8192)'
    )
    devices.add_argument(
        '--dtype', choices=('auto', 'float32', 'bfloat16'), default='auto', help='dtype of activations (default: auto)'
    )
    devices.add_argument(
        '--param_dtype', choices=('float32', 'bfloat16'), default='float32', help='dtype of weights (default: float32)'
    )
    devices.add_argument(
        '--fsdp',
        type=int,
        default=1,
        help='number of devices over which weights are sharded along d_model (default: 1)',
    )
    devices.add_argument(
        '--tensor',
        type=int,
        default=1,
        help='number of devices over which heads and vocabulary are sharded (default: 1)',
    )
    return decoding


def _take_model(options: argparse.Namespace) -> None:
    """Takes the model from positional arguments, the rest of which are prompts; raises UserError if it is missing."""
    if options.checkpoint is None and not options.words:
        raise UserError('no model given; usage: flan-jax generate MODEL --prompt "..."')
    if options.checkpoint is None:
        options.checkpoint, *options.words = options.words
    options.prompt = options.words + options.prompt


def _bindings(arguments: Sequence[str]) -> dict[str, str]:
    if not arguments:
        return {}
    from flan_jax.command.bindings import read_bindings

    return read_bindings(arguments)


def _check(options: argparse.Namespace) -> None:
    """Raises UserError for options that exclude or need each other."""
    if options.file and options.prompt:
        raise UserError('prompts and --file are both given; use one of them')
    if not options.file and (options.output or options.template):
        raise UserError(f'--{"output" if options.output else "template"} only applies with --file')
    if options.chat and (options.prompt or options.file):
        raise UserError('--chat reads prompts from the terminal or a pipe; remove the prompts')
    if options.system and not options.chat:
        raise UserError('--system only applies with --chat')
    if options.bindings and not options.gin_file:
        raise UserError(f'--gin.{next(iter(options.bindings))}: only applies with --gin_file, which sets the decoding')
    check_decoding(options)
    check_sizes(options, 'max_new_tokens', 'batch_tokens', 'fsdp', 'tensor')


def check_decoding(options: argparse.Namespace) -> None:
    """Raises UserError for options of decoding that exclude each other."""
    samples = [name for name in ('temperature', 'top_k', 'top_p') if getattr(options, name) is not None]
    chosen = [name for name in ('repetition_penalty', *samples, 'beams') if getattr(options, name) is not None]
    if options.gin_file and chosen:
        raise UserError(f'--gin_file sets the decoding; remove --{chosen[0]}, or set it there')
    if options.beams is not None and samples:
        raise UserError(f'beam search does not sample: use --beams or --{samples[0]}, not both')


def check_sizes(options: argparse.Namespace, *names: str) -> None:
    """Raises UserError for options that are below 1."""
    for name in names:
        if getattr(options, name) < 1:
            raise UserError(f'--{name}={getattr(options, name)}: must be at least 1')


def decoding_of_options(options: argparse.Namespace):
    """The decoding that the options describe; raises SettingsError for values that are not allowed."""
    if options.gin_file:
        from flan_jax.command import configuration

        return configuration.decoding(options.gin_file, options.bindings)
    from flan_jax.inference.arguments import decoding_of

    return decoding_of(options.temperature, options.top_k, options.top_p, options.beams, options.repetition_penalty)


def _model(options: argparse.Namespace):
    """The `flan_jax.Model` that the options name."""
    from flan_jax.api import Model

    return Model(open_model(options), options.batch_tokens)


def open_model(options: argparse.Namespace):
    """The model that the options name, opened."""
    from flan_jax.api import of_task
    from flan_jax.command.compilation_cache import keep_compiled_programs
    from flan_jax.data.formats import format_named
    from flan_jax.distributed.mesh import Parallelism
    from flan_jax.loaded_model import load

    prompt_format = format_named(options.prompt_format) if options.prompt_format else None
    keep_compiled_programs()
    loaded = load(
        options.checkpoint,
        vocabulary=options.vocabulary,
        parallelism=Parallelism(fsdp=options.fsdp, tensor=options.tensor),
        dtype=options.dtype,
        param_dtype=options.param_dtype,
        prompt_format=prompt_format,
    )
    return of_task(loaded, options.task, options.checkpoint)


def _answerer(options: argparse.Namespace) -> Callable[[Sequence[FilePrompt]], list[str]]:
    """A function from prompts to the answers of the model that the options name."""
    chosen = {'decoding': decoding_of_options(options), 'max_new_tokens': options.max_new_tokens, 'seed': options.seed}
    model = _model(options)

    def answer(prompts: Sequence[FilePrompt]) -> list[str]:
        texts, contexts = [prompt.text for prompt in prompts], [prompt.context for prompt in prompts]
        if len(prompts) == 1:
            return model.generate(texts, contexts=contexts, **chosen)
        with bar('answering', len(prompts), first='compiling') as advance:
            return model.generate(texts, contexts=contexts, progress=advance, **chosen)

    return answer


def _talk(options: argparse.Namespace) -> None:
    """Answers what is typed, as a dialogue: each prompt has all previous turns."""
    chosen = {'decoding': decoding_of_options(options), 'max_new_tokens': options.max_new_tokens, 'seed': options.seed}
    model = _model(options)
    messages = [{'role': 'system', 'content': options.system}] if options.system else []
    for question in _typed():
        messages.append({'role': 'user', 'content': question})
        answer = model.chat(messages, **chosen)
        messages.append({'role': 'assistant', 'content': answer})
        print(shown(answer), flush=True)


def read_prompts(path: pathlib.Path, template: str | None = None) -> list[FilePrompt]:
    """The prompts of a file; raises UserError."""
    if not path.is_file():
        raise UserError(f'{path}: no such file; set --file to a file of prompts')
    if path.suffix not in ('.jsonl', '.json', '.parquet'):
        if template is not None:
            raise UserError(
                f'--template needs examples with keys, but {path} is a text file; use a .jsonl, .json or .parquet file'
            )
        return [FilePrompt(line, line) for line in read_utf8(path).split('\n') if line.strip()]
    from flan_jax.data.example_files import read_file

    rows = list(read_file(path))
    if template is None:
        return [
            FilePrompt(text, text, context) for text, context in (_prompt_of(found, where) for where, found in rows)
        ]
    filled = [_filled(template, found, where) for where, found in rows]
    return [
        FilePrompt(_prompt_of({'prompt': text, **found}, where)[0], text) for text, (where, found) in zip(filled, rows)
    ]


def _filled(template: str, found: Mapping, where: str) -> str:
    """A template with its {keys} replaced by the values of an example, without blanks at the ends."""

    def value(match: re.Match) -> str:
        if not isinstance(found.get(match[1]), str):
            raise UserError(
                f'{where}: --template names {{{match[1]}}}, which is not a string key of this example; its keys '
                f'are {", ".join(found)}'
            )
        return found[match[1]]

    return re.sub(r'\{(\w+)\}', value, template).strip()


def _prompt_of(found: Mapping, where: str) -> tuple[str, str]:
    from flan_jax.data.instruction_files.conversation import first_key, question_of

    key = first_key(found, ('prompt', 'instruction'))
    if key is None:
        raise UserError(
            f'{where}: expected an object with the key "prompt" or "instruction", such as {{"prompt": "..."}}; '
            'for other keys use --template, such as "{question}"'
        )
    return question_of(where, found, key)


def _write_answers(prompts: Sequence[FilePrompt], answers: Sequence[str], output: pathlib.Path | None) -> None:
    pairs = ({'prompt': prompt.name, 'answer': answer} for prompt, answer in zip(prompts, answers))
    text = ''.join(json.dumps(pair, ensure_ascii=False) + '\n' for pair in pairs)
    if output is None:
        print(text, end='')
        return
    write_whole(output, text)


def _typed() -> Iterator[str]:
    """Lines from standard input until it ends; on a terminal with a prompt sign."""
    if sys.stdin.isatty():
        CONSOLE.print('type a prompt; Ctrl-D quits')
    while True:
        try:
            line = input('> ') if sys.stdin.isatty() else input()
        except EOFError:
            return
        if line.strip():
            yield line
