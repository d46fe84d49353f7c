from cpython.ref cimport PyObject
from libc.stdint cimport int64_t


cdef struct Waiter:
    Waiter *previous
    Waiter *next
    PyObject *coroutine  # owned
    bint queued
    bint starved         # it was woken and found the thing taken again
    bint given           # it was woken, and the thing is its own


cdef struct Queue:
    Waiter *first
    Waiter *last


cdef Waiter *new_waiter() except NULL
cdef void free_waiter(Queue *queue, Waiter *waiter) noexcept
cdef void append(Queue *queue, Waiter *waiter) noexcept
cdef void prepend(Queue *queue, Waiter *waiter) noexcept
cdef Waiter *take_first(Queue *queue) noexcept
cdef int wake(Waiter *waiter) except -1
cdef int wake_one(Queue *queue) except -1
cdef int wake_all(Queue *queue) except -1
cdef int prepare_to_wait() except -1
cdef int park(const char *why, PyObject *on, int64_t deadline) except -1
cdef int wait_fd(int fd, int events, int64_t deadline) except -1
cdef int64_t deadline_in(int64_t length) noexcept
cdef int64_t seconds_to_ns(object seconds) except? -1
cdef bint is_length(object seconds) except -1
