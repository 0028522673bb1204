"""flan-jax generate: let a model answer prompts.

Prompts are the words of the command, the lines of a file (for .jsonl the key "prompt" of each), or what is typed.
Answers to a file are JSON lines with "prompt" and "answer".
"""

import argparse
import json
import pathlib
import sys
from collections.abc import Iterator, Sequence

from flan_jax.data.formats.flan import Flan
from flan_jax.errors import UserError
from flan_jax.files import write_whole
from flan_jax.progress import CONSOLE, bar


def run(arguments: list[str]) -> int:
    """Answers what the command names, or what is typed until the end of input."""
    options = _parse(arguments)
    prompts = _read_prompts(options.file) if options.file else options.prompt
    answer = _answerer(options)
    if options.file:
        _write_answers(prompts, answer(prompts), options.output)
    elif prompts:
        print('\n'.join(answer(prompts)))
    else:
        for prompt in _typed():
            print(*answer([prompt]))
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='flan-jax generate', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--checkpoint', required=True, help='folder of a run, of one of its steps, or of a conversion')
    parser.add_argument('prompt', nargs='*', help='a prompt; quote it')
    parser.add_argument('--file', type=pathlib.Path, help='file of prompts')
    parser.add_argument('--output', type=pathlib.Path, help='with --file: where to write; else standard output')
    parser.add_argument('--vocabulary', help="where it is not the run's own")
    parser.add_argument('--max_new_tokens', type=int, default=128, help='longest answer')
    parser.add_argument('--temperature', type=float, default=0.0, help='0 takes the likeliest token (default)')
    parser.add_argument('--top_k', type=int, help='draw among so many likeliest tokens')
    parser.add_argument('--top_p', type=float, help='draw among the likeliest tokens of this total probability')
    parser.add_argument('--beams', type=int, help='search with so many beams, with length penalty 0.6')
    parser.add_argument('--seed', type=int, default=0, help='of drawing')
    parser.add_argument('--batch_tokens', type=int, default=8192, help='tokens in memory at a time')
    options = parser.parse_args(arguments)
    if options.file and options.prompt:
        raise UserError('give prompts or --file, not both')
    if options.output and not options.file:
        raise UserError('--output goes with --file')
    if options.beams and options.temperature:
        raise UserError('beams are not drawn: give --beams or --temperature, not both')
    return options


def _answerer(options: argparse.Namespace):
    """From prompts to answers with the model that the options name."""
    from flan_jax.command.compilation_cache import keep_compiled_programs
    from flan_jax.inference.beam import Beams
    from flan_jax.inference.generation import Generator, Sampling
    from flan_jax.loaded_model import load

    try:
        sampling = Sampling(options.temperature, options.top_k, options.top_p)
        strategy = Beams(options.beams) if options.beams else sampling
    except ValueError as error:
        raise UserError(str(error)) from error
    keep_compiled_programs()
    model = load(options.checkpoint, options.vocabulary)
    generator = Generator(
        model.config,
        model.params,
        model.execution,
        eos_id=model.vocabulary.eos_id,
        max_new_tokens=options.max_new_tokens,
        batch_tokens=options.batch_tokens,
        strategy=strategy,
        seed=options.seed,
        placement=model.placement,
    )

    def answer(prompts: Sequence[str]) -> list[str]:
        tokens = [Flan().encode_prompt(model.vocabulary, prompt) for prompt in prompts]
        if len(tokens) == 1:
            written = generator.answer(tokens)
        else:
            with bar('answering', len(tokens)) as advance:
                written = generator.answer(tokens, advance)
        return [model.vocabulary.decode(ids).strip() for ids in written]

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
