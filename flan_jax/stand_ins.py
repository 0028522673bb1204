"""Temporary substitutes for modules that a library imports but does not need."""

import contextlib
import sys
import types
from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def standing_in(modules: Mapping[str, types.ModuleType | None]) -> Iterator[None]:
    """Substitutes modules that are not imported yet, by name, while the body runs; None makes an import fail."""
    instead = {name: module for name, module in modules.items() if name not in sys.modules}
    sys.modules.update(instead)  # type: ignore[arg-type]  # None makes an import fail
    try:
        yield
    finally:
        for name in instead:
            del sys.modules[name]
