from coro._scheduler cimport coro
from coro.sync._waiting cimport Waitable


cdef class mutex(Waitable):
    cdef coro owner
    cdef Py_ssize_t depth  # how often the owner has locked it

    cdef bint acquire(self) except -1
    cdef bint release(self) except -1
    cdef bint hand_over(self) except -1
