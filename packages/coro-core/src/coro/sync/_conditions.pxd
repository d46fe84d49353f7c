from libc.stdint cimport int64_t

from coro._wait_queue cimport WaitQueue


cdef class condition_variable:
    cdef object __weakref__
    cdef WaitQueue waiters

    cdef object wait_until(self, int64_t deadline)
    cdef Py_ssize_t wake(self, Py_ssize_t count, object args, int how) except -1


cdef class event:
    cdef object __weakref__
    cdef bint happened
    cdef WaitQueue waiters
