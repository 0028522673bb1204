"""Arguments shared by all commands that read the catalogue, and loading the catalogue that they name."""

import argparse

from flan_jax.command.libraries import load_datasets, load_declarations
from flan_jax.command.quiet import import_tensorflow
from flan_jax.data.source import default_folder


def catalogue_arguments() -> argparse.ArgumentParser:
    """A parent parser with the folder of prepared data and the modules that add datasets."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(
        '--data_dir', help='folder of prepared datasets; default: $TFDS_DATA_DIR, else the default of TFDS'
    )
    parser.add_argument('--module', action='append', default=[], help='module that declares your own datasets')
    parser.add_argument(
        '--promptsource', action='append', default=[], help='templates.yaml of promptsource, whose prompts are used'
    )
    return parser


def add_length_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments for the lengths that examples are cut to."""
    parser.add_argument(
        '--input_length', type=int, default=1024, help='length in tokens to which prompts are shortened (default: 1024)'
    )
    parser.add_argument(
        '--target_length',
        type=int,
        default=256,
        help='length in tokens at which responses are truncated (default: 256)',
    )


def load_catalogue(options: argparse.Namespace) -> None:
    """Loads the catalogue with the modules of `options` and the datasets declared in its folder of prepared data.

    Sets `options.data_dir` to the default folder where it is not given.
    """
    import_tensorflow()
    options.data_dir = options.data_dir or default_folder()
    load_datasets(options.module, options.data_dir, options.promptsource)


def read_declarations(options: argparse.Namespace) -> None:
    """As `load_catalogue`, for commands that read no data; see `load_declarations`."""
    options.data_dir = options.data_dir or default_folder()
    load_declarations(options.module, options.data_dir, options.promptsource)
