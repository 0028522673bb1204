"""flan-jax generate: let a model answer prompts.

Prompts are given on the command line, typed one by one, or read from a file: a line each or, in a .jsonl file, the key
"prompt" of each line. Answers to a file are JSON lines with "prompt" and "answer".
"""

import argparse
import json
import pathlib
import sys
from collections.abc import Callable, Iterator, Sequence

from flan_jax.errors import UserError
from flan_jax.files import write_whole
from flan_jax.progress import CONSOLE, bar
from flan_jax.terminal import shown


def main(arguments: list[str]) -> int:
    """Answers what the command names, or what is typed until the end of input."""
    options = _parse(arguments)
    prompts = _read_prompts(options.file) if options.file else options.prompt
    answer = _answerer(options)
    if options.file:
        _write_answers(prompts, answer(prompts), options.output)
    elif prompts:
        print('\n'.join(map(shown, answer(prompts))))
    else:
        for prompt in _typed():
            print(*map(shown, answer([prompt])))
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='flan-jax generate', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('prompt', nargs='*', help='a prompt; quote it')
    parser.add_argument('--checkpoint', required=True, help='folder of a run, of one of its steps, or of a conversion')
    parser.add_argument('--file', type=pathlib.Path, help='answer the prompts of this file')
    parser.add_argument('--output', type=pathlib.Path, help='with --file: write here instead of to standard output')
    parser.add_argument('--vocabulary', help='path of the vocabulary; default: that of the run')
    parser.add_argument('--task', help='whose soft prompt to read, where the run has one for each task')
    parser.add_argument('--prompt_format', help='such as flan or plain; default: that of the run, else flan')
    decoding = parser.add_argument_group('decoding; default: take the likeliest token')
    decoding.add_argument('--max_new_tokens', type=int, default=128, help='longest answer, in tokens (default: 128)')
    decoding.add_argument('--temperature', type=float, help='sample at this temperature')
    decoding.add_argument('--top_k', type=int, help='sample among so many likeliest tokens')
    decoding.add_argument('--top_p', type=float, help='sample among the likeliest tokens of this total probability')
    decoding.add_argument('--seed', type=int, default=0, help='seed of sampling (default: 0)')
    decoding.add_argument('--beams', type=int, help='beam search with so many beams and length penalty 0.6')
    devices = parser.add_argument_group('devices')
    devices.add_argument('--batch_tokens', type=int, default=8192, help='tokens in the KV cache (default: 8192)')
    devices.add_argument('--dtype', choices=('auto', 'float32', 'bfloat16'), default='auto', help='of activations')
    devices.add_argument('--param_dtype', choices=('float32', 'bfloat16'), default='float32', help='of weights')
    devices.add_argument('--fsdp', type=int, default=1, help='devices over which weights are split along d_model')
    devices.add_argument('--tensor', type=int, default=1, help='devices over which heads and vocabulary are split')
    options = parser.parse_args(arguments)
    _check(options)
    return options


def _check(options: argparse.Namespace) -> None:
    """Raises UserError for options that do not go together."""
    if options.file and options.prompt:
        raise UserError('give prompts or --file, not both')
    if options.output and not options.file:
        raise UserError('--output goes with --file')
    samples = [name for name in ('temperature', 'top_k', 'top_p') if getattr(options, name) is not None]
    if options.beams is not None and samples:
        raise UserError(f'beam search does not sample: give --beams or --{samples[0]}, not both')
    for name in ('max_new_tokens', 'batch_tokens', 'fsdp', 'tensor'):
        if getattr(options, name) < 1:
            raise UserError(f'--{name}={getattr(options, name)}: must be at least 1')


def _decoding(options: argparse.Namespace):
    """How the options say that answers are decoded; raises SettingsError for values that are not allowed."""
    from flan_jax.inference.beam import Beams
    from flan_jax.inference.processors.temperature import Temperature
    from flan_jax.inference.processors.top_k import TopK
    from flan_jax.inference.processors.top_p import TopP
    from flan_jax.inference.sampling import Greedy, Sampling

    if options.beams is not None:
        return Beams(options.beams)
    given = {Temperature: options.temperature, TopK: options.top_k, TopP: options.top_p}
    processors = tuple(processor(value) for processor, value in given.items() if value is not None)
    return Sampling(processors=processors) if processors else Greedy()


def _answerer(options: argparse.Namespace) -> Callable[[Sequence[str]], list[str]]:
    """From prompts to answers with the model that the options name."""
    import numpy as np

    from flan_jax.command.compilation_cache import keep_compiled_programs
    from flan_jax.data.formats import format_named
    from flan_jax.distributed.mesh import Parallelism
    from flan_jax.inference.generation import Generator
    from flan_jax.loaded_model import load

    decoding = _decoding(options)
    keep_compiled_programs()
    model = load(
        options.checkpoint,
        vocabulary=options.vocabulary,
        parallelism=Parallelism(fsdp=options.fsdp, tensor=options.tensor),
        dtype=options.dtype,
        param_dtype=options.param_dtype,
        prompt_format=format_named(options.prompt_format) if options.prompt_format else None,
    )
    if options.task and not model.prompts:
        raise UserError(f'--task={options.task}: {options.checkpoint} has no soft prompt for each task; leave it out')
    if model.prompts and options.task is None:
        raise UserError(
            f'{options.checkpoint} has a soft prompt for each task; name one: --task={"|".join(model.prompts)}'
        )
    model = model.of_task(options.task)
    generator = Generator(
        model,
        max_new_tokens=options.max_new_tokens,
        batch_tokens=options.batch_tokens,
        decoding=decoding,
        seed=options.seed,
    )

    encode, finish = model.prompt_format.encode_prompt, model.prompt_format.finish

    def answer(prompts: Sequence[str]) -> list[str]:
        tokens = [np.array(encode(model.vocabulary, prompt), np.int32) for prompt in prompts]
        if len(tokens) == 1:
            answers = generator.answer(tokens)
        else:
            with bar('answering', len(tokens)) as advance:
                answers = generator.answer(tokens, advance)
        return [finish(model.vocabulary.decode(ids)) for ids in answers]

    return answer


def _read_prompts(path: pathlib.Path) -> list[str]:
    if not path.is_file():
        raise UserError(f'{path}: no such file of prompts')
    lines = [line for line in path.read_text().split('\n') if line.strip()]
    if path.suffix != '.jsonl':
        return lines
    return [_prompt_of(line, f'{path}, line {number}') for number, line in enumerate(lines, start=1)]


def _prompt_of(line: str, where: str) -> str:
    try:
        prompt = json.loads(line)['prompt']
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(f'{where}: expected an object with the key "prompt", such as {{"prompt": "..."}}') from error
    if not isinstance(prompt, str):
        raise UserError(f'{where}: the prompt is {prompt!r}, not a text')
    return prompt


def _write_answers(prompts: Sequence[str], answers: Sequence[str], output: pathlib.Path | None) -> None:
    pairs = ({'prompt': prompt, 'answer': answer} for prompt, answer in zip(prompts, answers))
    text = ''.join(json.dumps(pair, ensure_ascii=False) + '\n' for pair in pairs)
    if output is None:
        print(text, end='')
        return
    write_whole(output, text)


def _typed() -> Iterator[str]:
    """Lines from standard input until it ends; asks for them on a terminal."""
    if sys.stdin.isatty():
        CONSOLE.print('type a prompt; Ctrl-D ends')
    while True:
        try:
            line = input('> ') if sys.stdin.isatty() else input()
        except EOFError:
            return
        if line.strip():
            yield line
