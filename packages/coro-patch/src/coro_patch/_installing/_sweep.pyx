"""Finding what other modules have bound by ``from module import name``.

What belongs here: going through the modules that are imported, and through the classes
that they define, and rebinding by identity: their attributes, and what their functions
have as the defaults of arguments (``def f(write=os.write)``). Objects that hold such a
thing themselves are beyond reach, but for the locks of log handlers and of child processes.

A large program has some hundred thousand names, and install() is called while it starts: so
the names are gone through in C, and nothing is made of those that are not sought.
"""

from cpython.dict cimport PyDict_Check, PyDict_Contains, PyDict_Next
from cpython.module cimport PyModule_Check, PyModule_GetDict
from cpython.object cimport Py_TYPE, PyObject
from cpython.type cimport PyType_Check
from libc.stdint cimport uint64_t

import _thread
import contextlib
import gc
import os
import sys

cdef extern from "Python.h":
    const unsigned long Py_TPFLAGS_HEAPTYPE
    ctypedef struct PyTypeObject:
        PyObject *tp_dict
    bint PyType_HasFeature(PyTypeObject *type, unsigned long feature)
    bint PyFunction_Check(PyObject *)
    PyObject *PyFunction_GET_DEFAULTS(PyObject *function)

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
    for place, name, value in find(Objects(mapping)):
        new = mapping.get(id(value))
        if new is None:
            before = value.__defaults__
            after = tuple([mapping.get(id(each), each) for each in before])
            value.__defaults__ = after
            changes.append((value, "__defaults__", before, after))
        elif new is not value:
            with contextlib.suppress(AttributeError, TypeError):
                setattr(place, name, new)
                changes.append((place, name, value, new))
    return changes


def own(place, name):
    """What a module, a class or a function itself has under a name; None if nothing."""
    return place.__defaults__ if name == "__defaults__" else vars(place).get(name)


def renew_locks(new_lock, new_rlock):
    """Replace the locks that modules, log handlers and child processes hold, if nobody has taken them.

    A real lock that an emulated thread holds while it waits for something would stop all of
    them, and a real RLock does not keep them from each other.
    """
    made = {}
    changes = []
    for place, name, value in [*find(Locks()), *held_by_objects()]:
        if id(value) not in made:
            if not is_free(value):
                continue
            made[id(value)] = new_lock() if type(value) is _REAL_LOCK else new_rlock()
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


# --- going through names ------------------------------------------------------------


cdef class Sought:
    """What a search is for."""

    cdef bint includes(self, PyObject *value) except -1:
        """It runs no code of Python's, which could change what is gone through."""
        raise NotImplementedError


cdef class Objects(Sought):
    """Certain objects, and functions that have one of them as a default."""

    cdef dict ids
    cdef uint64_t[64] bits  # most of what is not sought is told by six of its address's bits

    def __cinit__(self, dict ids):
        cdef size_t number
        self.ids = ids
        self.bits[:] = [0] * 64
        for number in ids:
            self.bits[number >> 10 & 63] |= <uint64_t> 1 << (number >> 4 & 63)

    cdef bint includes(self, PyObject *value) except -1:
        if self.has(value):
            return True
        cdef PyObject *defaults = PyFunction_GET_DEFAULTS(value) if PyFunction_Check(value) else NULL
        if defaults != NULL:
            for each in <tuple> defaults:
                if self.has(<PyObject *> each):
                    return True
        return False

    cdef bint has(self, PyObject *value) except -1:
        cdef size_t number = <size_t> value
        if not self.bits[number >> 10 & 63] >> (number >> 4 & 63) & 1:
            return False
        return PyDict_Contains(self.ids, number)


cdef class Locks(Sought):
    """Locks of Python's own."""

    cdef object lock
    cdef object rlock

    def __cinit__(self):
        self.lock = _REAL_LOCK
        self.rlock = _REAL_RLOCK

    cdef bint includes(self, PyObject *value) except -1:
        cdef PyObject *type = <PyObject *> Py_TYPE(<object> value)
        return type == <PyObject *> self.lock or type == <PyObject *> self.rlock


cdef list find(Sought sought):
    """(where, name, value) of all that is sought, in all modules and in the classes that they define."""
    found = []
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] in _OURS:
            continue
        if PyModule_Check(module):  # not by an attribute, which loads a module of `importlib.util.LazyLoader`
            names = <object> PyModule_GetDict(module)
        else:  # None or something else stands in its place
            names = getattr(module, "__dict__", None)
        if PyDict_Check(names):
            search(module, names, sought, found)
            for each in classes(names, module_name):
                search(each, <object> (<PyTypeObject *> each).tp_dict, sought, found)
    return found


cdef int search(object place, object names, Sought sought, list found) except -1:
    cdef PyObject *name
    cdef PyObject *value
    cdef Py_ssize_t position = 0
    cdef list flat = []  # a tuple for each could start the collector, and finalizers change dicts
    while PyDict_Next(names, &position, &name, &value):
        if sought.includes(value):
            flat.append(<object> name)
            flat.append(<object> value)
    while flat:
        last = flat.pop()
        found.append((place, flat.pop(), last))
    return 0


cdef list classes(object names, object module_name):
    """The classes that a module defines. Those that are static in C cannot be changed."""
    cdef PyObject *name
    cdef PyObject *value
    cdef Py_ssize_t position = 0
    cdef list found = []
    while PyDict_Next(names, &position, &name, &value):
        if PyType_Check(<object> value) and PyType_HasFeature(<PyTypeObject *> value, Py_TPFLAGS_HEAPTYPE):
            found.append(<object> value)
    return [each for each in found if vars(each).get("__module__") == module_name]


cdef list held_by_objects():
    """The same of locks that objects have which would hold up others meanwhile."""
    held = [(child, "_waitpid_lock") for child in children()]
    logging = sys.modules.get("logging")
    held.extend([(reference(), "lock") for reference in list(getattr(logging, "_handlerList", ()))])
    found = [(place, name, getattr(place, name, None)) for place, name in held]
    return [(place, name, value) for place, name, value in found if type(value) in (_REAL_LOCK, _REAL_RLOCK)]


cdef list children():
    """The child processes of `subprocess` that may be waited for."""
    popen = getattr(sys.modules.get("subprocess"), "Popen", None)
    if popen is None:
        return []
    if hasattr(os, "waitid"):
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # which spares the way through all that is alive
            return []
    return [each for each in gc.get_referrers(popen, *popen.__subclasses__()) if isinstance(each, popen)]
