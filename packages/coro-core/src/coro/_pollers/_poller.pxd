from libc.stdint cimport int64_t, uint32_t

from coro._descriptors cimport Descriptors


cdef enum:
    # Beside READ and WRITE in PollEvent.events: end of file, hang-up, error or urgent
    # data, after which a short read no longer means that the descriptor is empty.
    HUNG_UP = 64

    # How `add` and `renew` end.
    REGISTERED = 0
    UNPOLLABLE = 1
    UNKNOWN = 2

    # How `poll` ends, if not with a number of events.
    INTERRUPTED = -1

    EVENTS_ROOM = 256  # events taken from the kernel at a time


cdef struct PollEvent:
    int fd
    uint32_t generation
    int events


cdef object system_error(int number, str what)


cdef class Poller:
    cdef Descriptors descriptors
    cdef PollEvent events[EVENTS_ROOM]
    cdef bint has_pipe    # 0 is a descriptor like any other
    cdef int wake_reader
    cdef int wake_writer
    cdef bint signalled  # a signal handler wrote to the pipe

    cdef int add(self, int fd, uint32_t generation) except -1
    cdef int renew(self, int fd, uint32_t generation) except -1
    cdef int discard(self, int fd, bint stays_open) except -1
    cdef int poll(self, int64_t timeout) except -2
    cdef void wake(self) noexcept
    cdef void drain_wakes(self) noexcept
    cpdef close(self)
