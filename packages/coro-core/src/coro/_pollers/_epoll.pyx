"""Polling with epoll(7), edge-triggered: Linux.

epoll keeps the list of descriptors in the kernel, so the cost of a poll depends on
what happened and not on how many are watched. Edge-triggered (EPOLLET), it reports
each change once. Then nothing has to be re-armed: one EPOLL_CTL_ADD, for reading and
writing together, serves a descriptor for its life, and the kernel drops it by itself
when the last copy of the file is closed. Until then a number that was closed here
but lives on in a duplicate, or in a child process, goes on being reported; such
events carry an old generation and the scheduler drops them.

EPOLL_CTL_MOD with the same mask makes the kernel look again and report the present
state, and fails with ENOENT if the number no longer names the file that was added:
that is how `renew` tells.

A regular file cannot be watched: EPOLL_CTL_ADD says EPERM.
"""

from libc.errno cimport EBADF, EEXIST, EINTR, ENOENT, EPERM, errno
from libc.stdint cimport int64_t, uint32_t, uint64_t
from posix.unistd cimport close as c_close

from coro._descriptors cimport Descriptors
from coro._pollers._poller cimport (
    EVENTS_ROOM, HUNG_UP, INTERRUPTED, REGISTERED, UNKNOWN, UNPOLLABLE, Poller, system_error,
)
from coro.interface.capi cimport CORO_READ, CORO_WRITE

from coro.errors import ClosedError

cdef extern from "_platform.h" nogil:
    ctypedef union epoll_data_t:
        uint64_t u64
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    const uint32_t EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLERR, EPOLLHUP, EPOLLRDHUP, EPOLLET
    const int EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLL_CLOEXEC
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int op, int fd, epoll_event *event)
    int coro_epoll_wait(int epoll, epoll_event *events, int room, int64_t ns)


cdef class EpollPoller(Poller):
    """See the module."""

    name = "epoll"

    cdef bint has_epoll  # 0 is a descriptor like any other
    cdef int epoll
    cdef epoll_event buffer[EVENTS_ROOM]

    def __cinit__(self, Descriptors descriptors not None):
        self.epoll = epoll_create1(EPOLL_CLOEXEC)
        if self.epoll < 0:
            raise system_error(errno, "cannot make an epoll descriptor")
        self.has_epoll = True
        if self.control(EPOLL_CTL_ADD, self.wake_reader, 0) < 0:
            raise system_error(errno, "cannot watch the pipe that wakes the scheduler")

    def __dealloc__(self):
        if self.has_epoll:
            c_close(self.epoll)

    cpdef close(self):
        if self.has_epoll:
            self.has_epoll = False
            c_close(self.epoll)
        Poller.close(self)

    cdef int add(self, int fd, uint32_t generation) except -1:
        if self.control(EPOLL_CTL_ADD, fd, generation) == 0:
            return REGISTERED
        if errno == EEXIST and self.control(EPOLL_CTL_MOD, fd, generation) == 0:
            return REGISTERED
        return self.refused(fd)

    cdef int renew(self, int fd, uint32_t generation) except -1:
        if self.control(EPOLL_CTL_MOD, fd, generation) == 0:
            return REGISTERED
        if errno == ENOENT:
            return UNKNOWN
        return self.refused(fd)

    cdef int discard(self, int fd, bint stays_open) except -1:
        if stays_open and self.control(EPOLL_CTL_DEL, fd, 0) < 0:
            if errno != ENOENT and errno != EBADF:  # closed already is as good
                raise system_error(errno, "EPOLL_CTL_DEL")
        return 0

    cdef int poll(self, int64_t timeout) except -2:
        cdef int n, i, events, count = 0
        cdef uint32_t bits
        cdef int room = EVENTS_ROOM
        if timeout == 0:
            n = coro_epoll_wait(self.epoll, self.buffer, room, 0)
        else:
            with nogil:
                n = coro_epoll_wait(self.epoll, self.buffer, room, timeout)
        if n < 0:
            if errno == EINTR:
                return INTERRUPTED
            raise system_error(errno, "epoll_wait")
        for i in range(n):
            bits = self.buffer[i].events
            if <int> <uint32_t> self.buffer[i].data.u64 == self.wake_reader:
                self.drain_wakes()
                continue
            events = 0
            if bits & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR):
                events |= CORO_READ
            if bits & (EPOLLOUT | EPOLLHUP | EPOLLERR):
                events |= CORO_WRITE
            if bits & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR):
                events |= HUNG_UP
            self.events[count].fd = <int> <uint32_t> self.buffer[i].data.u64
            self.events[count].generation = <uint32_t> (self.buffer[i].data.u64 >> 32)
            self.events[count].events = events
            count += 1
        return count

    cdef int control(self, int op, int fd, uint32_t generation) noexcept:
        cdef epoll_event event
        event.events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET
        event.data.u64 = (<uint64_t> generation << 32) | <uint32_t> fd
        return epoll_ctl(self.epoll, op, fd, &event)

    cdef int refused(self, int fd) except -1:
        cdef int number = errno
        if number == EPERM:
            return UNPOLLABLE
        if number == EBADF:
            raise ClosedError(f"descriptor {fd} is closed")
        raise system_error(number, f"cannot watch descriptor {fd}")
