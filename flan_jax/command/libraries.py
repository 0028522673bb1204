"""Initialises what all commands of a run need: distributed processes, the compilation cache, the catalogue."""

from collections.abc import Sequence

from flan_jax.data.settings import Data


def prepare_libraries(data: Data) -> None:
    """Joins the other processes, sets up the compilation cache, fills the catalogue."""
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
    """Fills the catalogue from its modules, the declarations in prepared data, and promptsource's prompts."""
    from flan_jax import catalogue

    catalogue.load(modules)
    _add_others(data_dir, promptsource)


def load_declarations(modules: Sequence[str], data_dir: str, promptsource: Sequence[str]) -> None:
    """As `load_datasets`, for commands that read no data: ten times as fast, without SeqIO and TensorFlow."""
    from flan_jax import catalogue

    catalogue.declare(modules)
    _add_others(data_dir, promptsource)


def _add_others(data_dir: str, promptsource: Sequence[str]) -> None:
    from flan_jax.data.own_instructions import declare_prepared

    declare_prepared(data_dir)
    if promptsource:
        from flan_jax.data.promptsource import add_prompts

        add_prompts(promptsource, data_dir)
