"""The class `Descriptor`: an open file that never blocks, and waiting for it.

What belongs here: the life of a descriptor, and what all operations on it have in common.
Each operation has a module of its own, which calls this one.

Every operation has one shape, so that one can be laid beside the other::

    try:
        self.begin(&attempt, CORO_READ, flags)
        while True:
            n = recv(...)
            if n >= 0:
                return n
            self.refused(&attempt, errno)
    finally:
        self.end(&attempt)

The try comes first, because most succeed; `refused` waits if the kernel said EAGAIN, and
raises if it said anything else. Four things are worth knowing:

- The descriptor never blocks (O_NONBLOCK), and the poller is told of it once, when an
  operation first has to wait. `open_fd` and `close_fd` announce where its life begins and
  ends, so that a number which the kernel gives out again is not mistaken for the old one.
- When a read from a TCP socket returns less than was asked for, the socket is empty
  (epoll(7)). The next read then waits at once instead of trying in vain. An end of file,
  an error or urgent data switches this off, and so does every wait for reading, which uses up
  the poller's news. It is never used for UNIX sockets, where a read also stops at a message
  that carries descriptors. A large read that got all it asked for says nothing; so Linux
  is asked to tell what is left with the reads to come (TCP_INQ). That comes as
  ancillary data, and whoever else receives such data from the socket must not see it
  (`hide_what_is_left`).
- Before an operation is tried, the coroutine's budget of selfish acts is charged, and it
  may have to let others run first. Nothing has been read or written at that point, so
  an interrupt there loses nothing.
- Who has to wait takes the **turn** for reading or for writing, and others who want the
  same queue up behind: first come, first served. So what two coroutines send through one
  socket is not mixed, two `recv_exact` do not tear each other's data apart, and one new
  connection wakes one of those who accept. An operation that need not wait takes no turn:
  nobody else runs between its try and the wait after it. Should somebody do so all the same
  (a finalizer, another OS thread while a file is read), the try is made again.
"""

cimport cython
from cpython.ref cimport PyObject
from libc.errno cimport EAGAIN, ECONNRESET, EINTR, errno
from libc.stdint cimport int64_t

from coro.interface.capi cimport (
    CORO_ANNOUNCED, CORO_FOREVER, CORO_READ, CORO_TRIED, CORO_WRITE, CoroCAPI, Coro_Import,
)
from coro_sock._errors cimport raise_errno, raise_error
from coro_sock._platform cimport (
    AF_INET, AF_INET6, IPPROTO_TCP, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, SOCK_STREAM, c_close, coro_tell_what_is_left,
)

import os
from collections import deque

from coro.errors import ClosedError

cdef extern from *:
    const char *CORO_DISTRIBUTION  # "coro-sock 1.2.3", from the build

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

cdef enum:
    WAITS_BEFORE_PAUSE = 2
    FIRST_PAUSE = 1_000_000       # ns
    LONGEST_PAUSE = 50_000_000    # ns
    DOUBLINGS = 6                 # from the first to the longest

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)

cdef Py_ssize_t live = 0
cdef unsigned int forks = 0


def after_fork_in_child():
    global forks
    forks += 1


os.register_at_fork(after_in_child=after_fork_in_child)


cdef Py_ssize_t live_descriptors() noexcept:
    return live


cdef int64_t pause_after(int failures) noexcept:
    """How long to let others run (ns) before a try that has failed so often, 1 and more."""
    return min(<int64_t> LONGEST_PAUSE, <int64_t> FIRST_PAUSE << min(failures - 1, <int> DOUBLINGS))


