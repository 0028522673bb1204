"""What every command of a run needs before it starts: processes, compiled programs, the catalogue."""

from collections.abc import Sequence

from flan_jax.data.settings import Data


def prepare_libraries(data: Data) -> None:
    """Joins the other processes, keeps compiled programs, fills the catalogue."""
    from flan_jax.command.compilation_cache import keep_compiled_programs
    from flan_jax.command.quiet import import_tensorflow
    from flan_jax.distributed import processes

    processes.join()
    keep_compiled_programs()
    import_tensorflow()

    from flan_jax.catalogue.original_templates import replace_templates

    load_datasets(data.modules, data.tfds_data_dir, data.promptsource)
    if data.original_templates:
        replace_templates(data.original_templates)


def load_datasets(modules: Sequence[str], data_dir: str, promptsource: Sequence[str]) -> None:
    """Fills the catalogue: with its modules, the datasets that prepared data declare, and prompts of promptsource."""
    from flan_jax import catalogue

    catalogue.load(modules)
    _add_others(data_dir, promptsource)


def load_declarations(modules: Sequence[str], data_dir: str, promptsource: Sequence[str]) -> None:
    """The same for commands that read no data: without SeqIO and TensorFlow, which take ten times as long."""
    from flan_jax import catalogue

    catalogue.declare(modules)
    _add_others(data_dir, promptsource)


def _add_others(data_dir: str, promptsource: Sequence[str]) -> None:
    from flan_jax.data.own_instructions import declare_prepared

    declare_prepared(data_dir)
    if promptsource:
        from flan_jax.data.promptsource import add_prompts

        add_prompts(promptsource, data_dir)
