"""Waiting for a descriptor without reading or writing.

What belongs here: `wait_for_read` and `wait_for_write`, and how much can then be done. They
take no turn, since they take nothing away, not even the news for those who read: everybody
who waits is told.
"""

from libc.errno cimport EAGAIN

from coro.interface.capi cimport CORO_READ, CORO_WRITE, CoroCAPI, Coro_Import
from coro_sock._descriptor cimport NOT_YET, Attempt, Descriptor
from coro_sock._errors cimport raise_errno, raise_error
from coro_sock._platform cimport coro_is_ready, coro_readable_amount, coro_writable_amount

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)


cdef long wait_until_ready(Descriptor self, int events) except -1:
    """Wait for reading or writing; the amount of what can be read, or of free room."""
    cdef Attempt attempt
    cdef int ready
    attempt.events = events
    attempt.deadline = NOT_YET
    self.open_fd()
    core.selfish_act()
    if events == CORO_READ and self.kept is not None:
        return len(self.kept)
    while True:
        ready = coro_is_ready(self.open_fd(), events == CORO_WRITE)
        if ready < 0:
            raise_errno()
        if ready:
            break
        if self.timeout == 0:
            raise_error(EAGAIN)
        self.set_deadline(&attempt)
        # Not as the owner of the descriptor (CORO_ANNOUNCED): that takes the news away.
        if not core.wait_fd(self.fd, events, attempt.deadline) or core.now() >= attempt.deadline:
            raise TimeoutError("timed out")
    if events == CORO_READ:
        return coro_readable_amount(self.fd)
    return coro_writable_amount(self.fd, self.is_socket)
