"""Attributes that each coroutine has for itself.

What belongs here: `ThreadLocal`, which is to coroutines what `threading.local` is to threads.

**Who holds what.** The values are held by the ThreadLocal, in a dict for each coroutine; the
coroutine only knows, weakly, where it has some, and takes them away when it ends. So a value may
refer to the coroutine or to the ThreadLocal, and either may die first.

There is no lock. A finalizer that runs in the middle of a look-up finds everything in order, as
each step is one operation of a dict.
"""

cimport cython
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject_GenericGetAttr
from cpython.ref cimport PyObject

from coro._scheduler cimport Scheduler, coro, this_scheduler

import weakref

cdef extern from "Python.h":
    PyObject *_PyType_Lookup(type kind, object name)
    int generic_set "PyObject_GenericSetAttr"(object thing, object name, PyObject *value) except -1

cdef extern from *:
    """
    #define coro_is_data_descriptor(thing) (Py_TYPE(thing)->tp_descr_set != NULL)
    """
    bint coro_is_data_descriptor(PyObject *thing)


class ByCoroutine(dict):
    """The values of one ThreadLocal: dicts, by the ids of their coroutines."""

    __slots__ = ("__weakref__",)


cdef class _Storage:
    """What a ThreadLocal has besides its values: a base without any attributes to see."""

    cdef object __weakref__
    cdef object values, args, kwargs


@cython.no_gc_clear  # cycles lead through the dicts of values, which can be cleared
cdef class ThreadLocal(_Storage):
    """ThreadLocal(*args, **kwargs)\n--\n
    An object whose attributes each coroutine has for itself.

    A coroutine's values go when it ends. The main coroutine of each OS thread has its own, too.
    In a subclass, `__init__` is called in each coroutine that uses the object, with the arguments
    that it was made with; what stands in the class, or in `__slots__`, all coroutines share.

    Raises:
        TypeError: it is given arguments, and there is no `__init__` to take them.
    """

    def __cinit__(self, *args, **kwargs):
        if (args or kwargs) and type(self).__init__ is object.__init__:
            raise TypeError(f"{type(self).__name__}() takes no arguments: it has no __init__ of its own")
        self.values = ByCoroutine()
        self.args = args
        self.kwargs = kwargs
        new_values(self, owner())

    def __getattribute__(self, name):
        cdef dict mine = values_of_caller(self)
        cdef PyObject *found = PyDict_GetItemWithError(mine, name)
        cdef PyObject *of_class
        if found != NULL:
            of_class = _PyType_Lookup(type(self), name)
            if of_class == NULL or not coro_is_data_descriptor(of_class):
                return <object> found
        elif name == "__dict__":
            return mine
        return PyObject_GenericGetAttr(self, name)

    def __setattr__(self, name, value):
        cdef dict mine = values_of_caller(self)
        if belongs_to_class(self, name):
            generic_set(self, name, <PyObject *> value)
        else:
            mine[name] = value

    def __delattr__(self, name):
        cdef dict mine = values_of_caller(self)
        if belongs_to_class(self, name):
            generic_set(self, name, NULL)
        elif mine.pop(name, mine) is mine:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r} in this coroutine")


cdef bint belongs_to_class(_Storage self, name) except -1:
    """Whether the class decides what setting this attribute does."""
    cdef PyObject *of_class
    if name == "__dict__":
        raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
    of_class = _PyType_Lookup(type(self), name)
    return of_class != NULL and coro_is_data_descriptor(of_class)


cdef coro owner():
    cdef Scheduler here = this_scheduler()
    return here.main if here.running is None else here.running


cdef dict values_of_caller(_Storage self):
    cdef coro me = owner()
    cdef PyObject *found = PyDict_GetItemWithError(self.values, <object> me.id)
    if found != NULL:
        return <dict> found
    mine = new_values(self, me)
    if type(self).__init__ is not object.__init__:
        try:
            self.__init__(*self.args, **self.kwargs)
        except BaseException:
            self.values.pop(me.id, None)
            raise
    return mine


cdef dict new_values(_Storage self, coro me):
    cdef dict mine = {}
    cdef Py_ssize_t known
    if me.locals is None:
        me.locals = []
    known = len(me.locals)
    if known >= 16 and known & (known - 1) == 0:  # now and then
        me.locals = [each for each in me.locals if each() is not None]
    me.locals.append(weakref.ref(self.values))
    self.values[me.id] = mine
    return mine
