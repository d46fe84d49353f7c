from cpython.ref cimport PyObject


cdef struct Owned:
    PyObject *owner       # a weak reference to a socket object; NULL if none waited here
    unsigned long thread  # whose poller has been told
    bint is_unlimited     # without a timeout it waits for ever, as far as the kernel is asked
    bint gives_all        # a read that gives less than was asked for empties it
    bint is_drained       # nothing was there any more after the last read


cdef Owned *owned(self, int fd) noexcept
cdef int own(self, int fd, bint gives_all, bint is_unlimited) except -1
cdef void disown(int fd) noexcept
cdef int disown_file(file) except -1
cdef void disown_all() noexcept
