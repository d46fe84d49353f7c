"""Modules in C that are imported anew.

What belongs here: a program may take a module out of `sys.modules` and import it once more.
What it gets of a module in C are new objects, which nobody has replaced, and new exceptions,
which ours are not. So it gets the module that was there before.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_KEPT: dict[str, ModuleType] = {name: importlib.import_module(name) for name in ("_queue",)}


class _Finder:
    """Finds the modules that are kept, and is their loader."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        loader: Any = self
        return ModuleSpec(name, loader) if name in _KEPT else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self.spec = _KEPT[spec.name].__spec__
        return _KEPT[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # it stays what it was


_finder = _Finder()


def watch() -> None:
    """From now on they are imported once only."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def unwatch() -> None:
    """Undo `watch`."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
