"""Finding what other modules have bound by ``from module import name``.

What belongs here: going through the modules that are imported, and through the classes
that they define, and rebinding by identity: their attributes, and what their functions
have as the defaults of arguments (``def f(write=os.write)``). Objects that hold such a
thing themselves are beyond reach, but for the locks of log handlers and of child processes.
"""

from cpython.object cimport PyObject

import _thread
import contextlib
import gc
import sys
from types import FunctionType

cdef object Function = FunctionType

# Whose originals stay what they are: what the emulation itself stands on.
_OURS = ("coro", "coro_consts", "coro_patch", "coro_sock", "greenlet")

_REAL_LOCK = _thread.LockType
_REAL_RLOCK = _thread.RLock


def rebind(dict mapping):
    """Replace objects wherever modules and their classes have bound them.

    Args:
        mapping: what takes the place of an object, by the object's id.

    Returns:
        what was changed: (where, name, before, after).
    """
    changes = []
    for place, names in namespaces():
        for name, value in names:
            new = mapping.get(<size_t> <PyObject *> value)
            if new is not None and new is not value:
                with contextlib.suppress(AttributeError, TypeError):
                    setattr(place, name, new)
                    changes.append((place, name, value, new))
            elif type(value) is Function and value.__defaults__:
                before = value.__defaults__
                after = tuple([mapping.get(id(each), each) for each in before])
                if any([one is not other for one, other in zip(before, after)]):
                    value.__defaults__ = after
                    changes.append((value, "__defaults__", before, after))
    return changes


def own(place, name):
    """What a module, a class or a function itself has under a name; None if nothing."""
    return place.__defaults__ if isinstance(place, FunctionType) else vars(place).get(name)


def renew_locks(new_lock, new_rlock):
    """Replace the locks that modules, log handlers and child processes hold, if nobody has taken them.

    A real lock that an emulated thread holds while it waits for something would stop all of
    them, and a real RLock does not keep them from each other.
    """
    cdef object lock = _REAL_LOCK, rlock = _REAL_RLOCK
    made = {}
    changes = []
    for place, names in [*namespaces(), *holders()]:
        for name, value in names:
            if type(value) is not lock and type(value) is not rlock:
                continue
            if id(value) not in made:
                if not is_free(value):
                    continue
                made[id(value)] = new_lock() if type(value) is lock else new_rlock()
            with contextlib.suppress(AttributeError, TypeError):
                setattr(place, name, made[id(value)])
                changes.append((place, name, value, made[id(value)]))
    return changes


def is_free(lock):
    """Whether nobody holds a lock or an RLock."""
    if hasattr(lock, "_is_owned") and lock._is_owned():
        return False
    if not lock.acquire(blocking=False):
        return False
    lock.release()
    return True


def holds_any(name, values):
    """Whether module `name` has bound one of these objects, given by their ids."""
    module = sys.modules.get(name)
    return module is not None and any([id(value) in values for value in vars(module).values()])


cdef list namespaces():
    """(where, [(name, value), ...]) of all modules, and of the classes that they define."""
    found = []
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] in _OURS:
            continue
        try:
            names = list(vars(module).items())
        except TypeError:  # None or something else stands in its place
            continue
        found.append((module, names))
        found.extend([(value, list(vars(value).items())) for _, value in names
                      if isinstance(value, type) and value.__module__ == module_name])
    return found


cdef list holders():
    """The same of objects that would hold up others while they have a lock."""
    found = []
    popen = getattr(sys.modules.get("subprocess"), "Popen", None)
    if popen is not None:
        for child in gc.get_referrers(popen, *popen.__subclasses__()):
            if isinstance(child, popen):
                found.append((child, [("_waitpid_lock", getattr(child, "_waitpid_lock", None))]))
    logging = sys.modules.get("logging")
    for reference in list(getattr(logging, "_handlerList", ())):
        handler = reference()
        if handler is not None:
            found.append((handler, [("lock", getattr(handler, "lock", None))]))
    return found
