"""Errors that a user can mend. The command shows their message without a traceback."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """What is wrong, where, and what to do about it.

    Attributes:
      exit_status: with which a command ends that raises it.
    """

    exit_status = 2


class UnknownName(UserError, LookupError):
    """A name that is not known; the message gives the nearest known names or, failing that, all of them."""

    def __init__(self, kind: str, name: str, known: Iterable[str]):
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
        advice = f'did you mean {" or ".join(near)}?' if near else f'known: {", ".join(known) or "none"}'
        super().__init__(f'unknown {kind} {name!r}; {advice}')
