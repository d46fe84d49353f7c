"""A socket that is accepted, and read by one coroutine that closes it: a server's connection.

What belongs here: `Connection`, an ordinary `socket.socket` otherwise, that receives with fewer
system calls. The emulation knows nothing of how other sockets live, so each of their waits makes the
kernel look anew. This one tells the poller when its descriptor begins its life (CORO_ANNOUNCED): the
kernel is told once, and from then on tells each change. So where less has come than was asked for,
nothing more is there yet, and the next `recv` waits for news before it tries.

Others may read from it too, by any method: what they do not take is news for this one.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EBADF, EINTR, errno

from coro.interface.capi cimport (
    CORO_ANNOUNCED, CORO_FOREVER, CORO_READ, CORO_SCRATCH_SIZE, CORO_TRIED, CoroCAPI, Coro_Import,
)
from coro_patch._emulated._socket cimport fd_of, timeout_of

import socket

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef extern from "_platform.h":
    const int MSG_DONTWAIT
    int coro_raise_error(int error) except -1
    ssize_t c_recv "recv"(int fd, void *buffer, size_t size, int flags)

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)


class Connection(socket.socket):
    """A connected socket.

    Args:
        family, type, proto, fileno: as for `socket.socket`. It has been given the descriptor now.
    """

    drained = False  # nothing was there any more after the last `recv`

    def __init__(self, family=-1, type=-1, proto=-1, fileno=None):  # no-cython-lint - the names of socket.socket
        super().__init__(family, type, proto, fileno)
        core.open_fd(fd_of(self))

    def recv(self, Py_ssize_t bufsize, int flags=0, /):
        """Receive up to `bufsize` bytes: see `socket.socket.recv`."""
        cdef Py_ssize_t room
        cdef ssize_t n
        cdef char *scratch
        if flags or timeout_of(self) >= 0 or not 0 < bufsize <= CORO_SCRATCH_SIZE:
            return super().recv(bufsize, flags)
        core.selfish_act()
        if self.drained:
            wait(self, 0)
        while True:
            scratch = core.scratch(&room)
            n = c_recv(fd_of(self), scratch, bufsize, MSG_DONTWAIT)
            if n >= 0:
                self.drained = 0 < n < bufsize
                return PyBytes_FromStringAndSize(scratch, n)
            if errno == EINTR:
                PyErr_CheckSignals()
            elif errno == EAGAIN:
                wait(self, CORO_TRIED)
            else:
                coro_raise_error(errno)

    def settimeout(self, value, /):
        """Set the timeout: see `socket.socket.settimeout`, which tells the kernel each time. This
        one does so only if that is another timeout."""
        if value is not None or timeout_of(self) >= 0:
            super().settimeout(value)


cdef int wait(self, int how) except -1:
    cdef int fd = fd_of(self)
    if fd < 0:
        coro_raise_error(EBADF)
    core.wait_fd(fd, CORO_READ | CORO_ANNOUNCED | how, CORO_FOREVER)
    self.drained = False
    return 0
