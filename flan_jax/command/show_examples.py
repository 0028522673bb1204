"""flan-jax tasks show: examples of a dataset as a model sees them, in a prompt format."""

import argparse
import functools
import itertools
import pathlib
from collections.abc import Iterable, Iterator

from rich.markup import escape

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.command import show_mask
from flan_jax.command.tables import OUT
from flan_jax.data.formats import format_named
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.settings import MAX_SHOTS
from flan_jax.errors import UserError
from flan_jax.files import require_writable_file
from flan_jax.tokenizers.vocabulary import Vocabulary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `tasks show`."""
    parser.add_argument('name', help='dataset')
    parser.add_argument('--template', type=int, help='only this template')
    parser.add_argument('--shots', type=int, default=0, help='exemplars before the input, as far as they fit')
    parser.add_argument('--n', type=int, default=3, help='how many examples')
    parser.add_argument('--split', default='train', choices=('train', 'validation', 'test'))
    parser.add_argument(
        '--prompt_format',
        default='flan',
        help='what stands before, between and after: flan, plain, tulu, alpaca, or the path of a chat template',
    )
    parser.add_argument('--mask', action='store_true', help='colour what is learned, special tokens written out')
    parser.add_argument('--html', type=pathlib.Path, metavar='FILE', help='with --mask: write a page as well')
    parser.add_argument('--vocabulary', help='SentencePiece model, tokenizer.json or folder; default: the bundled one')
    parser.add_argument('--input_length', type=int, default=1024, help='tokens to which prompts are shortened')
    parser.add_argument('--target_length', type=int, default=256, help='tokens after which responses are cut')


def run(options: argparse.Namespace) -> None:
    """Prints examples under the templates that `options` name."""
    dataset = catalogue.dataset(options.name)
    prompt_format = format_named(options.prompt_format)
    if options.template is not None and not 0 <= options.template < len(dataset.templates):
        raise UserError(f'{dataset.name} has templates 0 to {len(dataset.templates) - 1}, not {options.template}')
    if not 0 <= options.shots <= MAX_SHOTS:
        raise UserError(f'--shots={options.shots}: from 0 to {MAX_SHOTS} exemplars can stand in a prompt')
    templates = range(len(dataset.templates)) if options.template is None else [options.template]
    if options.html and not options.mask:
        raise UserError('--html goes with --mask')
    if options.html:
        require_writable_file(options.html, '--html')
    if options.mask and options.shots:
        raise UserError('--mask shows what training learns of an example by itself; leave out --shots')
    show = show_mask.run if options.mask else _show_few_shot if options.shots else _show_zero_shot
    show(dataset, templates, prompt_format, options)


def _show_zero_shot(
    dataset: Dataset, templates: Iterable[int], prompt_format: PromptFormat, options: argparse.Namespace
) -> None:
    from flan_jax.data.preview import fitted_inputs, rendered_examples
    from flan_jax.data.tokenize import FormatTokenizer

    vocabulary = Vocabulary(options.vocabulary)
    tokenizer = FormatTokenizer(prompt_format, vocabulary)
    for number, ex in enumerate(rendered_examples(dataset, options.split, options.data_dir, options.n)):
        OUT.rule(f'{dataset.name}, {options.split} example {number}')
        for index in templates:
            inputs, targets = ex.prompts[index]
            fitted = fitted_inputs(dataset, index, ex, tokenizer, options.input_length)
            kept = prompt_format.encode_prompt(vocabulary, fitted, options.input_length)
            prompt = prompt_format.encode_prompt(vocabulary, inputs), kept
            encode = functools.partial(prompt_format.encode_response, vocabulary, targets)
            response = encode(None), encode(options.target_length)
            OUT.print(f'[dim]{_label(dataset, index)}')
            _print_part('prompt', _cut(vocabulary, *prompt, 'white'), _kept(*prompt))
            _print_part('response', _cut(vocabulary, *response, 'green') + '\n', _kept(*response))


def _show_few_shot(
    dataset: Dataset, templates: Iterable[int], prompt_format: PromptFormat, options: argparse.Namespace
) -> None:
    """Prompts with exemplars, in the colours of `_show_zero_shot`; what stands before the example's own text is dim."""
    from flan_jax.data.few_shot import Exemplars
    from flan_jax.data.preview import few_shot_prompts

    exemplars = Exemplars(dataset, options.shots, data_dir=options.data_dir)
    lengths = {'inputs': options.input_length, 'targets': options.target_length}
    for index in templates:
        prompts = few_shot_prompts(index, options.split, lengths, exemplars, prompt_format, options.n)
        for number, prompt in enumerate(prompts):
            OUT.rule(f'{dataset.name}, {options.split} example {number}')
            OUT.print(f'[dim]{_label(dataset, index)}, {prompt.shots} of {options.shots} exemplars fit')
            for place, part in enumerate(_before(prompt.parts)):
                if place % 2 == 0:
                    OUT.print('[dim]exemplar:')
                OUT.print(part)
            _print_part('prompt', escape(prompt.parts[-1]), f'{prompt.tokens} tokens in all')
            _print_part('response', f'[green]{escape(prompt.targets)}[/]\n')


def _print_part(name: str, text: str, tokens: str = '') -> None:
    """A part of an example below its name, which a pipe would not tell by its colour, and its number of tokens."""
    OUT.print(f'[dim]{name}{f" ({tokens})" if tokens else ""}:')
    OUT.print(text)


def _before(parts: tuple[str, ...]) -> Iterator[str]:
    """All parts but the last in dim colours, those at odd places, which are targets of exemplars, in green."""
    for place, part in enumerate(parts[:-1]):
        yield f'[dim{" green" * (place % 2)}]{escape(part)}[/]'


def _label(dataset: Dataset, index: int) -> str:
    template = dataset.templates[index]
    return ', '.join(filter(None, [f'template {index}', template.variant, 'inverted' * template.inverted]))


def _cut(vocabulary: Vocabulary, whole: list[int], cut: list[int], colour: str) -> str:
    """The text of tokens in colour, what is cut of it struck through."""
    text, rest = vocabulary.decode(whole), vocabulary.decode(cut)
    before = _shared_beginning(text, rest)
    after = _shared_beginning(text[len(before) :][::-1], rest[len(before) :][::-1])[::-1]
    struck = text[len(before) : len(text) - len(after)]
    struck = f'[strike red]{escape(struck)}[/]' if struck else ''
    return f'[{colour}]{escape(before)}{struck}{escape(after)}[/]'


def _kept(whole: list[int], cut: list[int]) -> str:
    return f'{len(cut)} of {len(whole)} tokens'


def _shared_beginning(text: str, other: str) -> str:
    return text[: sum(itertools.takewhile(bool, (a == b for a, b in zip(text, other))))]
