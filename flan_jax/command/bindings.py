"""Reading --gin.NAME=value, which needs no library."""

from collections.abc import Sequence

from flan_jax.errors import UserError


def read_bindings(arguments: Sequence[str]) -> dict[str, str]:
    """The values by name of arguments of the form --gin.NAME=value; raises UserError for any other argument."""
    bindings = {}
    for argument in arguments:
        name, equals, value = argument.removeprefix('--gin.').partition('=')
        if not argument.startswith('--gin.') or not equals or not name:
            raise UserError(
                f'cannot read {argument!r}: unknown argument, see --help; settings are given as --gin.NAME=value'
            )
        bindings[name] = value
    return bindings
