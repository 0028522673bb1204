"""flan-jax convert: converts a Hugging Face model to a checkpoint, or a checkpoint to Hugging Face."""

import argparse

from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE

FORMATS = ('hf', 'flan')

_EPILOG = """\
flan-jax convert --from=hf downloads/pythia-410m --to=flan out/pythia-410m
    writes a folder whose model.gin is to be included in the gin file of a run

flan-jax convert --from=flan out/tuned --to=hf out/tuned-hf
    writes a folder that AutoModelForCausalLM (for a reward model AutoModelForSequenceClassification) and AutoTokenizer
    load; an adapter is merged into its base model
"""


def main(arguments: list[str]) -> int:
    """Converts to the format that the command names."""
    options = _parse(arguments)
    if options.source_format == options.target_format:
        raise UserError(
            f'--from={options.source_format} and --to={options.target_format} are the same format; '
            'one must be hf, the other flan'
        )
    if options.source_format == 'hf':
        if options.vocabulary or options.dtype:
            raise UserError(
                '--vocabulary and --dtype only apply with --to=hf; --to=flan takes the vocabulary '
                'from the source, and writes float32'
            )
        _from_hugging_face(options)
    else:
        _to_hugging_face(options)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog='flan-jax convert',
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--from', dest='source_format', choices=FORMATS, required=True, help='format of the source')
    parser.add_argument('source', help='folder of a Hugging Face model, of a run, or of a checkpoint of a run')
    parser.add_argument('--to', dest='target_format', choices=FORMATS, required=True, help='format of the destination')
    parser.add_argument('destination', help='folder to write; must not exist yet')
    parser.add_argument(
        '--vocabulary', help='with --to=hf: folder with the tokenizer.json to include; default: that of the run'
    )
    parser.add_argument(
        '--dtype',
        choices=('float32', 'bfloat16', 'float16'),
        help='with --to=hf: dtype of the tensors (default: float32, which is lossless)',
    )
    return parser.parse_args(arguments)


def _from_hugging_face(options: argparse.Namespace) -> None:
    from flan_jax.convert import base_model
    from flan_jax.training.flops import parameter_count

    config = base_model.from_hugging_face(options.source, options.destination)
    CONSOLE.print(f'{parameter_count(config):,} parameters written to {options.destination}', soft_wrap=True)
    CONSOLE.print(
        "to use it, put in the gin file of a run:\n  include 'gin/runs/defaults.gin'\n  include "
        f"'{options.destination}/{base_model.GIN_FILE}'",
        markup=False,
        soft_wrap=True,
    )


def _to_hugging_face(options: argparse.Namespace) -> None:
    from flan_jax.convert.base_model import to_hugging_face
    from flan_jax.convert.write import family_of
    from flan_jax.loaded_model import checkpoint_in, vocabulary_of
    from flan_jax.training.weights import content_of

    dtype = options.dtype or 'float32'
    content = content_of(checkpoint_in(options.source))
    family_of(content.config)  # refuse architectures of no family before asking for a tokenizer
    family = to_hugging_face(content, vocabulary_of(content, options.vocabulary), options.destination, dtype)
    CONSOLE.print(
        f'{options.destination} is {content.folder} as a Hugging Face model of the family {family}, in {dtype}',
        soft_wrap=True,
    )
