"""Polling with poll(2): every POSIX system.

poll takes the whole list of descriptors at each call and reports their present
state. So the list is made anew each time from those that somebody waits on, and the
cost grows with their number. Because it reports states and not changes, nothing can
be missed, and `renew` need not ask the kernel anything.

poll calls regular files always ready by itself.
"""

from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.errno cimport EBADF, EINTR, errno
from libc.stdint cimport int64_t, uint32_t

from coro._descriptors cimport DescriptorEntry, FdWaiter
from coro._pollers._poller cimport EVENTS_ROOM, HUNG_UP, INTERRUPTED, REGISTERED, Poller, system_error
from coro.interface.capi cimport CORO_READ, CORO_WRITE

from coro.errors import ClosedError

cdef extern from "_platform.h" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    ctypedef unsigned long nfds_t
    const short POLLIN, POLLOUT, POLLPRI, POLLERR, POLLHUP, POLLNVAL, CORO_POLLRDHUP
    int c_poll "poll"(pollfd *fds, nfds_t n, int milliseconds)
    int coro_milliseconds(int64_t ns)
    bint coro_is_open(int fd)

cdef enum:
    FIRST_ROOM = 64


cdef class PollPoller(Poller):
    """See the module."""

    name = "poll"

    cdef pollfd *list
    cdef int room
    cdef int start  # where in the list to begin reporting, so that none is starved

    def __dealloc__(self):
        PyMem_Free(self.list)

    cdef int add(self, int fd, uint32_t generation) except -1:
        if not coro_is_open(fd):
            raise ClosedError(f"descriptor {fd} is closed")
        return REGISTERED

    cdef int renew(self, int fd, uint32_t generation) except -1:
        return self.add(fd, generation)

    cdef int discard(self, int fd, bint stays_open) except -1:
        return 0

    cdef int poll(self, int64_t timeout) except -2:
        cdef int n, at, count = 0, used = self.collect()
        cdef int milliseconds = coro_milliseconds(timeout)
        if timeout == 0:
            n = c_poll(self.list, used, 0)
        else:
            with nogil:
                n = c_poll(self.list, used, milliseconds)
        if n < 0:
            if errno == EINTR:
                return INTERRUPTED
            raise system_error(errno, "poll")
        if n and self.list[0].revents & POLLNVAL:
            raise system_error(EBADF, "poll: the pipe that wakes the scheduler was closed by somebody else")
        if n and self.list[0].revents:
            self.drain_wakes()
            n -= 1
        at = self.start
        for _ in range(1, used):
            if n == 0 or count == EVENTS_ROOM:
                break
            at = at + 1 if at + 1 < used else 1
            if self.list[at].revents:
                n -= 1
                count += self.report(self.list + at, count)
        self.start = at
        return count

    cdef int collect(self) except -1:
        """Fill the list: the pipe that wakes us, then each descriptor waited on."""
        cdef DescriptorEntry *entry
        cdef FdWaiter *waiter
        cdef pollfd *list
        cdef short events
        cdef int fd, used = 1, needed = 1 + <int> self.descriptors.registered
        if needed > self.room:
            needed = max(FIRST_ROOM, 2 * needed)
            list = <pollfd *> PyMem_Realloc(self.list, <size_t> needed * sizeof(pollfd))
            if list == NULL:
                raise MemoryError("no memory for the list of descriptors to poll")
            self.list = list
            self.room = needed
        self.list[0].fd = self.wake_reader
        self.list[0].events = POLLIN
        self.list[0].revents = 0
        for fd in range(self.descriptors.room):
            entry = self.descriptors.table + fd
            waiter = entry.first
            if waiter == NULL:
                continue
            events = 0
            while waiter != NULL:
                if waiter.wanted & CORO_READ:
                    events |= POLLIN | POLLPRI | CORO_POLLRDHUP
                if waiter.wanted & CORO_WRITE:
                    events |= POLLOUT
                waiter = waiter.next
            self.list[used].fd = fd
            self.list[used].events = events
            self.list[used].revents = 0
            used += 1
        return used

    cdef int report(self, pollfd *ready, int count) except -1:
        cdef int events = 0
        if ready.revents & (POLLIN | POLLPRI | CORO_POLLRDHUP | POLLHUP | POLLERR | POLLNVAL):
            events |= CORO_READ
        if ready.revents & (POLLOUT | POLLHUP | POLLERR | POLLNVAL):
            events |= CORO_WRITE
        if ready.revents & (POLLPRI | CORO_POLLRDHUP | POLLHUP | POLLERR | POLLNVAL):
            events |= HUNG_UP
        self.events[count].fd = ready.fd
        self.events[count].generation = self.descriptors.table[ready.fd].generation
        self.events[count].events = events
        return 1
