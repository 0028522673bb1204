"""flan-jax adapter: a LoRA adapter merged into its base, or as a folder for PEFT."""

import argparse

from flan_jax.progress import CONSOLE


def main(arguments: list[str]) -> int:
    """Merges or exports."""
    options = _parse(arguments)
    from flan_jax.convert import adapter

    if options.action == 'merge':
        adapter.merge(options.checkpoint, options.to)
        CONSOLE.print(f'{options.to} holds all weights: an INITIAL_CHECKPOINT_PATH, or a source of `flan-jax convert`')
    else:
        adapter.export(options.checkpoint, options.to, options.base)
        CONSOLE.print(f'{options.to} holds an adapter for peft.PeftModel.from_pretrained')
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='flan-jax adapter', description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument('checkpoint', help='folder of one step of a run with Run.tuning = @Lora()')
    common.add_argument('--to', required=True, metavar='FOLDER', help='folder that does not exist yet')
    actions = parser.add_subparsers(dest='action', required=True, metavar='{merge,export}')
    actions.add_parser('merge', parents=[common], help='base and adapter as one checkpoint')
    export = actions.add_parser('export', parents=[common], help='a folder that PEFT loads')
    export.add_argument(
        '--base', help="name or folder of the base in transformers; else the run's INITIAL_CHECKPOINT_PATH"
    )
    return parser.parse_args(arguments)
