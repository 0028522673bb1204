"""From gin files and bindings to an `Run`.

gin files set macros in capitals; gin/runs/defaults.gin binds every macro to the setting it stands for. Only this module
knows of gin.
"""

import ast
import logging
import os
import pathlib
import re
import shlex
from collections.abc import Iterable, Mapping

import flan_jax
import gin
from flan_jax.data.settings import Data
from flan_jax.distributed.mesh import Parallelism
from flan_jax.errors import UnknownName, UserError
from flan_jax.evaluation.settings import Evaluation
from flan_jax.model import config as model_config
from flan_jax.objectives.next_token import NextToken
from flan_jax.packing.settings import Stream
from flan_jax.run import Run
from flan_jax.training.settings import Training
from flan_jax.tuning.full import Full
from flan_jax.tuning.lora import Lora

FILES = 'gin'
"""Folder of the project's gin files; commands and includes name it first, wherever the project is installed."""

FROM_ENVIRONMENT = ('TFDS_DATA_DIR',)
"""Macros that an environment variable of the same name gives, where nothing else does."""

_CONFIGURABLES = (
    Run,
    Data,
    Stream,
    Training,
    NextToken,
    Full,
    Lora,
    Parallelism,
    Evaluation,
    model_config.DecoderConfig,
    model_config.RelativeBias,
    model_config.Rotary,
    model_config.Llama3Scaling,
    model_config.Learned,
    model_config.lamda,
)

for configurable in _CONFIGURABLES:
    gin.external_configurable(configurable, module='flan_jax')


def files_root() -> pathlib.Path:
    """The folder that holds gin/: the repository, or the installed package."""
    package = pathlib.Path(flan_jax.__file__).parent
    return package if (package / FILES).is_dir() else package.parent


gin.add_config_file_search_path(str(files_root()))
# gin looks on Python's path before it looks there, and logs an error for each file that it then finds.
logging.getLogger().addFilter(lambda record: not str(record.msg).startswith('Path not found'))


def load(files: Iterable[str], bindings: Mapping[str, str]) -> Run:
    """The experiment that gin files and command-line bindings describe.

    Args:
      files: gin files, by their path or, for the project's own, by a path that begins with gin/.
      bindings: macro or `Configurable.parameter` to value; what is no Python literal is taken as a string.

    Raises:
      UnknownName: for a file, macro, configurable or parameter that does not exist, naming the nearest.
      UserError: for a value that is still missing (all of them at once), or that a setting refuses.
    """
    gin.clear_config()
    for file in files:
        _parse_file(file)
    for name, value in bindings.items():
        _bind(name, value)
    for name in FROM_ENVIRONMENT:
        if name in os.environ and _macros().get(name) is gin.REQUIRED:
            gin.bind_parameter(f'{name}/gin.macro.value', os.environ[name])
    _check_complete()
    try:
        return gin.get_configurable(Run)()
    except (TypeError, ValueError, UserError) as error:
        message = str(error).partition('\n  In call to configurable')[0]  # added by gin
        raise UserError(f'the configuration does not fit: {message}') from error


def command(verb: str, files: Iterable[str], bindings: Mapping[str, str]) -> str:
    """The command line that asks for the same again."""
    words = ['flan-jax', verb, *(f'--gin_file={file}' for file in files)]
    return shlex.join([*words, *(f'--gin.{name}={value}' for name, value in bindings.items())])


def resolved() -> str:
    """The whole configuration as gin text, for the manifest."""
    return gin.config_str()


def known_files() -> list[str]:
    """The project's own gin files, as commands name them."""
    root = files_root()
    return sorted(str(path.relative_to(root)) for path in (root / FILES).rglob('*.gin'))


def _parse_file(file: str) -> None:
    if not pathlib.Path(file).exists() and not (files_root() / file).exists():
        raise UnknownName('gin file', file, known_files())
    try:
        gin.parse_config_file(file)
    except OSError as error:
        raise UserError(f'{file}: {error}') from error
    except (ValueError, SyntaxError) as error:
        raise _explained(str(error)) from error


def _bind(name: str, value: str) -> None:
    if '.' not in name:
        if name not in _macros():
            raise UnknownName('macro', name, _macros())
        name = f'{name}/gin.macro.value'
    try:
        gin.bind_parameter(name, _literal(value))
    except ValueError as error:
        raise _explained(str(error)) from error


def _literal(value: str):
    if value.startswith(('@', '%')):
        return gin.config.parse_value(value)
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value


def _explained(message: str) -> UserError:
    """gin's complaint about an unknown name, with the nearest right ones."""
    by_name = {configurable.__name__: configurable for configurable in _CONFIGURABLES}
    if match := re.search(r"No configurable matching '([\w./]+)'", message):
        return UnknownName('configurable', match[1], by_name)
    if match := re.search(r"[Cc]onfigurable '(?:[\w.]*\.)?(\w+)'.* parameter (?:named )?'(\w+)'", message):
        parameters = gin.config.inspect.signature(by_name[match[1]]).parameters if match[1] in by_name else ()
        return UnknownName(f'parameter of {match[1]}', match[2], parameters)
    return UserError(message)


def _macros() -> dict[str, object]:
    # gin has no public list of macros; it keeps each as a scope of the configurable 'gin.macro'.
    found = gin.config._CONFIG
    macros = {scope: values.get('value') for (scope, name), values in found.items() if name == 'gin.macro'}
    return {name: gin.REQUIRED if str(value) == '%gin.REQUIRED' else value for name, value in macros.items()}


def _check_complete() -> None:
    missing = sorted(name for name, value in _macros().items() if value is gin.REQUIRED)
    if missing:
        flags = ' '.join(f'--gin.{name}=...' for name in missing)
        raise UserError(f'still to be given: {", ".join(missing)}; add {flags} or set them in a gin file')
