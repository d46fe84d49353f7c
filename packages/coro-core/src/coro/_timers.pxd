from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint64_t


cdef enum:
    NOT_IN_HEAP = -1


cdef class Timer:
    cdef int64_t when        # ns of the scheduler's clock
    cdef Py_ssize_t position  # in the heap, or NOT_IN_HEAP

    cdef int fire(self) except -1


cdef inline bint is_set(Timer timer) noexcept:
    """Neither fired nor cancelled."""
    return timer.position != NOT_IN_HEAP


cdef struct HeapEntry:
    int64_t when
    uint64_t order
    PyObject *timer          # owned


cdef class TimerHeap:
    cdef HeapEntry *entries
    cdef Py_ssize_t used, room
    cdef uint64_t next_order

    cdef int add(self, Timer timer, int64_t when) except -1
    cdef int cancel(self, Timer timer) except -1
    cdef int64_t earliest(self) noexcept
    cdef Timer pop_due(self, int64_t now)
    cdef void shift(self, int64_t length) noexcept
    cdef void clear(self) noexcept
    cdef Timer take(self, Py_ssize_t position)
    cdef void place(self, Py_ssize_t position, HeapEntry entry) noexcept
    cdef void sift_up(self, Py_ssize_t position, HeapEntry entry) noexcept
    cdef void sift_down(self, Py_ssize_t position, HeapEntry entry) noexcept
