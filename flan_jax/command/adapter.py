"""flan-jax adapter: merge a LoRA adapter into its base model, export it for PEFT, or say where its base is now."""

import argparse

from etils import epath

from flan_jax.progress import CONSOLE


def main(arguments: list[str]) -> int:
    """Merges, exports or rebases."""
    options = _parse(arguments)
    if options.action == 'merge':
        _merge(options.checkpoint, options.to)
        return 0
    from flan_jax.convert import adapter
    from flan_jax.loaded_model import checkpoint_in, rebase
    from flan_jax.training.weights import content_of

    content = content_of(checkpoint_in(options.checkpoint))
    if options.action == 'rebase':
        base = rebase(content, options.base)
        CONSOLE.print(
            f'{options.checkpoint} stands beside {base} from now on; a run that goes on takes '
            f'--gin.INITIAL_CHECKPOINT_PATH={base}',
            soft_wrap=True,
        )
    else:
        _tell_base(options.to, adapter.export(content, options.to, options.base))
    return 0


def _merge(folder: str, destination: str) -> None:
    from flan_jax.convert import adapter
    from flan_jax.convert.peft import is_adapter
    from flan_jax.loaded_model import checkpoint_in, merge_peft
    from flan_jax.training.weights import content_of

    if is_adapter(folder):
        merge_peft(folder, destination)
    else:
        adapter.merge(content_of(checkpoint_in(folder)), destination)
    CONSOLE.print(f'{destination} holds all weights: an INITIAL_CHECKPOINT_PATH, or a source of `flan-jax convert`')


def _tell_base(folder: str, base: str) -> None:
    from flan_jax.loaded_model import is_hugging_face

    CONSOLE.print(f'{folder} holds an adapter for peft.PeftModel.from_pretrained beside {base}', soft_wrap=True)
    if epath.Path(base).is_dir() and not is_hugging_face(base):
        CONSOLE.print(
            'flan-jax opens that base, transformers does not: for PEFT name it by --base as that has it, by its '
            'name on a hub or a folder that `flan-jax convert --from=flan --to=hf` makes of it',
            soft_wrap=True,
        )


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False, prog='flan-jax adapter', description=__doc__)
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument('checkpoint', help='folder of a run with Run.tuning = @Lora(), or of one of its steps')
    made = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    made.add_argument('--to', required=True, metavar='FOLDER', help='folder to make; must not exist yet')
    actions = parser.add_subparsers(dest='action', required=True, metavar='{merge,export,rebase}')
    merge = actions.add_parser(
        'merge', allow_abbrev=False, parents=[made], help='write base model and adapter as one checkpoint'
    )
    merge.add_argument(
        'checkpoint', help="folder of a run with Run.tuning = @Lora(), of one of its steps, or of PEFT's"
    )
    export = actions.add_parser(
        'export', allow_abbrev=False, parents=[common, made], help='write a folder that PEFT loads'
    )
    export.add_argument(
        '--base',
        help='name or folder of the base model in transformers; default: the folder from which the base of the run was '
        'converted',
    )
    moved = actions.add_parser(
        'rebase', allow_abbrev=False, parents=[common], help='say where the base model is, where it was moved'
    )
    moved.add_argument('--base', required=True, metavar='FOLDER', help='the base model: a conversion, run or step')
    return parser.parse_args(arguments)
