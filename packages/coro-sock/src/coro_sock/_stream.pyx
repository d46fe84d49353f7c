"""Receiving and sending plain bytes.

What belongs here: `recv`, `recv_into`, `recv_exact` and `send`, and what an interrupted
receive leaves for the next one. They serve any descriptor: of one that is no socket they
read(2) and write(2).

An operation that takes several reads, such as `recv_exact`, may be interrupted after some of
them. What it has read then stays with the socket (`kept`), and is what the next receive
returns first.

Where the data goes: a small receive lands in the scheduler's scratch buffer and is copied
out at its size at once: nothing else may run between the recv(2) and the copy. A large one
goes straight into a bytes object of the size that was asked for, which is cut to what came;
it is made for each try, so that nothing large is held during a wait.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport (
    PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE,
)
from cpython.ref cimport Py_DECREF, PyObject
from libc.errno cimport ENOTSOCK, errno
from libc.string cimport memcpy, memset

from coro.interface.capi cimport CORO_READ, CORO_SCRATCH_SIZE, CORO_WRITE, CoroCAPI, Coro_Import
from coro_sock._descriptor cimport MAY_TELL, TELLS, TELLS_NOTHING, Attempt, Descriptor
from coro_sock._platform cimport (
    MSG_DONTWAIT, MSG_ERRQUEUE, MSG_NOSIGNAL, MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, SOCK_STREAM, c_read,
    c_recv, c_send, c_write, coro_recv_and_tell, coro_tell_what_is_left,
)

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef enum:
    LARGE = 16384              # bytes from which a copy costs more than cutting an object
    HUGE = 1 << 24             # bytes that are worth a look whether they can be had
    LONGEST_READ = 0x7FFFF000  # bytes; what Linux does at the most

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)


# --- one try ----------------------------------------------------------------------------


cdef inline ssize_t try_recv(Descriptor self, char *buffer, Py_ssize_t size, int flags) noexcept:
    """One recv(2), or read(2); -1 and errno if it fails."""
    cdef ssize_t n
    cdef int left = -1
    if size > LONGEST_READ:
        size = LONGEST_READ
    if not self.is_socket:
        return try_read(self, buffer, size, flags)
    if flags & MSG_TRUNC and self.stype == SOCK_STREAM:
        memset(buffer, 0, size)  # the kernel drops the data, and counts it as received
    if size >= LARGE and flags == 0 and self.telling == TELLS:
        n = coro_recv_and_tell(self.fd, buffer, size, &left)
    else:
        n = c_recv(self.fd, buffer, size, flags)
    if flags == 0:
        self.reads_are_large = n >= LARGE
        self.drained = self.empties_by_short_read and (0 < n < size or n > 0 and left == 0)
        if self.reads_are_large and n == size and self.telling == MAY_TELL and self.empties_by_short_read:
            self.telling = TELLS if coro_tell_what_is_left(self.fd, True) >= 0 else TELLS_NOTHING
    return n


cdef ssize_t try_read(Descriptor self, char *buffer, Py_ssize_t size, int flags) noexcept:
    if flags & ~MSG_DONTWAIT:
        (&errno)[0] = ENOTSOCK
        return -1
    return c_read(self.fd, buffer, size)


cdef ssize_t try_send(Descriptor self, const char *data, Py_ssize_t size, int flags) noexcept:
    """One send(2), or write(2); -1 and errno if it fails."""
    if self.is_socket:
        return c_send(self.fd, data, size, flags | MSG_NOSIGNAL)
    if flags & ~MSG_DONTWAIT:
        (&errno)[0] = ENOTSOCK
        return -1
    return c_write(self.fd, data, size)


# --- receiving --------------------------------------------------------------------------


cdef object recv(Descriptor self, Py_ssize_t size, int flags):
    """What has come, at most `size` bytes."""
    cdef Attempt attempt
    cdef Py_ssize_t room
    cdef char *scratch
    cdef ssize_t n
    if flags & MSG_WAITALL or size > CORO_SCRATCH_SIZE or self.reads_are_large:
        return recv_otherwise(self, size, flags)
    try:
        self.begin(&attempt, CORO_READ, flags)
        if has_kept(self, flags):
            return take_kept(self, size, flags)
        while True:
            scratch = core.scratch(&room)
            n = try_recv(self, scratch, size, flags)
            if n >= 0:
                return PyBytes_FromStringAndSize(scratch, min(n, size))  # MSG_TRUNC: n may be larger
            self.refused(&attempt, errno)
    finally:
        self.end(&attempt)


cdef object recv_otherwise(Descriptor self, Py_ssize_t size, int flags):
    if waits_for_all(self, flags):
        return recv_all(self, size, flags)
    return recv_large(self, size, flags)


cdef object recv_large(Descriptor self, Py_ssize_t size, int flags):
    cdef Attempt attempt
    cdef PyObject *made
    cdef ssize_t n
    cdef int error
    need_memory(size)
    try:
        self.begin(&attempt, CORO_READ, flags)
        if has_kept(self, flags):
            return take_kept(self, size, flags)
        while True:
            made = new_bytes(NULL, size)
            n = try_recv(self, bytes_start(made), size, flags)
            if n >= 0:
                return cut(made, size, min(n, size))
            error = errno
            Py_DECREF(<object> made)
            self.refused(&attempt, error)
    finally:
        self.end(&attempt)


cdef int need_memory(Py_ssize_t size) except -1:
    """MemoryError now, and not after a wait, if so much cannot be had."""
    if size >= HUGE:
        Py_DECREF(<object> new_bytes(NULL, size))
    return 0


cdef object cut(PyObject *made, Py_ssize_t size, Py_ssize_t n):
    """The bytes object `made` of `size` bytes, whose owner gives it up here, cut to `n`."""
    if n < size:
        shrink_bytes(&made, n)  # frees it if it fails
    data = <object> made
    Py_DECREF(data)
    return data


cdef Py_ssize_t recv_into(Descriptor self, char *buffer, Py_ssize_t size, int flags) except -1:
    """The same into a buffer; how much came."""
    cdef Attempt attempt
    cdef ssize_t n
    if waits_for_all(self, flags):
        return fill(self, buffer, size, flags & ~MSG_WAITALL)
    try:
        self.begin(&attempt, CORO_READ, flags)
        if has_kept(self, flags):
            return give_kept(self, buffer, size, flags)
        while True:
            n = try_recv(self, buffer, size, flags)
            if n >= 0:
                return n
            self.refused(&attempt, errno)
    finally:
        self.end(&attempt)


cdef bint waits_for_all(Descriptor self, int flags) noexcept:
    """Whether recv(2) would wait for the full amount if it could wait."""
    return (flags & MSG_WAITALL and self.stype == SOCK_STREAM and self.timeout != 0
            and not flags & (MSG_DONTWAIT | MSG_PEEK | MSG_OOB | MSG_ERRQUEUE))


cdef bytes recv_all(Descriptor self, Py_ssize_t size, int flags):
    cdef bytes data = PyBytes_FromStringAndSize(NULL, size)
    cdef Py_ssize_t have = fill(self, PyBytes_AS_STRING(data), size, flags & ~MSG_WAITALL)
    return data if have == size else data[:have]


cdef bytes recv_exact(Descriptor self, Py_ssize_t size):
    """Exactly `size` bytes, or EOFError with what came."""
    cdef bytes data
    cdef Py_ssize_t have
    self.open_fd()  # the more likely error comes before MemoryError
    data = PyBytes_FromStringAndSize(NULL, size)
    have = fill(self, PyBytes_AS_STRING(data), size, 0)
    if have < size:
        raise EOFError(data[:have])
    return data


cdef Py_ssize_t fill(Descriptor self, char *buffer, Py_ssize_t size, int flags) except -1:
    """Receive until the buffer is full or the stream ends; how much came. Nobody else reads
    in between."""
    cdef Attempt attempt
    cdef Py_ssize_t have = 0
    cdef ssize_t n
    self.open_fd()
    if size == 0:
        return 0
    try:
        self.begin(&attempt, CORO_READ, flags)
        if self.kept is not None:
            have = give_kept(self, buffer, size, 0)
        while have < size:
            n = try_recv(self, buffer + have, size - have, flags)
            if n > 0:
                have += n
                if have < size:
                    self.go_on(&attempt, flags)
            elif n == 0:
                break
            else:
                self.refused(&attempt, errno)
        return have
    except BaseException:
        if have:
            keep(self, buffer[:have])
        raise
    finally:
        self.end(&attempt)


# --- what an interrupted operation had received -------------------------------------------


cdef bint has_kept(Descriptor self, int flags) noexcept:
    """Whether such a receive is answered from `kept`."""
    return self.kept is not None and not flags & (MSG_OOB | MSG_ERRQUEUE)


cdef int keep(Descriptor self, bytes data) except -1:
    """Leave this for the next receive."""
    if self.fd >= 0:
        self.kept = data if self.kept is None else data + self.kept
    return 0


cdef bytes take_kept(Descriptor self, Py_ssize_t size, int flags):
    cdef bytes data = self.kept
    if not flags & MSG_PEEK:
        self.kept = None if size >= len(data) else data[size:]
    return data[:size]


cdef Py_ssize_t give_kept(Descriptor self, char *buffer, Py_ssize_t size, int flags) except -1:
    cdef bytes data = take_kept(self, size, flags)
    memcpy(buffer, PyBytes_AS_STRING(data), len(data))
    return len(data)


# --- sending ----------------------------------------------------------------------------


cdef Py_ssize_t send(Descriptor self, const char *data, Py_ssize_t size, int flags) except -1:
    """Send all of it, and nothing of others in between; returns `size`."""
    cdef Attempt attempt
    cdef Py_ssize_t sent = 0
    cdef ssize_t n
    try:
        self.begin(&attempt, CORO_WRITE, flags)
        while True:
            n = try_send(self, data + sent, size - sent, flags)
            if n >= 0:
                sent += n
                if sent >= size:
                    return sent
                attempt.futile = 0
            elif sent and attempt.at_once:
                return sent
            else:
                self.refused(&attempt, errno)
    finally:
        self.end(&attempt)


cdef Py_ssize_t send_data(Descriptor self, object data, int flags) except -1:
    """The same for any contiguous object with the buffer protocol."""
    cdef Py_buffer view
    if PyBytes_CheckExact(data):
        return send(self, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), flags)
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        return send(self, <const char *> view.buf, view.len, flags)
    finally:
        PyBuffer_Release(&view)
