"""From gin files and bindings to a `Run`.

gin files set macros in capitals, which gin/runs/defaults.gin binds to settings, or bind settings directly
(`Training.warmup_steps = 50`). Only this module imports gin.
"""

import ast
import contextlib
import dataclasses
import inspect
import logging
import os
import pathlib
import re
import shlex
import tokenize
import typing
from collections.abc import Iterable, Iterator, Mapping

import flan_jax
import gin
from flan_jax.command import renamed
from flan_jax.command.configurables import configurables
from flan_jax.errors import UnknownName, UserError
from flan_jax.evaluation.settings import Evaluation
from flan_jax.inference.decoding import Decoding
from flan_jax.run import Run
from flan_jax.settings import Settings

FILES = 'gin'
"""Folder of the project's gin files; commands and includes name it first, wherever the project is installed."""

DEFAULTS = 'gin/runs/defaults.gin'
"""Binds every macro to a setting."""

_BEGINNING = (
    f'the gin file of a run must include {DEFAULTS!r} and one of gin/models; set it with --gin_file, such as '
    '--gin_file=gin/runs/tiny.gin'
)
"""What to do if a setting that every run needs has no value."""

FROM_ENVIRONMENT = ('TFDS_DATA_DIR',)
"""Macros whose default is the environment variable of the same name."""

_MODULE = 'flan_jax'
_CONFIGURABLES = configurables()

for _configurable in _CONFIGURABLES.values():
    gin.external_configurable(_configurable, module=_MODULE)


def _refuse_import(_, statement: gin.config_parser.ImportStatement) -> None:
    raise UserError(
        f'{statement.format()!r}: gin files must not import modules, because they run no code; list modules that '
        'declare datasets in MODULES'
    )


gin.config.ParseContext.process_import = _refuse_import  # in included files too; also what turns registration on


def files_root() -> pathlib.Path:
    """The folder that holds gin/: the repository, or the installed package."""
    package = pathlib.Path(flan_jax.__file__).parent
    return package if (package / FILES).is_dir() else package.parent


gin.add_config_file_search_path(str(files_root()))
# gin looks on Python's path before it looks there, and logs an error for each file that it then finds.
logging.getLogger().addFilter(lambda record: not str(record.msg).startswith('Path not found'))


def load(files: Iterable[str], bindings: Mapping[str, str]) -> Run:
    """The run that gin files and command-line bindings describe.

    Args:
      files: gin files, by their path or, for the project's own, by a path that begins with gin/.
      bindings: macro or `Configurable.parameter` to value; values that are no Python literals are strings.

    Raises:
      UnknownName: for a file, macro, configurable or parameter that does not exist; names the most similar ones.
      UserError: for missing values (all are listed in one error), or a value that a setting does not allow.
    """
    run, unread = load_with_unread(files, bindings)
    if unread:
        raise UserError(next(iter(unread.values())))
    return run


def load_with_unread(files: Iterable[str], bindings: Mapping[str, str]) -> tuple[Run, dict[str, str]]:
    """As `load`, with the bindings that the run ignores: each with the reason and what to do."""
    _parse(files, bindings)
    for name in FROM_ENVIRONMENT:
        if name in os.environ and _bound_macros().get(name) is gin.REQUIRED:
            gin.bind_parameter(f'{name}/gin.macro.value', os.environ[name])
    if missing := _missing_macros():
        flags = ' '.join(f'--gin.{name}=...' for name in missing)
        raise UserError(f'required settings are missing: {", ".join(missing)}; add {flags} or set them in a gin file')
    run = _made(Run)
    return run, _unread(run, bindings)


def _made(configurable: type):
    """An instance of a class from its bindings; raises UserError for a value that a setting does not allow."""
    try:
        with _explained('the configuration'):
            return gin.get_configurable(configurable)()
    except UserError as error:
        message = str(error).partition('\n  In call to configurable')[0]  # added by gin
        raise UserError(f'invalid configuration: {_with_macros(message)}') from error


