from cpython.ref cimport PyObject


cdef struct Owned:
    PyObject *owner             # a weak reference to a socket object; NULL if none waited here
    unsigned long thread        # whose poller has been told
    unsigned long looked        # when it was found that the kernel would wait for ever: see `now`
    bint empties_by_short_read  # a read that gives less than was asked for has taken all there was
    bint is_drained             # so it was with the last one


cdef Owned *owned(self, int fd) noexcept
cdef int own(self, int fd) except -1
cdef void disown(int fd) noexcept
cdef void disown_all() noexcept
cdef unsigned long now() noexcept
cdef void modes_change() noexcept
