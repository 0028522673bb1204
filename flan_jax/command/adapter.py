"""flan-jax adapter: merge a LoRA adapter into its base model, or export it for PEFT."""

import argparse

from flan_jax.progress import CONSOLE


def main(arguments: list[str]) -> int:
    """Merges or exports."""
    options = _parse(arguments)
    from flan_jax.convert import adapter
    from flan_jax.loaded_model import checkpoint_in
    from flan_jax.training.weights import content_of

    content = content_of(checkpoint_in(options.checkpoint))
    if options.action == 'merge':
        adapter.merge(content, options.to)
        CONSOLE.print(f'{options.to} holds all weights: an INITIAL_CHECKPOINT_PATH, or a source of `flan-jax convert`')
    else:
        adapter.export(content, options.to, options.base)
        CONSOLE.print(f'{options.to} holds an adapter for peft.PeftModel.from_pretrained')
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False, prog='flan-jax adapter', description=__doc__)
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument('checkpoint', help='folder of a run with Run.tuning = @Lora(), or of one of its steps')
    common.add_argument('--to', required=True, metavar='FOLDER', help='folder to make; must not exist yet')
    actions = parser.add_subparsers(dest='action', required=True, metavar='{merge,export}')
    actions.add_parser(
        'merge', allow_abbrev=False, parents=[common], help='write base model and adapter as one checkpoint'
    )
    export = actions.add_parser('export', allow_abbrev=False, parents=[common], help='write a folder that PEFT loads')
    export.add_argument(
        '--base', help="name or folder of the base model in transformers; default: the run's INITIAL_CHECKPOINT_PATH"
    )
    return parser.parse_args(arguments)
