from coro._wait_queue cimport WaitQueue


cdef class semaphore:
    cdef object __weakref__
    cdef readonly Py_ssize_t avail
    cdef Py_ssize_t limit
    cdef WaitQueue waiters

    cdef int take(self, Py_ssize_t value) except -1
    cdef int serve_waiters(self) except -1


cdef class inverted_semaphore:
    cdef object __weakref__
    cdef readonly Py_ssize_t value
    cdef WaitQueue waiters
