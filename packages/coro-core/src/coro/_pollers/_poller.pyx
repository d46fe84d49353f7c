"""The contract that every poller fulfils.

A poller tells the scheduler which descriptors can be read or written. There is one
for each scheduler, so for each OS thread. A backend supplies:

`add(fd, generation)`
    Watch `fd`, for reading and writing, until it is closed or discarded. REGISTERED;
    or UNPOLLABLE for a regular file, which is always ready. Called once for an
    announced descriptor.
`renew(fd, generation)`
    For a number that was added before, but may have been closed and reused behind
    coro's back. REGISTERED if it is still the file that was added, and then whether
    it is ready is reported afresh. UNKNOWN or UNPOLLABLE if it is not, and must be added.
`discard(fd, stays_open)`
    Stop watching. `stays_open` is false when the caller closes `fd` next, which
    makes the kernel forget it.
`poll(timeout)`
    Wait up to `timeout` ns (0: do not wait; negative: without end) and fill `events`.
    Returns their number, or INTERRUPTED when a signal came. Releases the GIL while it
    waits. Events carry the generation that was given to `add`.
`close()`
    Give back what the kernel holds.

What callers may not assume: that an event still holds when they act on it; that an
event comes once; that all that is ready comes in one `poll`. A change is never
missed: whoever tried an operation, was refused and then waits will be told.

`wake` is for other OS threads and for signals: a byte in a pipe, whose other end the
backend watches too. A pipe and not an eventfd, because `signal.set_wakeup_fd` can
write to it as well: there the byte is the signal's number, from `wake` it is 0.
"""

from libc.errno cimport errno
from posix.unistd cimport close as c_close, read as c_read, write as c_write

import os

from coro import oserrors

cdef extern from "_platform.h":
    int coro_pipe(int ends[2])


cdef object system_error(int number, str what):
    """The exception for an error number: `what` went wrong, then the system's words."""
    return oserrors.class_of(number)(number, f"{what}: {os.strerror(number)}")


cdef class Poller:
    """What the backends share: the pipe that wakes them."""

    def __cinit__(self, Descriptors descriptors not None):
        cdef int ends[2]
        self.descriptors = descriptors
        if coro_pipe(ends) < 0:
            raise system_error(errno, "cannot make the pipe that wakes the scheduler")
        self.wake_reader, self.wake_writer = ends[0], ends[1]
        self.has_pipe = True

    def __dealloc__(self):
        if self.has_pipe:
            c_close(self.wake_reader)
            c_close(self.wake_writer)

    cdef int add(self, int fd, uint32_t generation) except -1:
        raise NotImplementedError

    cdef int renew(self, int fd, uint32_t generation) except -1:
        raise NotImplementedError

    cdef int discard(self, int fd, bint stays_open) except -1:
        raise NotImplementedError

    cdef int poll(self, int64_t timeout) except -2:
        raise NotImplementedError

    cpdef close(self):
        """Give back the pipe. Backends close what is theirs, then call this."""
        if self.has_pipe:
            self.has_pipe = False
            c_close(self.wake_reader)
            c_close(self.wake_writer)

    cdef void wake(self) noexcept:
        """Make a `poll` that waits, or the next one, return at once."""
        cdef int saved = errno
        if self.has_pipe:
            c_write(self.wake_writer, b"\0", 1)  # full means that a wake is on its way
        (&errno)[0] = saved

    cdef void drain_wakes(self) noexcept:
        cdef char bytes[64]
        cdef ssize_t i, n = sizeof(bytes)
        while n == sizeof(bytes):
            n = c_read(self.wake_reader, bytes, sizeof(bytes))
            for i in range(n):
                if bytes[i]:
                    self.signalled = True
