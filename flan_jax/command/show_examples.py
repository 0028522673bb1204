"""flan-jax tasks show: shows examples of a dataset as a model reads them, in a prompt format."""

import argparse
import functools
import itertools
import pathlib
from collections.abc import Iterable, Iterator

from rich.markup import escape

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.command import show_mask
from flan_jax.command.catalogue_arguments import add_length_arguments
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
    parser.add_argument('--template', type=int, help='number of the template (default: all)')
    parser.add_argument(
        '--shots', type=int, default=0, help='number of few-shot exemplars, as far as they fit (default: 0)'
    )
    parser.add_argument('--n', type=int, default=3, help='number of examples (default: 3)')
    parser.add_argument('--split', default='train', choices=('train', 'validation', 'test'))
    parser.add_argument(
        '--prompt_format',
        default='flan',
        help='prompt format: flan, plain, tulu, alpaca, or the path of a chat template',
    )
    parser.add_argument(
        '--mask', action='store_true', help='colour the tokens that have a loss, and write out special tokens'
    )
    parser.add_argument('--html', type=pathlib.Path, metavar='FILE', help='with --mask: also write an HTML page')
    parser.add_argument('--vocabulary', help='SentencePiece model, tokenizer.json or folder; default: the bundled one')
    add_length_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Prints examples with the templates that `options` name."""
    dataset = catalogue.dataset(options.name)
    prompt_format = format_named(options.prompt_format)
    if options.template is not None and not 0 <= options.template < len(dataset.templates):
        raise UserError(
            f'{dataset.name} has templates 0 to {len(dataset.templates) - 1}; '
            f'--template={options.template} is not one of them'
        )
    if not 0 <= options.shots <= MAX_SHOTS:
        raise UserError(f'--shots={options.shots}: from 0 to {MAX_SHOTS} exemplars are possible')
    templates = range(len(dataset.templates)) if options.template is None else [options.template]
    if options.html and not options.mask:
        raise UserError('--html only applies with --mask')
    if options.html:
        require_writable_file(options.html, '--html')
    if options.mask and options.shots:
        raise UserError('--mask shows a single training example, without exemplars; remove --shots')
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
    """Prints few-shot prompts in the colours of `_show_zero_shot`; the exemplars are dim."""
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
            _print_part('prompt', escape(prompt.parts[-1]), f'{prompt.tokens} tokens in total')
            _print_part('response', f'[green]{escape(prompt.targets)}[/]\n')


def _print_part(name: str, text: str, tokens: str = '') -> None:
    """Prints a part of an example below its name (colours are lost in a pipe) and number of tokens."""
    OUT.print(f'[dim]{name}{f" ({tokens})" if tokens else ""}:')
    OUT.print(text)


def _before(parts: tuple[str, ...]) -> Iterator[str]:
    """All parts but the last, dim; those at odd indices, the targets of exemplars, in green."""
    for place, part in enumerate(parts[:-1]):
        yield f'[dim{" green" * (place % 2)}]{escape(part)}[/]'


def _label(dataset: Dataset, index: int) -> str:
    template = dataset.templates[index]
    return ', '.join(filter(None, [f'template {index}', template.variant, 'inverted' * template.inverted]))


def _cut(vocabulary: Vocabulary, whole: list[int], cut: list[int], colour: str) -> str:
    """The text of tokens in colour; tokens that are cut off are struck through."""
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
