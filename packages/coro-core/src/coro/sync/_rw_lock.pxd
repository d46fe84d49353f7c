from coro._scheduler cimport coro
from coro.sync._waiting cimport Waitable


cdef class rw_lock(Waitable):
    cdef coro writer
    cdef Py_ssize_t depth  # how often the writer has locked it for writing
    cdef dict readers      # how often, by coroutine

    cdef bint may_read(self, coro me) except -1
    cdef bint may_write(self, coro me) except -1
    cdef int begin_read(self, coro me) except -1
    cdef int end_read(self, coro me) except -1
    cdef int end_write(self) except -1
    cdef int serve_waiters(self) except -1
