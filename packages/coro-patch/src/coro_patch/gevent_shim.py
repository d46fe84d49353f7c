"""An answer for programs that ask `gevent.monkey` what is patched.

What belongs here: a module that stands where `gevent.monkey` would, and answers for the
emulation. Libraries ask gevent whether to wait in a way that others can run meanwhile;
with `install` they learn that they should. Nothing here is done unless a program asks for it.
"""

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from coro_patch._installing import _install
from coro_patch._table import TABLE

__all__ = ["install", "uninstall"]

_NAMES = ("gevent", "gevent.monkey")
#: the modules that stand in for gevent's, by name
_ours: dict[str, ModuleType] = {}


class _Stand(ModuleType):
    """A module that says what it is when it is asked for what it does not have."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        raise AttributeError(
            f"{self.__name__}.{name}: coro_patch.gevent_shim stands in for gevent.monkey, "
            "which then only tells what is patched"
        )


def install() -> None:
    """Put a module in the place of `gevent.monkey` that answers for the emulation.

    It has `is_module_patched`, `is_object_patched`, `is_anything_patched`, `get_original` and
    `saved`. If gevent is installed, it is imported, and stays what it is but for that; else an empty `gevent` is
    put in place too. It may be called again.

    Raises:
        RuntimeError: `gevent.monkey` is imported already.
    """
    if _NAMES[1] in _ours:
        return
    if _NAMES[1] in sys.modules:
        raise RuntimeError("gevent.monkey is imported already: the program has the answers of gevent itself")
    parent: ModuleType
    if importlib.util.find_spec("gevent") is None:
        parent = _ours["gevent"] = _Stand("gevent", __doc__)
        parent.__path__ = []
    else:
        parent = importlib.import_module("gevent")
    monkey = _Stand("gevent.monkey", __doc__)
    vars(monkey).update(
        is_module_patched=_install.is_module_patched,
        is_object_patched=_install.is_object_patched,
        is_anything_patched=is_anything_patched,
        get_original=get_original,
        saved=_Saved(),
    )
    _ours["gevent.monkey"] = monkey
    sys.modules.update(_ours)
    vars(parent)["monkey"] = monkey


def uninstall() -> None:
    """Take the module away."""
    for name, module in _ours.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]
    parent = sys.modules.get("gevent")
    if parent is not None and vars(parent).get("monkey") is _ours.get("gevent.monkey"):
        del vars(parent)["monkey"]
    _ours.clear()


def is_anything_patched() -> bool:
    """Whether anything is emulated now."""
    return any(_install.is_module_patched(name) for name in _modules())


def get_original(mod_name: str, item_name: str | list[str] | tuple[str, ...]) -> Any:
    """What a name of a module, or each of several, is without the emulation."""
    if isinstance(item_name, str):
        return _install.get_original(mod_name, item_name)
    return [_install.get_original(mod_name, name) for name in item_name]


class _Saved(Mapping[str, dict[str, Any]]):
    """The originals, by module and name, as they are when one asks."""

    def __getitem__(self, name: str) -> dict[str, Any]:
        if not _install.is_module_patched(name):
            raise KeyError(name)
        names = [each for each in vars(sys.modules[name]) if _install.is_object_patched(name, each)]
        return {each: _install.get_original(name, each) for each in names}

    def __iter__(self) -> Iterator[str]:
        return iter([name for name in _modules() if _install.is_module_patched(name)])

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _modules() -> list[str]:
    return list(dict.fromkeys(row.module for row in TABLE))
