from libc.stdint cimport int64_t

from coro.sync._waiting cimport Waitable


cdef class condition_variable(Waitable):
    cdef object wait_until(self, int64_t deadline)
    cdef Py_ssize_t wake(self, Py_ssize_t count, object args, int how) except -1


cdef class event(Waitable):
    cdef bint happened

    cdef bint wait_for(self, const char *why, object on, object timeout) except -1


cdef class named_event(event):
    cdef bytes why
