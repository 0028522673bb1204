"""Modules that stand in for others, while something is imported that names those and does without them."""

import contextlib
import sys
import types
from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def standing_in(modules: Mapping[str, types.ModuleType | None]) -> Iterator[None]:
    """Has these modules by name where they are not imported yet; None for one whose import fails."""
    instead = {name: module for name, module in modules.items() if name not in sys.modules}
    sys.modules.update(instead)  # type: ignore[arg-type]  # None is how an import is made to fail
    try:
        yield
    finally:
        for name in instead:
            del sys.modules[name]
