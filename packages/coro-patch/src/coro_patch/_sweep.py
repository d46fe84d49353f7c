"""Finding what other modules have bound by ``from module import name``.

What belongs here: going through the modules that are imported, and through the classes
that they define, and rebinding by identity: their attributes, and what their functions
have as the defaults of arguments (``def f(write=os.write)``). Objects that hold such a
thing themselves are beyond reach, but for the locks of log handlers and of child processes.
"""

import _thread
import contextlib
import gc
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import Any

# Whose originals stay what they are: what the emulation itself stands on.
_OURS = ("coro", "coro_consts", "coro_patch", "coro_sock", "greenlet")

Place = tuple[Any, str]
Change = tuple[Any, str, Any, Any]

_REAL_LOCK = _thread.LockType
_REAL_RLOCK = _thread.RLock


def rebind(mapping: dict[int, Any]) -> list[Change]:
    """Replace objects wherever modules and their classes have bound them.

    Args:
        mapping: what takes the place of an object, by the object's id.

    Returns:
        what was changed: (where, name, before, after).
    """
    changes = []
    for place, name, value in _bindings():
        new = mapping.get(id(value))
        if new is not None and new is not value:
            with contextlib.suppress(AttributeError, TypeError):
                setattr(place, name, new)
                changes.append((place, name, value, new))
        elif isinstance(value, FunctionType) and value.__defaults__:
            before = value.__defaults__
            if any(id(each) in mapping for each in before):
                after = tuple(mapping.get(id(each), each) for each in before)
                value.__defaults__ = after
                changes.append((value, "__defaults__", before, after))
    return changes


def own(place: Any, name: str) -> Any:
    """What a module, a class or a function itself has under a name; None if nothing."""
    return place.__defaults__ if isinstance(place, FunctionType) else vars(place).get(name)


def renew_locks(new_lock: Any, new_rlock: Any) -> list[Change]:
    """Replace the locks that modules, log handlers and child processes hold, if nobody has taken them.

    A real lock that an emulated thread holds while it waits for something would stop all of
    them, and a real RLock does not keep them from each other.
    """
    made: dict[int, Any] = {}
    changes = []
    for place, name, value in [*_bindings(), *_holders()]:
        kind = type(value)
        if kind is not _REAL_LOCK and kind is not _REAL_RLOCK:
            continue
        if id(value) not in made:
            if not is_free(value):
                continue
            made[id(value)] = new_lock() if kind is _REAL_LOCK else new_rlock()
        with contextlib.suppress(AttributeError, TypeError):
            setattr(place, name, made[id(value)])
            changes.append((place, name, value, made[id(value)]))
    return changes


def is_free(lock: Any) -> bool:
    """Whether nobody holds a lock or an RLock."""
    if hasattr(lock, "_is_owned") and lock._is_owned():
        return False
    if not lock.acquire(blocking=False):
        return False
    lock.release()
    return True


def holds_any(name: str, values: set[int]) -> bool:
    """Whether module `name` has bound one of these objects, given by their ids."""
    module = sys.modules.get(name)
    return module is not None and any(id(value) in values for value in vars(module).values())


def _bindings() -> Iterator[tuple[Any, str, Any]]:
    """(where, name, value) of everything that modules and their classes have bound."""
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] in _OURS:
            continue
        try:
            names = list(vars(module).items())
        except TypeError:  # None or something else stands in its place
            continue
        for name, value in names:
            yield module, name, value
            if isinstance(value, type) and value.__module__ == module_name:
                for attribute, held in list(vars(value).items()):
                    yield value, attribute, held


def _holders() -> Iterator[tuple[Any, str, Any]]:
    """(where, name, lock) of objects that would hold up others while they have it."""
    popen = getattr(sys.modules.get("subprocess"), "Popen", None)
    if popen is not None:
        for child in gc.get_referrers(popen, *popen.__subclasses__()):
            if isinstance(child, popen):
                yield child, "_waitpid_lock", getattr(child, "_waitpid_lock", None)
    logging = sys.modules.get("logging")
    for reference in list(getattr(logging, "_handlerList", ())):
        handler = reference()
        if handler is not None:
            yield handler, "lock", getattr(handler, "lock", None)
