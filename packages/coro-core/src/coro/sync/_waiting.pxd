from libc.stdint cimport int64_t

from coro._scheduler cimport coro
from coro._wait_queue cimport WaitQueue


cdef class Waitable:
    cdef object __weakref__
    cdef WaitQueue waiters


cdef bint wait_in(WaitQueue *queue, const char *why, object on, Py_ssize_t wanted, int64_t deadline) except -1
cdef coro first_waiter(WaitQueue *queue)
cdef list all_waiters(WaitQueue *queue)
cdef int serve(coro co) except -1
cdef coro this_coroutine()
cdef coro about_to_wait()