def _unread(run: Run, bindings: Iterable[str]) -> dict[str, str]:
    """Bindings from the command line to a class or function that the run does not use, each with what to do."""
    called = {(scope, selector.rpartition('.')[2]) for scope, selector in gin.config._OPERATIVE_CONFIG}
    found = {}
    for name in bindings:
        scope, _, field = name.rpartition('/')
        bound = field.split('.')[-2] if '.' in field else None
        # Bindings of a scope hold in nested scopes, too.
        if bound in _CONFIGURABLES and not any(
            bound == what and f'{where}/'.startswith(f'{scope}/' if scope else '') for where, what in called
        ):
            places = '; '.join(_places_to_set(bound, scope, run))
            unused = f'the run does not use @{name.rpartition(".")[0]}(); remove this setting'
            found[name] = f'{name}: {places}, or remove this setting' if places else f'{name}: {unused}'
    return found


def _places_to_set(bound: str, scope: str, run: Run) -> Iterator[str]:
    """Bindings that would make a run use a class that it does not use; none if it uses it in another scope."""
    if not scope:
        for field, now in _places_of(bound, run):
            yield f'{field} is @{now}(); set {field} = @{bound}()'


def _places_of(name: str, settings: Settings) -> Iterator[tuple[str, str]]:
    """The fields of settings, nested ones included, that may hold the named class but hold another."""
    hints = typing.get_type_hints(type(settings))
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if not isinstance(value, Settings):
            continue
        kind, bound = hints[field.name], _CONFIGURABLES[name]
        if isinstance(kind, type) and isinstance(bound, type) and issubclass(bound, kind):
            yield f'{type(settings).__name__}.{field.name}', type(value).__name__
        yield from _places_of(name, value)


def decoding(files: Iterable[str], bindings: Mapping[str, str]) -> Decoding:
    """The `Evaluation.decoding` that gin files and bindings describe; raises as `load`."""
    _parse(files, bindings)
    return _made(Evaluation).decoding


def missing_macros(files: Iterable[str]) -> list[str]:
    """The macros that gin files refer to and do not bind; raises as `load`."""
    _parse(files, {})
    return _missing_macros()


def command(name: str, files: Iterable[str], bindings: Mapping[str, str]) -> str:
    """The command line that runs a command with these files and bindings."""
    words = ['flan-jax', name, *(f'--gin_file={file}' for file in files)]
    return joined([*words, *(f'--gin.{key}={value}' for key, value in bindings.items())])


def joined(words: Iterable[str]) -> str:
    """Words joined into a command line, quoted for a shell."""
    return shlex.join(words)


def resolved() -> str:
    """The whole configuration as gin text, for the manifest."""
    return gin.config_str()


def known_files() -> list[str]:
    """The project's own gin files, as commands name them."""
    root = files_root()
    return sorted(str(path.relative_to(root)) for path in (root / FILES).rglob('*.gin'))


def default_macros() -> list[str]:
    """The macros that defaults.gin binds to settings."""
    text = (files_root() / DEFAULTS).read_text()
    return re.findall(r'^([A-Z_]+) =', text, flags=re.MULTILINE)


def _parse(files: Iterable[str], bindings: Mapping[str, str]) -> None:
    gin.clear_config()
    known = set(default_macros())
    for file in files:
        _parse_file(file)
        known |= _macros_referred_to()  # before another file or the command line overwrites the references
    for name, value in bindings.items():
        _bind(name if '.' in name else f'{name}/gin.macro.value', value)
    _check_macros(known | _macros_referred_to())


def _parse_file(file: str) -> None:
    with _explained(file):
        if not pathlib.Path(file).exists() and not (files_root() / file).exists():
            raise UnknownName('gin file', file, known_files())
        gin.parse_config_file(file)


def _bind(name: str, value: str) -> None:
    with _explained(f'{name.removesuffix("/gin.macro.value")}={value}'):
        gin.bind_parameter(name, _literal(value))


