"""Errors that a user can correct; commands show their message without a traceback."""

import difflib
import errno
import re
from collections.abc import Iterable


class UserError(Exception):
    """An error whose message says what is wrong, where, and what to do about it.

    Attributes:
      exit_status: exit status of a command that raises it.
    """

    exit_status = 2


_FULL = (errno.ENOSPC, errno.EDQUOT)

_SAYS_FULL = re.compile('No space left on device|Disk quota exceeded|Disc quota exceeded')
"""How libraries with their own file access report a full disk."""


def says_disk_is_full(error: BaseException) -> bool:
    """Whether an error, or one of its causes, says that a disk is full."""
    cause: BaseException | None = error
    while cause is not None:
        if (isinstance(cause, OSError) and cause.errno in _FULL) or _SAYS_FULL.search(str(cause)):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


MOST_NAMED = 100
"""Maximal number of known names in a message."""


class UnknownName(UserError, LookupError):
    """A name that is not known; the message suggests similar names or, if there are none, lists the first of all."""

    def __init__(self, kind: str, name: str, known: Iterable[str]):
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
        more = f' and {len(known) - MOST_NAMED} more' if len(known) > MOST_NAMED else ''
        all_of_them = f'known: {", ".join(known[:MOST_NAMED]) or "none"}{more}'
        advice = f'did you mean {" or ".join(near)}?' if near else all_of_them
        super().__init__(f'unknown {kind} {name!r}; {advice}')
