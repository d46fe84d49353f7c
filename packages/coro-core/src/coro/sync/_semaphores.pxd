from coro.sync._waiting cimport Waitable


cdef class semaphore(Waitable):
    cdef readonly Py_ssize_t avail
    cdef Py_ssize_t limit

    cdef int take(self, Py_ssize_t value) except -1
    cdef bint has_now(self, Py_ssize_t value) except -1
    cdef int serve_waiters(self) except -1


cdef class inverted_semaphore(Waitable):
    cdef readonly Py_ssize_t value
