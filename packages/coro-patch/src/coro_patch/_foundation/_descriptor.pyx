"""Reading and writing descriptors that may have to wait: pipes, terminals, sockets, eventfds.

What belongs here: what `os.read` and `io.FileIO.readinto`, `os.write` and `io.FileIO.write` have
in common. Files on disks are always ready, and left to the originals.

The mode of the descriptor stays as the program set it, because other processes may share it. So
each try is one that cannot wait (preadv2(2) with RWF_NOWAIT, recv(2) with MSG_DONTWAIT; see
`_platform.h`): to poll first and to read then would wait if another reader took the data in
between. Only if the kernel says EAGAIN is the mode looked at: what the program itself made
non-blocking is left to the original, which says so.

A blocking write(2) writes everything. So does this one, piece by piece: of several that write
more than PIPE_BUF bytes at once to one pipe the pieces may mix, as they may in the kernel.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.ref cimport PyObject
from libc.errno cimport EAGAIN, EINTR, errno

from coro.interface.capi cimport CORO_FOREVER, CORO_READ, CORO_SCRATCH_SIZE, CORO_WRITE, CoroCAPI, Coro_Import
from coro_patch._foundation._identity cimport in_coroutine

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef extern from "_platform.h":
    const int CORO_PLAIN, CORO_TERMINAL
    int coro_kind_of_file(int fd)
    int coro_is_nonblocking(int fd)
    int coro_raise_error(int error) except -1
    ssize_t coro_read_now(int fd, void *buffer, size_t size, int kind)
    ssize_t coro_write_now(int fd, const void *buffer, size_t size, int kind)

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

cdef enum:
    LARGEST_WRITE_TO_TERMINAL = 256  # bytes at a time: what it has room for is not told

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)


cdef bint may_wait(int fd, int *kind) noexcept:
    """Whether the calls below are for this descriptor, and here; of what kind it is."""
    if not in_coroutine():
        return False
    kind[0] = coro_kind_of_file(fd)
    return kind[0] != CORO_PLAIN


cdef bint cannot_wait_here():
    """In a signal's handler that struck a wait: it has to be done before anything else is."""
    cdef int is_main = 0
    cdef PyObject *running = core.running(&is_main)
    return running == NULL or (<object> running).waiting is not None


cdef int not_now(int fd, int error, int events) except -1:
    """A try has failed: 1 if it is to be made again; 0 if the original knows better."""
    if error == EINTR:
        PyErr_CheckSignals()
        return 1
    if error != EAGAIN:
        coro_raise_error(error)
    if coro_is_nonblocking(fd) or cannot_wait_here():
        return 0
    core.wait_fd(fd, events, CORO_FOREVER)
    return 1


cdef Py_ssize_t read_into(int fd, char *buffer, Py_ssize_t size, int kind) except -2:
    """How many bytes were read, 0 at the end; -1 if the original is to be called. Nothing can
    switch between the read and the return."""
    cdef ssize_t n
    core.selfish_act()
    while True:
        n = coro_read_now(fd, buffer, size, kind)
        if n >= 0:
            return n
        if not not_now(fd, errno, CORO_READ):
            return -1


cdef bytes read_bytes(int fd, Py_ssize_t size, int kind):
    """At most `size` bytes; None if the original is to be called."""
    cdef Py_ssize_t n, room
    cdef char *scratch
    if size <= CORO_SCRATCH_SIZE:
        scratch = core.scratch(&room)
        n = read_into(fd, scratch, size, kind)
        return None if n < 0 else PyBytes_FromStringAndSize(scratch, n)
    data = PyBytes_FromStringAndSize(NULL, size)
    n = read_into(fd, PyBytes_AS_STRING(data), size, kind)
    return None if n < 0 else data[:n]


cdef Py_ssize_t write_from(int fd, const char *buffer, Py_ssize_t size, int kind) except -2:
    """How many bytes were written: all, unless an error came in between, which comes again with
    the next call. -1 if the original is to be called."""
    cdef Py_ssize_t most, done = 0
    cdef ssize_t n
    core.selfish_act()
    while True:
        most = size - done
        if kind == CORO_TERMINAL:
            most = min(most, LARGEST_WRITE_TO_TERMINAL)
        n = coro_write_now(fd, buffer + done, most, kind)
        if n >= 0:
            done += n
            if done >= size:
                return done
        elif done and errno != EAGAIN and errno != EINTR:
            return done
        elif not not_now(fd, errno, CORO_WRITE):
            return done if done else -1
