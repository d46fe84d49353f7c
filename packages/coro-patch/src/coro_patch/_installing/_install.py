"""Putting the table into force, and taking it back.

What belongs here: the loop over the table. What is replaced by what stands in `_table`.
"""

import functools
import importlib
import os
import sys
import threading
from types import ModuleType
from typing import Any

from coro.interface import keep_originals, scheduler
from coro_patch._emulated import _socket, _threading
from coro_patch._emulated._signal import adopt_handlers, release_handlers
from coro_patch._emulated._thread import set_home
from coro_patch._emulated._thread_locks import RLock, allocate_lock, lock
from coro_patch._installing import _anew, _late, _sweep
from coro_patch._installing._attributes import delete_attribute, set_attribute
from coro_patch._table import PARTS, TABLE, Row

_MISSING = object()

#: the parts that are in force
_installed: set[str] = set()
#: what was changed, in order: (where, name, before, after). `before` is _MISSING where the
#: name was inherited.
_changes: list[tuple[Any, str, Any, Any]] = []
#: the functions and classes of modules that were replaced, and what replaces them, by the
#: ids of the originals.
_originals: dict[int, Any] = {}
_replacements: dict[int, Any] = {}


def install(**parts: bool) -> None:
    """Make the blocking standard library let other coroutines run.

    It may be called at any time, after everything else was imported too; and again, which
    adds the parts that are not in force. Threads that run already stay real threads.

    Args:
        **parts: a part of the table and False leaves it out: ``install(socket=False)``.

    Raises:
        TypeError: there is no such part; the message names those that there are.
    """
    for part in parts:
        if part not in PARTS:
            raise TypeError(f"install_thread_emulation() knows no part {part!r}; the parts are {', '.join(PARTS)}")
    wanted = [part for part in PARTS if parts.get(part, True) and part not in _installed]
    if not wanted:
        return
    # The scheduler imports what it needs when it is made. A lock would make it, and the first one
    # may be that of an import, in the middle of which nothing can be imported up to 3.11.
    scheduler()
    keep_originals()
    try:
        for row in TABLE:
            if row.part in wanted and row.since <= sys.version_info[:2] <= row.until:
                if row.late:
                    _late.when_imported(row.module, functools.partial(_replace, row))
                else:
                    _replace(row)
        _changes.extend(_sweep.rebind(_replacements))
        if "thread" in wanted:
            set_home()
            _changes.extend(_sweep.renew_locks(allocate_lock, RLock))
        if "signal" in wanted:
            adopt_handlers()
    except BaseException:
        uninstall()
        raise
    _anew.watch()
    _installed.update(wanted)


def uninstall() -> None:
    """Give everything back what it was before `install`.

    Emulated threads that run go on as coroutines, and locks that are held stay what they
    are; both work without the emulation.
    """
    release_handlers()
    _late.forget()
    for place, name, before, after in reversed(_changes):
        if _sweep.own(place, name) is not after:
            continue  # somebody else has changed it since
        if before is _MISSING:
            delete_attribute(place, name)
        elif not _is_held(before, after):
            set_attribute(place, name, before)
            if name == "_tstate_lock":
                _threading.restore_main_sentinel(before, after)
    _socket.give_modes_back()
    _anew.unwatch()
    if _replacements:  # modules that were imported meanwhile have bound some
        _sweep.rebind({id(new): _originals[number] for number, new in _replacements.items()})
    _changes.clear()
    _originals.clear()
    _replacements.clear()
    _installed.clear()


def is_module_patched(name: str) -> bool:
    """Whether something of module `name` is emulated now.

    Args:
        name: the module's name, as in `sys.modules`.
    """
    module = sys.modules.get(name)
    if module is None:
        return False
    inside = {id(value) for value in vars(module).values() if not isinstance(value, ModuleType)}
    if any(place is module or id(place) in inside for place, _, _, _ in _changes):
        return True
    return _sweep.holds_any(name, {id(new) for new in _replacements.values()})


def is_object_patched(module: str, name: str) -> bool:
    """Whether ``module.name`` is emulated now.

    Args:
        module: the module's name.
        name: the attribute's; with dots, one of a class: ``"socket.recv"``.
    """
    value = _value(module, name)
    return any(value is after for _, _, _, after in _changes) or any(value is new for new in _replacements.values())


def get_original(module: str, name: str) -> Any:
    """What ``module.name`` is without the emulation.

    Args:
        module: the module's name; it is imported if need be.
        name: the attribute's; with dots, one of a class: ``"socket.recv"``.

    Raises:
        ImportError, AttributeError: there is no such thing.
    """
    place, attribute = _place(module, name)
    for where, changed, before, _ in _changes:
        if where is place and changed == attribute:
            return _inherited(place, attribute) if before is _MISSING else before
    value = getattr(place, attribute)
    for number, new in _replacements.items():
        if new is value:  # a module that was imported after the emulation was installed
            return _originals[number]
    return value


def _forget_main_thread() -> None:
    """In a forked child another thread may be the main one; nothing shall keep the old."""
    _changes[:] = [
        change
        for change in _changes
        if not isinstance(change[0], threading.Thread) or change[0] is threading.main_thread()
    ]


os.register_at_fork(after_in_child=_forget_main_thread)


# --- one row ----------------------------------------------------------------------


def _replace(row: Row) -> None:
    try:
        place, name = _place(row.module, row.name)
    except ModuleNotFoundError:  # this Python was built without it
        return
    before = getattr(place, name, None)
    if before is None:  # this platform does not have it
        return
    file, _, attribute = row.replacement.partition(":")
    after = getattr(importlib.import_module(f"coro_patch._emulated.{file}"), attribute)
    if row.made:
        after = after(before)
    elif "." not in row.name:
        _originals[id(before)] = before
        _replacements[id(before)] = after
        if not isinstance(after, type):
            after.__module__ = before.__module__
    kept = before if name in vars(place) else _MISSING
    set_attribute(place, name, after)
    _changes.append((place, name, kept, after))


def _is_held(before: Any, after: Any) -> bool:
    """Whether a module's lock that took the place of a real one is held now."""
    return type(after) in (lock, RLock) and (
        type(before) in (_sweep._REAL_LOCK, _sweep._REAL_RLOCK) and not _sweep.is_free(after) and _sweep.is_free(before)
    )


# --- places -----------------------------------------------------------------------


def _place(module: str, name: str) -> tuple[Any, str]:
    """The object that has the attribute, and the attribute's name."""
    place: Any = importlib.import_module(module)
    *path, attribute = name.split(".")
    for each in path:
        place = getattr(place, each)
    return place, attribute


def _value(module: str, name: str) -> Any:
    place, attribute = _place(module, name)
    return vars(place).get(attribute, _MISSING)


def _inherited(place: Any, attribute: str) -> Any:
    return getattr(super(place, place), attribute)
