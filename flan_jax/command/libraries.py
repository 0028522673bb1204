"""What every command of a run needs before it starts: processes, compiled programs, the catalogue."""

from flan_jax.data.settings import Data


def prepare_libraries(data: Data) -> None:
    """Joins the other processes, keeps compiled programs, fills the catalogue."""
    from flan_jax.command.compilation_cache import keep_compiled_programs
    from flan_jax.command.quiet import import_tensorflow
    from flan_jax.distributed import processes

    processes.join()
    keep_compiled_programs()
    import_tensorflow()

    from flan_jax import catalogue
    from flan_jax.catalogue.original_templates import replace_templates
    from flan_jax.data.own_instructions import declare_prepared

    catalogue.load(data.modules)
    declare_prepared(data.tfds_data_dir)
    if data.original_templates:
        replace_templates(data.original_templates)
    if data.promptsource:
        from flan_jax.data.promptsource import add_prompts

        add_prompts(data.promptsource, data.tfds_data_dir)
