from cpython.ref cimport PyObject
from libc.stdint cimport int64_t


cdef struct Entry:
    int64_t id         # 0 where there is none
    PyObject *thing    # owned


cdef class Registry:
    cdef Entry *entries
    cdef size_t room   # a power of two, or 0
    cdef size_t used

    cdef int reserve(self) except -1
    cdef void add(self, int64_t number, object thing) noexcept
    cdef object find(self, int64_t number)
    cdef int discard(self, int64_t number) except -1
    cdef list all(self)
    cdef list unordered(self)
    cdef Entry *place(self, int64_t number) noexcept
    cdef int resize(self, size_t room) except -1