def _literal(value: str):
    if value.lstrip('(').startswith(('@', '%')):
        return gin.config.parse_value(value)
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value


def _check_macros(known: set[str]) -> None:
    """Raises UnknownName for a bound macro that is not known, and UserError with the new names for old ones."""
    bound = _bound_macros()
    if old := [f'{name} is now {renamed.MACROS[name]}' for name in bound if name in renamed.MACROS]:
        raise UserError('these settings were renamed: ' + '; '.join(old))
    for name in bound:
        if name not in known:
            raise UnknownName('macro', name, known)


def _missing_macros() -> list[str]:
    bound = _bound_macros()
    return sorted(name for name in _macros_referred_to() if bound.get(name, gin.REQUIRED) is gin.REQUIRED)


# gin has no public list of macros; it keeps each as a scope of the configurable 'gin.macro'.


def _bound_macros() -> dict[str, object]:
    found = gin.config._CONFIG
    macros = {scope: values.get('value') for (scope, name), values in found.items() if name == 'gin.macro'}
    return {name: gin.REQUIRED if str(value) == '%gin.REQUIRED' else value for name, value in macros.items()}


def _macros_referred_to() -> set[str]:
    return {
        reference.scopes[0] for reference in gin.config.iterate_references(gin.config._CONFIG) if _is_macro(reference)
    }


def _is_macro(value: object) -> bool:
    return isinstance(value, gin.config.ConfigurableReference) and value.selector == 'gin.macro' and bool(value.scopes)


def _with_macros(message: str) -> str:
    """A message with the names of settings replaced by the macros that they are bound to."""

    def name(match: re.Match) -> str:
        value = gin.config._CONFIG.get(('', f'{_MODULE}.{match[1]}'), {}).get(match[2])
        return value.scopes[0] if _is_macro(value) else match[0]

    return re.sub(r'\b([A-Z]\w*)\.(\w+)', name, message)


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turns gin's exceptions about a user's text into UserError; unknown names get suggestions of similar ones."""
    try:
        yield
    except UserError:
        raise
    except RecursionError as error:
        raise UserError(f'{what[:200]}: cannot be read: it refers to itself, or is nested too deep') from error
    except (SyntaxError, tokenize.TokenError, OSError) as error:
        raise UserError(f'{what[:200]}: cannot be read: {error}') from error
    except (ValueError, TypeError) as error:
        raise _with_nearest(str(error)) from error
    except (LookupError, ArithmeticError) as error:
        raise UserError(f'{what[:200]}: {type(error).__name__}: {error}') from error


def _with_nearest(message: str) -> UserError:
    """UserError for gin's message about an unknown name, with similar names, or Python's about missing arguments."""
    if match := re.search(r"(\w+)\.__init__\(\) missing \d+ required .*?: ('.*')", message):
        fields = ', '.join(f'{match[1]}.{field}' for field in re.findall(r"'(\w+)'", match[2]))
        return UserError(f'not set: {fields}; {_BEGINNING if match[1] == Run.__name__ else "set it in a gin file"}')
    if match := re.search(r"No configurable matching (?:reference )?'@?([\w./]+)(?:\(\))?'", message):
        if match[1] in renamed.CLASSES:
            return UserError(f'{match[1]} is now {renamed.CLASSES[match[1]]}')
        return UnknownName('configurable', match[1], _CONFIGURABLES)
    if match := re.search(r"[Cc]onfigurable '(?:[\w.]*\.)?(\w+)'.* parameter (?:named )?'(\w+)'", message):
        field = f'{match[1]}.{match[2]}'
        if field in renamed.FIELDS:
            return UserError(f'{field} is now {renamed.FIELDS[field]}')
        return UnknownName(f'parameter of {match[1]}', match[2], _parameters(match[1]))
    return UserError(message)


def _parameters(name: str) -> Iterator[str]:
    return iter(inspect.signature(_CONFIGURABLES[name]).parameters if name in _CONFIGURABLES else ())