@cython.auto_pickle(False)
cdef class Descriptor:
    """An open file that never blocks."""

    def __cinit__(self):
        global live
        live += 1
        self.fd = self.orig_fd = -1
        self.timeout = -1

    def __dealloc__(self):
        global live
        live -= 1
        if self.fd >= 0:
            try:
                core.close_fd(self.fd)
            except Exception:
                pass  # the thread's scheduler has ended, and with it who could wait
            c_close(self.fd)
            self.fd = -1

    def __reduce__(self):
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled: its descriptor is its own")

    # -- its life

    cdef int own(self, int fd, bint is_socket) except -1:
        """Begin with this descriptor; the kind of socket has been set."""
        self.fd = self.orig_fd = fd
        self.is_socket = is_socket
        self.empties_by_short_read = (
            is_socket
            and (self.domain == AF_INET or self.domain == AF_INET6)
            and self.stype == SOCK_STREAM
            and (self.protocol == 0 or self.protocol == IPPROTO_TCP))
        return core.open_fd(fd)

    cdef int inherit(self, Descriptor other, int fd) except -1:
        """Begin with this new descriptor, which is of the same kind as that of `other`."""
        self.domain = other.domain
        self.stype = other.stype
        self.protocol = other.protocol
        self.own(fd, other.is_socket)
        self.empties_by_short_read = other.empties_by_short_read
        return 0

    cdef int hide_what_is_left(self) except -1:
        """Ask no more what is left to read: somebody else would be told of it too."""
        if self.telling == TELLS and self.fd >= 0:
            coro_tell_what_is_left(self.fd, False)
        self.telling = TELLS_NOTHING
        return 0

    cdef int open_fd(self) except -1:
        """The descriptor, or ClosedError."""
        if self.fd < 0:
            raise ClosedError(
                "the socket is closed" if self.orig_fd < 0 else
                f"the socket is closed (it had descriptor {self.orig_fd})")
        return self.fd

    cdef int close_fd(self) except -1:
        """Close it; who waits on it gets ClosedError."""
        cdef int fd = self.let_go(core.close_fd)
        # The number is free whatever close(2) says; EINTR must not be retried on Linux.
        if fd >= 0 and c_close(fd) < 0 and errno != EINTR and errno != ECONNRESET:
            raise_errno()
        return 0

    cdef int release_fd(self) except -2:
        """Give it away, and its number back; -1 if it was closed."""
        self.hide_what_is_left()
        return self.let_go(core.release_fd)

    cdef int let_go(self, int (*tell)(int fd) except -1) except -2:
        cdef int fd = self.fd
        if fd < 0:
            return -1
        self.fd = -1
        self.kept = None
        tell(fd)
        if self.readers or self.writers or self.pausing:
            for waiting in (*(self.readers or ()), *(self.writers or ()), *(self.pausing or ())):
                core.wake(waiting)
        return fd

    # -- an operation

    cdef int begin(self, Attempt *attempt, int events, int flags) except -1:
        """Before the first try, which is for reading or for writing (`events`), with the flags
        of send(2) and recv(2). Nothing has been done if this raises."""
        attempt.events = events
        attempt.at_once = self.timeout == 0 or flags & (MSG_DONTWAIT | MSG_ERRQUEUE)
        attempt.has_turn = False
        attempt.futile = 0
        attempt.deadline = NOT_YET
        self.open_fd()
        core.selfish_act()
        if flags & MSG_ERRQUEUE:
            return 0  # a queue of its own, which is none of those who wait for data
        if flags & MSG_OOB and events == CORO_READ:
            # Once the urgent byte is taken the kernel tells of it no more, but a read still stops where it stood.
            self.empties_by_short_read = self.drained = False
        if (self.taken | self.awaited) & events:
            self.take_turn(attempt)
        return self.wait_if_drained(attempt) if self.drained and flags == 0 else 0

    cdef int go_on(self, Attempt *attempt, int flags) except -1:
        """After a try that has done a part, and before the next one."""
        attempt.futile = 0
        self.take_turn(attempt)
        core.selfish_act()
        return self.wait_if_drained(attempt) if self.drained and flags == 0 else 0

    cdef int wait_if_drained(self, Attempt *attempt) except -1:
        if attempt.events == CORO_WRITE or attempt.at_once or self.kept is not None:
            return 0
        self.take_turn(attempt)
        return self.wait(attempt, 0)

    cdef int refused(self, Attempt *attempt, int error) except -1:
        """A try has failed: wait if it only has to be tried again, else raise."""
        if error == EINTR:
            return PyErr_CheckSignals()
        self.open_fd()  # it may have been closed while the operation waited to begin
        if error != EAGAIN or attempt.at_once:
            raise_error(error)
        if self.take_turn(attempt):
            return 0  # that took a while, and the refusal is no news any more
        attempt.futile += 1
        if attempt.futile <= WAITS_BEFORE_PAUSE:
            return self.wait(attempt, CORO_TRIED)
        # The poller says again and again that it is ready, when it is not: an error that waits
        # in another queue (MSG_ERRQUEUE), urgent data, some devices.
        self.pause(attempt, b"socket", pause_after(attempt.futile - WAITS_BEFORE_PAUSE))
        return self.wait(attempt, 0)

    cdef int wait(self, Attempt *attempt, int how) except -1:
        self.set_deadline(attempt)
        if not core.wait_fd(self.open_fd(), attempt.events | CORO_ANNOUNCED | how, attempt.deadline):
            raise TimeoutError("timed out")
        if attempt.events == CORO_READ:
            self.drained = False  # this has used up the news of what came
        return 0

    cdef int pause(self, Attempt *attempt, const char *why, int64_t length) except -1:
        """Let others run for a while (ns) before the next try."""
        cdef int64_t until = core.now() + length
        cdef object me = core.current()
        cdef object pausing
        self.set_deadline(attempt)
        self.take_turn(attempt)
        pausing = [] if self.pausing is None else None  # before the look, see `queue`
        if self.pausing is None:
            self.pausing = pausing
        pausing = self.pausing
        pausing.append(me)
        try:
            while core.now() < until:
                if core.now() >= attempt.deadline:
                    raise TimeoutError("timed out")
                self.open_fd()
                core.park(why, <PyObject *> self, min(until, attempt.deadline))
        finally:
            pausing.remove(me)
        return 0

    cdef int set_deadline(self, Attempt *attempt) except -1:
        if attempt.deadline == NOT_YET:
            attempt.deadline = CORO_FOREVER if self.timeout < 0 else core.now() + self.timeout
        return 0

    cdef int end(self, Attempt *attempt) except -1:
        """After the last try, however it ended."""
        if attempt.has_turn:
            attempt.has_turn = False
            self.taken &= ~attempt.events
            self.call_next(attempt.events)
        return 0

    # -- turns

    cdef int take_turn(self, Attempt *attempt) except -1:
        """Be the only one who reads, or writes, until `end`; waits for those who came before.
        Whether it had to."""
        cdef bint waited = False
        if attempt.has_turn:
            return False
        if self.turns_since != forks:
            self.forget_turns_of_parent()
        if (self.taken | self.awaited) & attempt.events:
            self.wait_for_turn(attempt)
            waited = True
        attempt.has_turn = True
        self.taken |= attempt.events
        return waited

    cdef int wait_for_turn(self, Attempt *attempt) except -1:
        cdef object me = core.current()
        cdef object queue = self.queue(attempt.events)
        cdef bint called = False
        if attempt.at_once:
            raise_error(EAGAIN)
        self.set_deadline(attempt)
        queue.append(me)
        self.awaited |= attempt.events
        try:
            while not called:
                if not core.park("turn to read" if attempt.events == CORO_READ else "turn to write",
                                 <PyObject *> self, attempt.deadline):
                    raise TimeoutError("timed out")
                self.open_fd()
                called = queue[0] is me and not self.taken & attempt.events
        finally:
            queue.remove(me)
            if not queue:
                self.awaited &= ~attempt.events
            if not called:
                self.call_next(attempt.events)
        return 0

    cdef int call_next(self, int events) except -1:
        """Wake the first who waits for the turn, if nobody has it. Should that one be on its
        way out, it will call the next in `wait_for_turn`."""
        if self.awaited & events and not self.taken & events:
            core.wake(self.queue(events)[0])
        return 0

    cdef object queue(self, int events):
        """The coroutines that wait for a turn, a deque."""
        if (self.readers if events == CORO_READ else self.writers) is None:
            made = deque()  # up to 3.11 this may collect garbage, and finalizers let other OS threads run
            if events == CORO_READ and self.readers is None:
                self.readers = made
            elif events != CORO_READ and self.writers is None:
                self.writers = made
        return self.readers if events == CORO_READ else self.writers

    cdef void forget_turns_of_parent(self) noexcept:
        """After a fork, those who had the turns and waited for them are not in this process.
        (If the one who forked had a turn, it is free now too; it goes on, but not alone.)"""
        self.turns_since = forks
        self.taken = self.awaited = 0
        self.readers = self.writers = self.pausing = None
