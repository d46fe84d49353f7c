from coro._scheduler cimport coro
from coro._wait_queue cimport WaitQueue


cdef class mutex:
    cdef object __weakref__
    cdef coro owner
    cdef Py_ssize_t depth  # how often the owner has locked it
    cdef WaitQueue waiters

    cdef bint acquire(self) except -1
    cdef bint release(self) except -1
    cdef bint hand_over(self) except -1
