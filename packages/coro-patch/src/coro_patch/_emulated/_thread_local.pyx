"""`_thread._local`: attributes that each thread has for itself.

What belongs here: the locals, and the record that is kept of each thread, real or
emulated, so that what belongs to it goes when it ends.

A local owns its dicts, one for each thread; a thread's record knows the locals only
weakly. When a local dies its dicts die; when a thread ends its dicts are taken out of all
locals. Both as in Python's own, so that finalizers run in the thread that ends.
"""

from cpython.ref cimport PyObject

from coro_patch._foundation._identity cimport apart

import _thread
import weakref

cdef extern from "_platform.h":
    int coro_call_type(object type, const char *name) except -1
    object _PyObject_GenericGetAttrWithDict(object, object, PyObject *, int)
    int _PyObject_GenericSetAttrWithDict(object, object, PyObject *, PyObject *) except -1

# What a real thread, or its main coroutine, has: the original knows when it ends.
cdef object real_threads = _thread._local()
# What a coroutine has: its record and a weak reference to it, by its address.
cdef dict records = {}
cdef PyObject *last_coroutine = NULL
cdef Record last_record = None


cdef class Record:
    """What is kept for a thread."""

    def __cinit__(self):
        self.locals = {}

    def __del__(self):
        self.clear()

    cdef int clear(self) except -1:
        """The thread ends."""
        cdef _local each
        while self.locals:  # a finalizer may use one again
            _, reference = self.locals.popitem()
            each = reference()
            if each is not None:
                each.dicts.pop(id(self), None)
        sentinel, self.sentinel = self.sentinel, None
        if sentinel is not None:
            lock = sentinel()
            if lock is not None and lock.locked():
                lock.release()
        return 0


cdef Record this_record():
    """The record of the thread that runs, made if there is none."""
    cdef PyObject *coroutine = apart()
    cdef Record record
    if coroutine == NULL:
        try:
            return real_threads.record
        except AttributeError:
            real_threads.record = record = Record()
            return record
    if coroutine != last_coroutine:
        remember(coroutine)
    return last_record


cdef int remember(PyObject *coroutine) except -1:
    global last_coroutine, last_record
    cdef object number = <unsigned long> coroutine
    entry = records.get(number)
    if entry is None:
        def gone(reference):  # not one of ours: it ended without end_record()
            if number in records and records[number][0] is reference:
                forget(number)
        entry = records[number] = (weakref.ref(<object> coroutine, gone), Record())
    last_coroutine = coroutine
    last_record = entry[1]
    return 0


cdef int forget(number) except -1:
    global last_coroutine, last_record
    entry = records.pop(number, None)
    if entry is not None and last_record is entry[1]:
        last_coroutine = NULL
        last_record = None
    if entry is not None:
        (<Record> entry[1]).clear()
    return 0


cdef int end_record() except -1:
    """The emulated thread that runs ends now."""
    cdef PyObject *coroutine = apart()
    cdef object number = <unsigned long> coroutine
    if coroutine == NULL:
        return 0
    # Cleared while it is still known, so that finalizers find the same one.
    entry = records.get(number)
    if entry is not None:
        (<Record> entry[1]).clear()
        forget(number)
    return 0


cdef class _local:
    """Thread-local data: see `threading.local`."""

    cdef object __weakref__
    cdef dict dicts      # by the id of the thread's record
    cdef tuple args
    cdef dict kwargs

    def __cinit__(self, *args, **kwargs):
        if (args or kwargs) and type(self).__init__ is object.__init__:
            raise TypeError("Initialization arguments are not supported")
        self.args = args
        self.kwargs = kwargs
        self.dicts = {}
        self.new_dict(this_record())

    cdef dict new_dict(self, Record record):
        cdef dict made = {}
        cdef object number = id(self)

        def gone(reference):
            if record.locals.get(number) is reference:
                del record.locals[number]

        record.locals[number] = weakref.ref(self, gone)
        self.dicts[id(record)] = made
        return made

    cdef dict dict_here(self):
        """The attributes of the running thread; `__init__` is called for a new one."""
        cdef Record record = this_record()
        cdef dict found = self.dicts.get(id(record))
        if found is None:
            found = self.new_dict(record)
            if type(self).__init__ is not object.__init__:
                try:
                    type(self).__init__(self, *self.args, **self.kwargs)
                except BaseException:
                    self.dicts.pop(id(record), None)
                    record.locals.pop(id(self), None)
                    raise
        return found

    def __getattribute__(self, name):
        cdef dict found = self.dict_here()
        if name == "__dict__":
            return found
        return _PyObject_GenericGetAttrWithDict(self, name, <PyObject *> found, 0)

    def __setattr__(self, name, value):
        cdef dict found = self.dict_here()
        self.check_writable(name)
        _PyObject_GenericSetAttrWithDict(self, name, <PyObject *> value, <PyObject *> found)

    def __delattr__(self, name):
        cdef dict found = self.dict_here()
        self.check_writable(name)
        _PyObject_GenericSetAttrWithDict(self, name, NULL, <PyObject *> found)

    cdef int check_writable(self, name) except -1:
        if name == "__dict__":
            raise AttributeError(
                f"'{type(self).__name__}' object attribute '__dict__' is read-only")
        return 0


coro_call_type(_local, "_thread._local")
