"""flan-jax translate ANSWERS: translates answers, for a judge that works in another language.

ANSWERS is a file as for `flan-jax judge`: JSON lines with "prompt" and "answer". Translations come from

  --translations=FILE  existing translations: JSON lines with "text" and "translation"
  --endpoint=URL       a model behind an OpenAI-compatible endpoint, for all other texts

Requests to an endpoint are sent only with --confirm_cost; without it, their estimated cost is printed. Replies are
cached, so that each text is paid for once. The output is a file of answers, which also has the originals.
"""

import argparse
import json
import pathlib

from flan_jax.command import endpoint_options
from flan_jax.command.generate import check_sizes
from flan_jax.errors import UserError
from flan_jax.files import require_writable_file, write_whole
from flan_jax.progress import CONSOLE, bar


def main(arguments: list[str]) -> int:
    """Writes the translated answers."""
    options = _parse(arguments)
    require_writable_file(options.output, '--output')
    from flan_jax.evaluation import translation
    from flan_jax.evaluation.judges.answers import read_answers

    answers = read_answers(options.answers)
    known = _known(options.translations)
    texts = [*answers.values(), *(answers if options.prompts else ())]
    recipe: dict = {'kind': 'file', 'names': [pathlib.Path(path).name for path in options.translations]}
    if wanted := translation.missing(texts, known):
        made, recipe['endpoint'] = _asked(options, wanted)
        known |= made
    records = translation.rewritten(answers, known, options.prompts, recipe)
    write_whole(options.output, ''.join(json.dumps(record, ensure_ascii=False) + '\n' for record in records))
    CONSOLE.print(f'{len(records)} answers written to {options.output}', markup=False)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog='flan-jax translate',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('answers', metavar='ANSWERS', help='file of answers of a model')
    parser.add_argument('--output', type=pathlib.Path, required=True, metavar='FILE', help='output file')
    parser.add_argument('--to', metavar='LANGUAGE', help='with --endpoint: target language, such as Chinese')
    parser.add_argument('--prompts', action='store_true', help='translate the prompts as well')
    parser.add_argument('--translations', nargs='+', default=[], metavar='FILE', help='files of existing translations')
    parser.add_argument(
        '--max_tokens',
        type=int,
        default=2048,
        help='maximum length of a translation by the endpoint, in tokens (default: 2048)',
    )
    endpoint_options.add_arguments(parser)
    options = parser.parse_args(arguments)
    if not options.endpoint and not options.translations:
        raise UserError('give --translations=FILE, --endpoint=URL, or both')
    endpoint_options.require_endpoint(options)
    if bool(options.endpoint) != bool(options.to):
        raise UserError('--endpoint needs --to (the target language), and --to needs --endpoint; give both or none')
    check_sizes(options, 'max_tokens')
    return options


def _known(files: list[str]) -> dict[str, str]:
    """Text to translation, from all files; raises UserError if two files disagree."""
    from flan_jax.evaluation.translation import read_translations

    known: dict[str, str] = {}
    for path in files:
        for text, translated in read_translations(path).items():
            if known.setdefault(text, translated) != translated:
                raise UserError(f'{path}: the translation of {text[:80]!r} differs from that in an earlier file')
    return known


def _asked(options: argparse.Namespace, texts: list[str]):
    """Translations by the endpoint, and their recipe; prints a warning about those that look wrong."""
    from flan_jax.evaluation.translation import Translator

    if not options.endpoint:
        raise UserError(
            f'{len(texts)} texts have no translation in {", ".join(options.translations)}, such as '
            f'{texts[0][:80]!r}; add them, or set --endpoint to a model that translates them'
        )
    with endpoint_options.client(options) as client, bar('translating', len(texts)) as advance:
        translator = Translator(client, options.to, options.max_tokens, advance)
        found = translator.translated(texts)
    if found.cut:
        CONSOLE.print(
            f'{found.cut} translations have --max_tokens={options.max_tokens} tokens, and were probably truncated'
        )
    if found.empty:
        CONSOLE.print(f'{found.empty} translations are empty')
    return found.texts, translator.recipe
