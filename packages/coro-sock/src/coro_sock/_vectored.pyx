"""Reading into and writing from many buffers with one system call.

What belongs here: `readv` and `writev`, and where they are when the kernel has taken only a
part: a `Place`, which is a buffer of the list and an offset in it.

The array of pointers that readv(2) wants is written into the scheduler's scratch buffer just
before each call, so none is allocated and none stands on a stack that may switch. At most
IOV_MAX buffers go into one call.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.buffer cimport PyBuffer_IsContiguous
from libc.errno cimport errno
from libc.string cimport memcpy, memset

from coro.interface.capi cimport CORO_READ, CORO_WRITE, CoroCAPI, Coro_Import
from coro_sock._descriptor cimport Attempt, Descriptor
from coro_sock._platform cimport (
    IOV_MAX, MSG_NOSIGNAL, SOCK_STREAM, c_readv, c_sendmsg, c_writev, iovec, msghdr,
)
from coro_sock._stream cimport keep, take_kept

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef extern from "Python.h":
    Py_buffer *PyMemoryView_GET_BUFFER(object view)

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)


# --- buffers ----------------------------------------------------------------------------


cdef struct Place:
    Py_ssize_t index   # of the buffer, in the list
    Py_ssize_t offset  # in that buffer


cdef inline char *start_of(object part) noexcept:
    if PyBytes_CheckExact(part):
        return PyBytes_AS_STRING(part)
    return <char *> PyMemoryView_GET_BUFFER(part).buf


cdef inline Py_ssize_t size_of(object part) noexcept:
    if PyBytes_CheckExact(part):
        return PyBytes_GET_SIZE(part)
    return PyMemoryView_GET_BUFFER(part).len


cdef list buffers(object data):
    """The data as a list of bytes and memoryviews; the latter hold on to their buffers."""
    cdef list parts = []
    for number, each in enumerate(data):
        if not PyBytes_CheckExact(each):
            try:
                each = memoryview(each)
            except TypeError:
                raise TypeError(
                    f"data[{number}] must be an object with the buffer protocol, not "
                    f"{type(each).__name__}") from None
            if not PyBuffer_IsContiguous(PyMemoryView_GET_BUFFER(each), b"C"):
                raise BufferError(f"data[{number}] is not contiguous")
        parts.append(each)
    return parts


cdef iovec *pointers(list parts, Place place, int *count, Py_ssize_t *total) except NULL:
    """What is left of the buffers from `place` on, as readv(2) wants it, in scratch."""
    cdef Py_ssize_t room, offset = place.offset
    cdef iovec *vector = <iovec *> core.scratch(&room)
    cdef Py_ssize_t n = min(<Py_ssize_t> IOV_MAX, room // <Py_ssize_t> sizeof(iovec),
                            len(parts) - place.index)
    count[0] = <int> n
    total[0] = 0
    for i in range(n):
        part = parts[place.index + i]
        vector[i].iov_base = start_of(part) + offset
        vector[i].iov_len = size_of(part) - offset
        total[0] += vector[i].iov_len
        offset = 0
    return vector


cdef Place advance(list parts, Place place, Py_ssize_t n) noexcept:
    """The place `n` bytes further on; never at the end of a buffer."""
    place.offset += n
    while place.index < len(parts) and place.offset >= size_of(parts[place.index]):
        place.offset -= size_of(parts[place.index])
        place.index += 1
    return place


# --- reading ----------------------------------------------------------------------------


cdef ssize_t try_readv(Descriptor self, list parts, Place place) except -2:
    cdef int count
    cdef Py_ssize_t total
    cdef iovec *vector = pointers(parts, place, &count, &total)
    cdef ssize_t n = c_readv(self.fd, vector, count)
    self.drained = self.empties_by_short_read and 0 < n < total
    return n


cdef tuple readv(Descriptor self, object sizes):
    """Buffers of these sizes, filled; fewer, the last one cut, if the stream ends before."""
    cdef Attempt attempt
    cdef list parts = [new_buffer(size) for size in sizes]
    cdef Place place
    cdef ssize_t n
    self.open_fd()
    place.index = place.offset = 0
    place = advance(parts, place, 0)
    if place.index == len(parts):
        return tuple(parts)
    try:
        self.begin(&attempt, CORO_READ, 0)
        if self.kept is not None:
            place = give_kept(self, parts, place)
        while place.index < len(parts):
            n = try_readv(self, parts, place)
            if n > 0:
                place = advance(parts, place, n)
                if place.index < len(parts):
                    self.go_on(&attempt, 0)
            elif n == 0:
                break
            else:
                self.refused(&attempt, errno)
        return filled(parts, place)
    except BaseException:
        data = b"".join(filled(parts, place))
        if data:
            keep(self, data)
        raise
    finally:
        self.end(&attempt)


cdef bytes new_buffer(object size):
    cdef Py_ssize_t number = size
    if number < 0:
        raise ValueError(f"size_list must not contain negative sizes, but has {number}")
    return PyBytes_FromStringAndSize(NULL, number)


cdef tuple filled(list parts, Place place):
    """What has come of the buffers up to `place`."""
    cdef list found = parts[:place.index]
    if place.offset:
        found.append(parts[place.index][:place.offset])
    return tuple(found)


cdef Place give_kept(Descriptor self, list parts, Place place):
    cdef bytes data
    while self.kept is not None and place.index < len(parts):
        data = take_kept(self, size_of(parts[place.index]) - place.offset, 0)
        memcpy(start_of(parts[place.index]) + place.offset, PyBytes_AS_STRING(data), len(data))
        place = advance(parts, place, len(data))
    return place


# --- writing ----------------------------------------------------------------------------


cdef ssize_t try_writev(Descriptor self, list parts, Place place) except -2:
    cdef msghdr message
    cdef int count
    cdef Py_ssize_t total
    cdef iovec *vector = pointers(parts, place, &count, &total)
    if not self.is_socket:
        return c_writev(self.fd, vector, count)
    # writev(2) on a socket could end the process with SIGPIPE.
    memset(&message, 0, sizeof(message))
    message.msg_iov = vector
    message.msg_iovlen = count
    return c_sendmsg(self.fd, &message, MSG_NOSIGNAL)


cdef Py_ssize_t writev(Descriptor self, object data) except -1:
    """Write all of these, and nothing of others in between; how many bytes that were."""
    cdef Attempt attempt
    cdef list parts = buffers(data)
    cdef Py_ssize_t written = 0
    cdef Place place
    cdef ssize_t n
    if self.is_socket and self.stype != SOCK_STREAM and len(parts) > IOV_MAX:
        parts = [b"".join(parts)]  # a message cannot be sent in two calls
    place.index = place.offset = 0
    if self.stype == SOCK_STREAM or not self.is_socket:
        self.open_fd()
        place = advance(parts, place, 0)
        if place.index == len(parts):
            return 0
    try:
        self.begin(&attempt, CORO_WRITE, 0)
        while True:
            n = try_writev(self, parts, place)
            if n >= 0:
                written += n
                place = advance(parts, place, n)
                if place.index == len(parts):
                    return written
                attempt.futile = 0
            elif written and attempt.at_once:
                return written
            else:
                self.refused(&attempt, errno)
    finally:
        self.end(&attempt)
