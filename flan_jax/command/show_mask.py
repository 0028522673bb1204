"""flan-jax tasks show --mask: which tokens of an example contribute to the loss, in the terminal and as a page."""

import argparse
import io
import itertools
from collections.abc import Iterable, Iterator

from rich.rule import Rule
from rich.text import Text

from flan_jax.catalogue.declaration import Dataset
from flan_jax.command.tables import OUT
from flan_jax.data.formats.dialogue import EncodedDialogue
from flan_jax.data.formats.format import PromptFormat
from flan_jax.files import write_whole
from flan_jax.progress import CONSOLE
from flan_jax.terminal import SafeConsole
from flan_jax.tokenizers.vocabulary import Vocabulary

LEARNED, READ = 'bold black on green', 'dim'
LEGEND = Text.assemble(('learned', LEARNED), ' ', ('read', READ), '; ↵: a line break that has a loss')


def run(dataset: Dataset, templates: Iterable[int], prompt_format: PromptFormat, options: argparse.Namespace) -> None:
    """Prints examples token by token in two colours, and writes them as HTML if `options` name a file."""
    page = SafeConsole(record=True, file=io.StringIO(), width=OUT.width)
    for shown in (LEGEND, *_examples(dataset, list(templates), prompt_format, options)):
        OUT.print(shown)
        page.print(shown)
    if options.html:
        write_whole(options.html, page.export_html(inline_styles=True))
        CONSOLE.print(f'written to {options.html}')


def _examples(
    dataset: Dataset, templates: list[int], prompt_format: PromptFormat, options: argparse.Namespace
) -> Iterator[Rule | Text]:
    from flan_jax.data.preview import rendered_examples

    vocabulary = Vocabulary(options.vocabulary)
    for number, ex in enumerate(rendered_examples(dataset, options.split, options.data_dir, options.n)):
        for index in templates:
            encoded = prompt_format.encode_learned(
                vocabulary, ex.dialogue(index), options.input_length, options.target_length
            )
            learned = int(sum(encoded.weights))
            of = len(encoded.prompt) + len(encoded.response)
            yield Rule(
                f'{dataset.name}, {options.split} example {number}, template {index}: {learned} of {of} '
                'tokens have a loss'
            )
            yield coloured(encoded, vocabulary)


def coloured(encoded: EncodedDialogue, vocabulary: Vocabulary) -> Text:
    """The tokens of an example as text; tokens with and without loss have different styles."""
    tokens = [(i, 0.0) for i in encoded.prompt] + list(zip(encoded.response, encoded.weights))
    text = Text()
    for weight, run_of_tokens in itertools.groupby(tokens, key=lambda token: token[1]):
        part = vocabulary.decode_all([i for i, _ in run_of_tokens])
        text.append(part.replace('\n', '↵\n') if weight else part, LEARNED if weight else READ)
    return text
